"""Act f: the issuer revokes the licence, and everything says so at once."""

from __future__ import annotations

import json
import sys
from typing import Final

from certstore.base64url import b64url_decode
from exchange.client.applicant import Applicant
from exchange.client.lookups import Lookup
from exchange.demo import cast
from exchange.demo.counter import Counter
from exchange.demo.playing import Enterprise, Play, expect

_FILE: Final = "business-licence.sdjwt"
_LIST: Final = "status-list.jwt"
_REVOKED: Final = "07"


def download(play: Play, enterprise: Enterprise, applicant: Applicant) -> str:
    """Before: the holder downloads the signed file; it verifies, online and offline."""
    credential = applicant.download(str(enterprise.identifier))
    play.keep(_FILE, credential)
    verdict = play.system(cast.CENTRE_SYSTEM).verify_certificate(credential)
    parts = (verdict.integrity, verdict.issuer, verdict.status, verdict.validity)
    expect(
        [part.outcome for part in parts if part] == ["valid"] * 4,
        "执照文件四项核验均有效",
        "the file is valid in all four parts",
    )
    _fetch_status_list(play, credential)
    _verify_offline(play, 0, "status-valid")
    play.tell.done(
        "持证人下载执照文件，在线、离线核验均有效（完整性、颁发机构、状态、有效期）",
        "the holder downloads the file; valid online and offline "
        "(integrity, issuer, status, validity)",
    )
    return credential


def revoke(
    play: Play, counter: Counter, enterprise: Enterprise, asked: Lookup, credential: str
) -> None:
    """The very next lookup says revoked, and so does verifying the old file."""
    standing = play.system(cast.MARKET_SYSTEM).revoke(
        str(enterprise.identifier),
        reason="演示：提交虚假材料取得登记",
        legal_ground="《市场主体登记管理条例》第四十条",
        state=_REVOKED,
    )
    play.tell.done(
        f"{cast.MARKET.name_zh}吊销“{enterprise.name}”的营业执照",
        f"the issuer revokes the licence {enterprise.identifier}",
    )
    result = counter.system.look_up(asked)
    expect(
        standing.state.code == _REVOKED
        and [each.state_code for each in result.certificates] == [_REVOKED],
        "紧接着的查验即显示已吊销",
        "the very next lookup says revoked",
    )
    play.keep("lookup-after-revocation.json", result.evidence())
    play.tell.done(
        f"紧接着的查验：状态 {result.certificates[0].state_code} {standing.state.zh}"
        f"（记录 {result.index}）",
        f"the very next lookup: {result.certificates[0].state} (record {result.index})",
    )
    verdict = play.system(cast.CENTRE_SYSTEM).verify_certificate(credential)
    expect(
        verdict.status is not None
        and verdict.integrity is not None
        and (verdict.integrity.outcome, verdict.status.outcome) == ("valid", "invalid"),
        "旧文件在线核验显示已失效",
        "the old file, verified online, is revoked",
    )
    _fetch_status_list(play, credential)
    said = _verify_offline(play, 1, "status-invalid")
    play.tell.done(
        "旧文件在线、离线核验均显示已失效（签名仍完好）：",
        "the old file is revoked, online and offline, though its signature still holds:",
    )
    play.tell.quote(said)


def _fetch_status_list(play: Play, credential: str) -> None:
    payload = json.loads(b64url_decode(credential.split(".")[1].encode(), field="payload"))
    uri = payload["status"]["status_list"]["uri"]
    play.keep(_LIST, play.system(cast.CENTRE_SYSTEM).status_list(uri))


def _verify_offline(play: Play, code: int, status: str) -> str:
    """What `python -m certstore verify` says of the file, with the list fetched just now."""
    trust = str(play.stage.place.demo / "trust.json")
    command = [sys.executable, "-m", "certstore", "verify", _FILE, "--trust", trust]
    done = play.program([*command, "--status", _LIST, "--json"])
    found = json.loads(done.stdout) if done.returncode in (0, 1, 3) else {}
    expect(
        done.returncode == code and found["status"]["code"] == status,
        f"离线核验应为 {status}",
        f"verifying offline should say {status}",
        done.stdout + done.stderr,
    )
    names = ("integrity", "issuer", "status", "validity")
    return "\n".join(
        f"{name}: {found[name]['outcome']} — {found[name]['zh']} · {found[name]['en']}"
        for name in names
    )
