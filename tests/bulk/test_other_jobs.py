"""Signing anew, ending by list, exporting and importing: each row accounted for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from certstore.base64url import b64url_decode
from certstore.identifiers import CertificateIdentifier
from certstore.jws import read_header, sign_compact
from certstore.keys import Es256Signer
from certstore.sdjwt import assemble, parse
from certstore.strict_json import parse_json
from certstore.trust import TrustAnchors
from certstore.verify import verify
from exchange.bulk import ending, exporting, importing, resigning
from exchange.bulk.tables import imported_certificates
from exchange.certificates.resigned import resigned_credentials
from exchange.certificates.tables import certificates
from exchange.keyring.changing import KeyChanges
from tests.bulk.jobs import LICENCE, count, issue, json_lines, report, row, run
from tests.hub import CITY, MARKET, Served, credit_code

ROOT = Path(__file__).resolve().parents[2]
TYPE = "11440000MB2D01234C001"
ELSEWHERE = "https://elsewhere.test/v1/issuers/340100"
WHY = {"reason": "申请注销", "legal_ground": "市场主体登记管理条例 第三十一条"}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks that a few certificates are several of."""
    for module in (ending, exporting, importing, resigning):
        monkeypatch.setattr(module, "CHUNK", 4)


def identifier(number: int, version: int = 1) -> str:
    return str(CertificateIdentifier(TYPE, MARKET, credit_code(number), version))


def stored(served: Served, number: int) -> str:
    with served.hub.work.read() as connection:
        c = certificates.c
        asked = sa.select(c.credential).where(c.serial == credit_code(number))
        return str(connection.execute(asked).scalar_one())


@pytest.fixture(scope="module")
def issued(served: Served) -> Served:
    """Ten licences in force."""
    assert issue(served, [row(n) for n in range(1, 11)])["counts"]["issued"] == 10
    return served


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    with served.as_system(MARKET) as client:
        yield client


def test_certificates_of_a_replaced_key_are_signed_anew_with_the_active_one(
    issued: Served, client: httpx.Client
) -> None:
    hub, old = issued.hub, issued.hub.keys.signer_of(MARKET).kid
    refused = run(issued, "resign", key=old)
    assert refused["failure"]["code"] == "conflict"
    issued.clock.advance(minutes=1)
    changes = KeyChanges(hub.work, issued.clock, hub.keys, by="tests")
    new = changes.make(MARKET).kid
    changes.activate(new)
    issued.clock.advance(minutes=1)
    assert issue(issued, [row(11)])["counts"]["issued"] == 1  # signed by the new key already
    done = run(issued, "resign", key=old)
    assert done["counts"] == {"resigned": 10, "unchanged": 1, "refused": 0}
    assert done["chunks"] == 3
    again = run(issued, "resign", key=old)
    assert again["counts"] == {"resigned": 0, "unchanged": 11, "refused": 0}
    assert count(hub, resigned_credentials) == 10

    issued.register_applicant("first", "001", credit_code(1), "第1号有限公司")
    with issued.as_applicant("first") as applicant:
        fresh = applicant.get(f"/v1/me/certificates/{identifier(1)}").text
    before, after = parse(stored(issued, 1)), parse(fresh)
    assert read_header(after.jws)["kid"] == new
    assert after.disclosures == before.disclosures
    claims = [parse_json(b64url_decode(one.jws.split(b".")[1], field="p"), field="p")
              for one in (before, after)]  # fmt: skip
    assert claims[1].pop("iat") > claims[0].pop("iat")
    assert claims[0] == claims[1]
    anchors = TrustAnchors.from_json(hub.certificates.trust())
    verdict = verify(fresh, trust=anchors, status_tokens={}, at=issued.clock.now())
    assert (verdict.integrity.outcome, verdict.issuer.outcome) == ("valid", "valid")


