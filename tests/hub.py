"""A whole hub over a fresh database, served by a real HTTP server, with a clock that tests set."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import jwt
import uvicorn
from pydantic import SecretStr
from stdnum.cn import uscc

from certstore.jws import sign_compact
from certstore.keys import Es256Signer
from exchange.app import create_app
from exchange.certificates.issuing import Issuing
from exchange.certificates.places import Places
from exchange.certificates.records import Issuable
from exchange.certificates.signing import SigningHere
from exchange.clock import SystemClock
from exchange.departments.records import SCOPES, Department, System
from exchange.governance.service import operator
from exchange.hub import Hub, build_hub
from exchange.items.definitions import load_definitions
from exchange.keyring.service import Keyring
from exchange.keys import make_keys
from exchange.settings import Settings
from policies.engine import PolicyEngine
from tests.conftest import Database


def department(stem: str) -> str:
    """A department's code: its 17-character stem with the check character of GB 32100."""
    return stem + uscc.calc_check_digit(stem)


MARKET = department("11440000MB2D01234")
CITY = department("11440100MB2C05678")
TRANSPORT = department("11440300MB2E09012")
SERVICE_CENTRE = department("11440000MB2F03456")
HEALTH = department("11440000MB2G07890")
CULTURE = department("11440000MB2H02468")
AUDIT_OFFICE = department("11440000MB2J01357")


def credit_code(number: int) -> str:
    """A valid unified social credit code of an invented enterprise."""
    return department(f"91440101{number:09d}")


ISSUERS = (MARKET, CITY, TRANSPORT)
EVERYONE = (*ISSUERS, SERVICE_CENTRE, HEALTH, CULTURE, AUDIT_OFFICE)
PASSPHRASE = secrets.token_hex(16)


class SetClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self._ids = SystemClock()

    def now(self) -> datetime:
        return self.at

    def new_id(self) -> UUID:
        return self._ids.new_id()

    def advance(self, **by: float) -> None:
        self.at += timedelta(**by)


class AnsweringWith:
    """A keyring with which somebody else signs the answers."""

    def __init__(self, keys: Keyring, signer: Any) -> None:
        self._keys = keys
        self._signer = signer

    def answering(self, revision: int) -> Any:
        return self._signer

    def refuses(self, token_key: str) -> bool:
        return self._keys.refuses(token_key)


@dataclass
class Served:
    """A served hub and the people who use it."""

    hub: Hub
    clock: SetClock
    url: str
    signers: dict[str, Es256Signer]
    client: httpx.Client
    accounts: dict[str, str] = field(default_factory=dict)

    def assertion(self, client_id: str, **claims: Any) -> str:
        """A client assertion as a department's system makes it."""
        now = int(self.clock.now().timestamp())
        payload = {
            "iss": client_id,
            "sub": client_id,
            "aud": f"{self.hub.settings.public_url}/oauth/token",
            "jti": secrets.token_hex(12),
            "iat": now,
            "exp": now + 60,
            **claims,
        }
        return sign_compact(
            json.dumps(payload).encode(), self.signers[client_id], typ="JWT"
        ).decode()

    def token(self, client_id: str, scope: str | None = None) -> str:
        """An access token obtained over HTTP."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.assertion(client_id),
        }
        if scope is not None:
            form["scope"] = scope
        answer = self.client.post("/oauth/token", data=form)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token

    def as_system(self, client_id: str) -> httpx.Client:
        """An HTTP client that speaks for a department's system."""
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.token(client_id)}"},
            timeout=30,
        )

    def as_applicant(self, account: str) -> httpx.Client:
        """An HTTP client that speaks for an applicant who signed in."""
        answer = self.client.post(
            "/v1/me/sessions", json={"account": account, "password": self.accounts[account]}
        )
        assert answer.status_code in (200, 201), answer.text
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {answer.json()['access_token']}"},
            timeout=30,
        )

    def issue_licence(self, number: int = 1, *, holder: str | None = None, **more: Any) -> str:
        """Issue a business licence as the market regulator's register states it. Its holder id."""
        holder_id = holder or credit_code(number)
        row = Issuable(
            **{
                "source_key": holder_id,
                "source_hash": f"{number:064x}",
                "serial": holder_id,
                "holder_id_type": "001",
                "holder_id": holder_id,
                "holder_name": f"第{number}号有限公司",
                "fields": {
                    "name": f"第{number}号有限公司",
                    "credit_code": holder_id,
                    "business_scope": "食品销售",
                    "region": "广州",
                    "registered_on": "2020-01-15",
                },
                "valid_from": date(2020, 1, 15),
                "valid_until": None,
                "issued_on": date(2020, 1, 15),
                "state": "01",
                "state_since": None,
                "row_number": number,
                **more,
            }
        )
        snapshot = self.hub.access.snapshot()
        issuing = Issuing(
            self.hub.work,
            self.clock,
            Places(self.hub.settings.public_url),
            self.hub.settings.holder_key_bytes,
        )
        signing = SigningHere(self.hub.keys.issuer(MARKET))
        counts = list(
            issuing.issue(
                snapshot.departments[MARKET],
                snapshot.types["business-licence"],
                [row],
                signing=signing,
            )
        )
        assert sum(each.issued + each.revised for each in counts) == 1, counts
        return holder_id

    def register_applicant(self, account: str, id_type: str, holder_id: str, name: str) -> None:
        """Give a holder an account of the built-in provider."""
        self.accounts[account] = secrets.token_urlsafe(12)
        self.hub.tokens.register_applicant(
            account, self.accounts[account], id_type=id_type, holder_id=holder_id, name=name
        )


