"""Act f: the issuer revokes the licence, and everything says so at once."""

from __future__ import annotations

import json
from typing import Final

from certstore.history import verify_history
from certstore.trust import TrustAnchors
from exchange.client.applicant import Applicant
from exchange.client.certificates import Standing
from exchange.client.lookups import Lookup
from exchange.client.transport import Transport
from exchange.demo import cast
from exchange.demo.checking import Expected, fetch_status_list, parts_told, verify_files
from exchange.demo.counter import Counter
from exchange.demo.playing import Enterprise, Play, expect
from exchange.demo.showing import CREDENTIAL, PDF, Licence

HISTORY: Final = "history.json"
_REVOKED: Final = "07"


def revoke(
    play: Play, counter: Counter, enterprise: Enterprise, asked: Lookup, licence: Licence
) -> None:
    """The very next lookup says revoked, and so does verifying the old files."""
    _expect_valid(play, licence)
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
    _look_up_again(play, counter, asked, standing)
    hub = play.system(cast.CENTRE_SYSTEM)
    for verdict in (hub.verify_certificate(licence.credential), hub.verify_file(licence.pdf)):
        expect(
            verdict.status is not None
            and verdict.integrity is not None
            and (verdict.integrity.outcome, verdict.status.outcome) == ("valid", "invalid"),
            "旧文件在线核验显示已失效",
            "the old file, verified online, is revoked",
        )
    _scan_printed(play, enterprise)
    fetch_status_list(play, licence.credential)
    said = verify_files(
        play,
        [Expected(each, "status", "invalid", "status-invalid") for each in (PDF, CREDENTIAL)],
    )
    play.tell.done(
        "先前下载的 PDF 和 SD-JWT，在线、离线核验均显示已失效（签章和签名仍完好）；PDF：",
        "the PDF and the SD-JWT downloaded before are revoked, online and offline, though seal "
        "and signature still hold; of the PDF it is said:",
    )
    play.tell.quote(parts_told(said[0]))


def prove_history(play: Play, enterprise: Enterprise, applicant: Applicant) -> None:
    """The certificate's life, each event signed by its issuer, proves itself without the hub."""
    history = applicant.history(str(enterprise.identifier))
    kept = play.keep(HISTORY, {"statements": history.statements})
    statements = json.loads(kept.read_bytes())["statements"]
    trust = TrustAnchors.from_json((play.stage.place.demo / "trust.json").read_bytes())
    found = verify_history(statements, trust)
    named = [each["operation"] for each in history.events]
    operations = [f"{each['zh']} {each['en']}" for each in named]
    expect(
        found.holds
        and [each.operation for each in found.statements] == ["01", "x-07"]
        and not verify_history(statements[1:], trust).holds
        and not verify_history([statements[0], _altered(statements[1])], trust).holds,
        "履历离线核验成立，缺一条或改一条即不成立",
        "the history holds offline, and no more with a statement missing or altered",
    )
    play.tell.done(
        f"签名履历离线核验成立：{' → '.join(operations)}；缺一条或改一条即被指出",
        f"the signed history of {len(statements)} events holds offline; "
        "one missing or altered is found",
    )


def _expect_valid(play: Play, licence: Licence) -> None:
    verdict = play.system(cast.CENTRE_SYSTEM).verify_certificate(licence.credential)
    parts = (verdict.integrity, verdict.issuer, verdict.status, verdict.validity)
    expect(
        [part.outcome for part in parts if part] == ["valid"] * 4,
        "执照文件在线核验，四项均有效",
        "the file, verified online, is valid in all four parts",
    )


def _look_up_again(play: Play, counter: Counter, asked: Lookup, standing: Standing) -> None:
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


def _scan_printed(play: Play, enterprise: Enterprise) -> None:
    """Where the QR code on the licence leads: how it stands, and not a word about its holder."""
    stranger = play.closing(Transport(play.stage.url))
    found = stranger.send("GET", f"/v/{enterprise.identifier}").json()
    expect(
        (found["state"]["code"], found["usable"]) == (_REVOKED, False)
        and enterprise.name not in str(found),
        "扫描执照上的二维码可知已吊销",
        "the QR code on the licence leads to: revoked",
    )
    play.tell.done(
        f"扫描执照上的二维码，无需登录：{found['state']['zh']}，且不透露持证人",
        f"the QR code on it, scanned by anybody: {found['state']['en']}, nothing of the holder",
    )


def _altered(statement: str) -> str:
    head, payload, signature = statement.split(".")
    return f"{head}.{payload[:-1]}{'A' if payload[-1] != 'A' else 'B'}.{signature}"