def test_everything_of_a_type_can_be_signed_anew_and_anew(issued: Served) -> None:
    before = count(issued.hub, resigned_credentials)
    first = run(issued, "resign", type=LICENCE)
    assert first["counts"]["resigned"] == first["total"]
    assert count(issued.hub, resigned_credentials) == before + first["total"]
    assert run(issued, "resign", type="parking-facility-licence")["total"] == 0


def test_a_list_ends_certificates_and_reports_each_refusal(
    issued: Served, client: httpx.Client
) -> None:
    wrong = identifier(2)[:-1] + ("A" if identifier(2)[-1] != "A" else "B")
    of_city = str(CertificateIdentifier(TYPE, CITY, "X1", 1))
    rows = [
        {"identifier": identifier(1), **WHY},
        {"identifier": wrong, **WHY},
        {"identifier": identifier(777), **WHY},
        {"identifier": of_city, **WHY},
        {"identifier": identifier(1), **WHY},
        {"identifier": identifier(3), "reason": " ", "legal_ground": WHY["legal_ground"]},
        {"identifier": identifier(4), "state": "01", **WHY},
        {"identifier": identifier(5), "state": "07", **WHY},
    ]
    done = run(issued, "end", format="jsonl", state="04", file=json_lines(rows))
    assert done["counts"] == {"ended": 2, "refused": 6}
    told = {(each["row"], each["rule"]) for each in report(client, UUID(done["job"]))}
    assert told == {
        (2, "check-digit"), (3, "not-found"), (4, "not-found"), (5, "stated-twice"), (6, "text"),
        (7, "state"),
    }  # fmt: skip
    states = [client.get(f"/v1/certificates/{identifier(n)}").json()["state"]["code"]
              for n in (1, 2, 5)]  # fmt: skip
    assert states == ["04", "01", "07"]
    later = run(issued, "end", format="jsonl", state="04", file=json_lines(rows[:1]))
    assert later["counts"] == {"ended": 0, "refused": 1}