def make_settings(database: Database, folder: Path, **more: Any) -> Settings:
    """Settings of a hub in a folder, over a database."""
    values: dict[str, Any] = {
        "database_url": SecretStr(database.app_url),
        "owner_database_url": SecretStr(database.owner_url),
        "public_url": "http://hub.test",
        "keys_dir": folder / "keys",
        "keys_passphrase": SecretStr(PASSPHRASE),
        "holder_key": SecretStr("5a" * 32),
        "log_origin": "hub.test/log",
        "objects_dir": folder / "objects",
        "registers_dir": folder / "registers",
        **more,
    }
    return Settings(**values)


def install(settings: Settings, clock: Any) -> tuple[Hub, dict[str, Es256Signer]]:
    """Make keys, build the hub, publish the packaged rules and items, register everybody."""
    make_keys(settings.keys_dir, PASSPHRASE, ISSUERS)
    hub = build_hub(settings, clock, durable=False)
    hub.publishing.publish_policy(PolicyEngine.from_directory().text, by="tests")
    hub.publishing.publish_samples(by="tests")
    signers: dict[str, Es256Signer] = {}
    for number, code in enumerate(EVERYONE):
        hub.publishing.register_department(
            Department(code, f"部门{number}", f"Department {number}")
        )
        signer = Es256Signer.generate()
        signers[code] = signer
        hub.publishing.register_system(
            System(code, code, f"系统{number}", {"keys": [signer.public_jwk()]}, SCOPES, None)
        )
    permitted = hub.access.permit(operator("tests"), "publish-item")
    for definition in load_definitions():
        hub.items.publish(permitted, definition)
    return hub, signers


@contextlib.contextmanager
def serving(hub: Hub, port: int = 0) -> Iterator[str]:
    """Serve a hub on a real socket until the block ends, at any port or this one. Its address."""
    # asyncio turns Nagle's algorithm off only where the protocol is named; else 40 ms an answer.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(create_app(hub), log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the server does not start"
        time.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def served_hub(database: Database, folder: Path, **more: Any) -> Iterator[Served]:
    """A hub served over HTTP; its systems' client ids are their departments' codes."""
    clock = SetClock(datetime(2026, 6, 1, 9, 0, tzinfo=UTC))
    hub, signers = install(make_settings(database, folder, **more), clock)
    with serving(hub) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield Served(hub, clock, url, signers, client)


def unverified(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims
