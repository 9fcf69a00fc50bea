"""A whole installation in a folder of its own, durable, with one department's certificates."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from stdnum.cn import uscc

from bench import baselines
from certstore.trust import TrustAnchors
from certstore.verify import Verdict, Verifier
from exchange import embedded, migrating
from exchange.certificates.issuing import Issuing
from exchange.certificates.places import Places
from exchange.certificates.records import Issuable
from exchange.certificates.signing import signing_for
from exchange.clock import SystemClock
from exchange.departments.records import Department, System
from exchange.governance.service import operator
from exchange.hub import Hub, build_hub
from exchange.items.definitions import Item
from exchange.keys import make_keys
from exchange.settings import load_settings
from policies.engine import PolicyEngine

BASIC_CODE = "000131072001"
CLIENT = "bench-approval"
WARM_UP = 4000
TURN = 250


def _department(stem: str) -> str:
    return stem + str(uscc.calc_check_digit(stem))


ISSUER = _department("11440000MB2D01234")
ASKER = _department("11440000MB2G07890")


class Installation:
    """PostgreSQL with everything durable, a hub over it, and the processes that serve it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._holders: list[str] = []

    def __enter__(self) -> Installation:
        self.postgres = embedded.start(self._folder / "postgres")
        migrating.migrate(self.postgres.url("yici_owner"))
        passphrase = secrets.token_hex(16)
        self._port = _free_port()
        os.environ.update(
            YICI_DATABASE_URL=self.postgres.url("yici_app"),
            YICI_PUBLIC_URL=f"http://127.0.0.1:{self._port}",
            YICI_KEYS_DIR=str(self._folder / "keys"),
            YICI_KEYS_PASSPHRASE=passphrase,
            YICI_HOLDER_KEY=secrets.token_hex(32),
            YICI_LOG_ORIGIN="bench.example/log",
            YICI_OBJECTS_DIR=str(self._folder / "objects"),
            YICI_LOG_LEVEL="warning",
        )
        make_keys(self._folder / "keys", passphrase, [ISSUER])
        self.hub: Hub = build_hub(load_settings(), SystemClock())
        self._publish()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hub.engine.dispose()
        embedded.stop(self._folder / "postgres", immediate=True)

    def issue(self, count: int) -> float:
        """Certificates per second from clean rows to signed certificates in the database."""
        rows = [clean_row(n) for n in range(count)]
        self._holders = [row.holder_id for row in rows]
        snapshot = self.hub.access.snapshot()
        settings = self.hub.settings
        issuing = Issuing(
            self.hub.work, self.hub.clock, Places(settings.public_url), settings.holder_key_bytes
        )
        with signing_for(self.hub.keys, ISSUER, workers=os.cpu_count() or 1) as signing:
            department, kind = snapshot.departments[ISSUER], snapshot.types["business-licence"]
            # The processes start with the first chunk; a register's pull pays for that once.
            for _ in issuing.issue(department, kind, iter(rows[:WARM_UP]), signing=signing):
                pass
            started = time.perf_counter()
            issued = sum(
                counts.issued
                for counts in issuing.issue(department, kind, iter(rows[WARM_UP:]), signing=signing)
            )
            elapsed = time.perf_counter() - started
        assert issued == count - WARM_UP, f"{issued} were issued"
        return issued / elapsed

    def knows(self, numbers: Iterable[int]) -> None:
        """Take the holders of these rows for lookups."""
        self._holders = [clean_row(number).holder_id for number in numbers]

    def verify_offline(self, seconds: float) -> tuple[float, float]:
        """Whole credentials that one core verifies per second with a cached status list, and raw
        verifications, taken in turns: what slows the machine for a while slows both."""
        with self.hub.work.read() as connection:
            found = connection.exec_driver_sql("SELECT credential FROM certificates LIMIT 4000")
            credentials = [row[0] for row in found]
        with self.serving(processes=1):
            document, statuses = self._published(credentials)
        verifier = Verifier(TrustAnchors.from_json(document), statuses)
        now = datetime.now(UTC)

        raw = baselines.raw_verification()
        whole_time = raw_time = 0.0
        count = 0
        while whole_time < seconds / 2:
            for first in range(0, len(credentials), TURN):
                turn = credentials[first : first + TURN]
                started = time.perf_counter()
                for credential in turn:
                    _check(verifier.verify(credential, at=now))
                between = time.perf_counter()
                for _ in turn:
                    raw()
                raw_time += time.perf_counter() - between
                whole_time += between - started
                count += len(turn)
        return count / whole_time, count / raw_time

    @contextmanager
    def serving(self, processes: int) -> Iterator[int]:
        """Serve with some processes; the port."""
        command = [sys.executable, "-m", "exchange", "serve", "--port", str(self._port)]
        server = subprocess.Popen([*command, "--processes", str(processes)])
        try:
            self._wait()
            yield self._port
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)

    def load(self, port: int, connections: int, seconds: float, *, batch: int) -> dict[str, Any]:
        """Drive the served hub with random holders; a batch of 1 is a single lookup."""
        token = self._token()
        bodies = (self._body(batch) for _ in range(4000 if batch == 1 else 40))
        requests = b"".join(
            struct.pack("!I", len(request)) + request
            for request in (_request(body, token, batch) for body in bodies)
        )
        done = subprocess.run(
            [sys.executable, "-m", "bench.load", "127.0.0.1", str(port), str(connections),
             str(seconds)],
            input=requests, stdout=subprocess.PIPE, check=True,
        )  # fmt: skip
        figures: dict[str, Any] = json.loads(done.stdout)
        assert set(figures["statuses"]) == {"200"}, figures
        return figures

    def _publish(self) -> None:
        publishing = self.hub.publishing
        publishing.publish_policy(PolicyEngine.from_directory().text, by="bench")
        publishing.publish_samples(by="bench")
        for code, zh, en in ((ISSUER, "发证部门", "Issuer"), (ASKER, "用证部门", "Asker")):
            publishing.register_department(Department(code, zh, en))
        self._key = ec.generate_private_key(ec.SECP256R1())
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        publishing.register_system(
            System(
                CLIENT, ASKER, "审批", {"keys": [{**jwk, "kid": "1"}]}, frozenset({"lookups"}), None
            )
        )
        self._item = f"{ASKER}1{BASIC_CODE}"
        self.hub.items.publish(
            self.hub.access.permit(operator("bench"), "publish-item"), _item(self._item)
        )
        assert Item.from_json(_item(self._item), version=1).certificate_fields

    def _published(self, credentials: list[str]) -> tuple[bytes, dict[str, str]]:
        document = httpx.get(f"{self.hub.settings.public_url}/v1/trust").content
        uris = {
            jwt.decode(each.split("~")[0], options={"verify_signature": False})["status"][
                "status_list"
            ]["uri"]
            for each in credentials
        }
        return document, {uri: httpx.get(uri).text for uri in uris}

    def _token(self) -> str:
        base = self.hub.settings.public_url
        now = int(time.time())
        assertion = jwt.encode(
            {"iss": CLIENT, "sub": CLIENT, "aud": f"{base}/oauth/token", "iat": now,
             "exp": now + 60, "jti": secrets.token_hex(12)},
            self._key, algorithm="ES256", headers={"kid": "1"},
        )  # fmt: skip
        answer = httpx.post(
            f"{base}/oauth/token",
            data={
                "grant_type": "client_credentials",
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": assertion,
            },
        )
        token: str = answer.raise_for_status().json()["access_token"]
        return token

    def _body(self, batch: int) -> bytes:
        lookups = [
            {
                "certificate_type": "business-licence",
                "holder": {"id_type": "001", "id": random.choice(self._holders)},
                "fields": ["name", "credit_code"],
                "purpose": {"item": self._item, "case": "bench-1"},
                "basis": {"kind": "statutory"},
                "operator": {"account": "bench", "name": "基准", "unit": "窗口"},
            }
            for _ in range(batch)
        ]
        return json.dumps(lookups[0] if batch == 1 else {"lookups": lookups}).encode()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{self._port}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.05)