@pytest.fixture(scope="module")
def exported(issued: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export, downloaded over HTTP."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "CHUNK", 4)
        done = run(issued, "export")
    assert done["counts"]["exported"] == done["total"] > 8, done
    folder = tmp_path_factory.mktemp("export")
    with issued.as_system(MARKET) as client:
        for file in client.get(f"/v1/bulk/{done['job']}/files").json()["files"]:
            answer = client.get(f"/v1/bulk/{done['job']}/files/{file['name']}")
            assert answer.status_code == 200, answer.text
            (folder / file["name"]).write_bytes(answer.content)
    with issued.as_system(CITY) as other:
        assert other.get(f"/v1/bulk/{done['job']}/files").status_code == 404
        assert other.get(f"/v1/bulk/{done['job']}/files/manifest.json").status_code == 404
    (folder / "pinned.json").write_text(json.dumps(issued.hub.certificates.trust()))
    return folder


def verified(folder: Path, at: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "certstore", "verify-export", str(folder),
         "--trust", str(folder / "pinned.json"), "--at", at, "--json"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def test_an_export_verifies_without_the_hub(issued: Served, exported: Path) -> None:
    code, told = verified(exported, issued.clock.now().isoformat())
    assert (code, told["faults"]) == (0, [])
    assert told["versions"] >= 10
    assert told["states"]["01"] == told["outcomes"]["status:status-valid"]
    assert len(list(exported.glob("part-*.jsonl"))) >= 3


@pytest.mark.parametrize(
    ("name", "code"),
    [("part-00002.jsonl", "altered"), ("trust.json", "altered"), ("part-00001.jsonl", "missing")],
)
def test_a_changed_or_missing_file_of_an_export_is_named(
    issued: Served, exported: Path, tmp_path: Path, name: str, code: str
) -> None:
    for path in exported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    file = tmp_path / name
    if code == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes().replace(b'"', b"'", 1))
    found, told = verified(tmp_path, issued.clock.now().isoformat())
    assert found == 1
    assert (name, code) in {(each["file"], each["code"]) for each in told["faults"]}


@pytest.fixture(scope="module")
def elsewhere() -> Es256Signer:
    return Es256Signer.generate()


def signed_elsewhere(served: Served, number: int, signer: Es256Signer, **claims: Any) -> str:
    """One of our certificates as another hub's issuer would have signed it."""
    parts = parse(stored(served, number))
    payload = parse_json(b64url_decode(parts.jws.split(b".")[1], field="p"), field="p")
    code = ELSEWHERE.rpartition("/")[2]
    printed = str(CertificateIdentifier(TYPE, code, credit_code(number), 1))
    payload |= {
        "iss": ELSEWHERE, "identifier": printed, "issuer": {"code": code, "zh": "外省", "en": "x"},
        "status": {"status_list": {"idx": number, "uri": "https://elsewhere.test/s/1"}}, **claims,
    }  # fmt: skip
    return assemble(
        sign_compact(json.dumps(payload).encode(), signer, typ="dc+sd-jwt"), parts.disclosures
    )


def test_without_a_registered_issuer_nothing_is_imported(issued: Served) -> None:
    done = run(issued, "import", file=stored(issued, 1).encode())
    assert done["failure"]["code"] == "conflict"


def test_certificates_of_trusted_issuers_are_imported_and_wrong_ones_kept_apart_or_refused(
    issued: Served, client: httpx.Client, elsewhere: Es256Signer
) -> None:
    code = ELSEWHERE.rpartition("/")[2]
    document = {
        "issuers": [
            {"id": ELSEWHERE, "department": code, "name": {"zh": "外省机构"},
             "jwks": {"keys": [elsewhere.public_jwk()]}}
        ]
    }  # fmt: skip
    issued.hub.foreign_issuers.register(json.dumps(document).encode(), by="tests")
    good, second = (signed_elsewhere(issued, n, elsewhere) for n in (1, 2))
    printed = str(CertificateIdentifier(TYPE, code, credit_code(3), 1))
    off = printed[:-1] + ("0" if printed[-1] != "0" else "1")
    flagged = signed_elsewhere(issued, 3, elsewhere, identifier=off)
    hidden = signed_elsewhere(issued, 4, elsewhere).partition("~")[0] + "~"
    lines = [
        good, json.dumps({"credential": second, "state": {}}), flagged, hidden,
        signed_elsewhere(issued, 5, Es256Signer.generate()), stored(issued, 6),
        good[:40] + ("A" if good[40] != "A" else "B") + good[41:], "rubbish", "", good,
    ]  # fmt: skip
    file = "\n".join(lines).encode()
    done = run(issued, "import", file=file)
    assert done["counts"] == {"imported": 2, "flagged": 1, "unchanged": 1, "refused": 5}, report(
        client, done["job"]
    )
    told = {each["row"]: each["rule"] for each in report(client, done["job"])}
    assert (told[4], told[5], told[6]) == ("holder-not-shown", "key-unknown", "issuer-not-trusted")
    assert told[8] == "not-an-sd-jwt"
    again = run(issued, "import", file=file)
    assert again["counts"] == {"imported": 0, "flagged": 0, "unchanged": 4, "refused": 5}
    assert count(issued.hub, imported_certificates) == 3

    def search(number: int, **more: Any) -> list[dict[str, Any]]:
        asked = {"holder": {"id_type": "001", "id": credit_code(number)}, **more}
        answer = client.post("/v1/imported-certificates/searches", json=asked)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["certificates"]
        return found

    (one,) = search(1)
    assert (one["credential"], one["issuer"], one["status_index"]) == (good, ELSEWHERE, 1)
    assert search(3) == []
    (apart,) = search(3, flagged=True)
    assert (apart["identifier"], apart["check_digit_sound"]) == (off, False)
    with issued.as_system(CITY) as other:
        asked = {"holder": {"id_type": "001", "id": credit_code(1)}}
        found = other.post("/v1/imported-certificates/searches", json=asked).json()
        assert found == {"certificates": []}
    issued.hub.foreign_issuers.withdraw(ELSEWHERE, by="tests")
    assert run(issued, "import", file=file)["state"] == "failed"