def _check(verdict: Verdict) -> None:
    assert verdict.integrity.outcome == verdict.status.outcome == "valid", verdict


def _request(body: bytes, token: str, batch: int) -> bytes:
    path = "/v1/lookups" if batch == 1 else "/v1/lookups/batch"
    return (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def clean_row(number: int) -> Issuable:
    """A row of an invented register of enterprises."""
    stem = f"9144{number % 10000:04d}{number:09d}"
    code = stem + str(uscc.calc_check_digit(stem))
    return Issuable(
        source_key=code,
        source_hash=f"{number:064x}",
        serial=code,
        holder_id_type="001",
        holder_id=code,
        holder_name=f"第{number}号贸易有限公司",
        fields={
            "name": f"第{number}号贸易有限公司",
            "credit_code": code,
            "enterprise_type": "有限责任公司",
            "registered_capital": "50(万元人民币)",
            "business_scope": "批发：农副产品、日用百货、建筑材料、五金制品。",
            "region": "广州",
            "address": f"广州市某区某路{number % 900 + 1}号",
            "registered_on": "1997-01-15",
        },
        valid_from=date(1997, 1, 15),
        valid_until=None,
        issued_on=date(1997, 1, 15),
        state="01",
        state_since=None,
        row_number=number + 1,
    )


def _item(code: str) -> dict[str, Any]:
    return {
        "code": code,
        "basic_code": BASIC_CODE,
        "department": ASKER,
        "name": {"zh": "基准事项", "en": "Benchmark item"},
        "legal_ground": "—",
        "time_limit_working_days": 5,
        "materials": [
            {
                "code": "licence",
                "name": {"zh": "营业执照", "en": "Business licence"},
                "ways": [{"certificate": "business-licence", "fields": ["name", "credit_code"]}],
            }
        ],
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
