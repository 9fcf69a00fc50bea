"""`python -m certstore verify FILE --trust trust.json --status LIST…`: verify without a network.

Exit status: 0 every part is valid, 1 a part is invalid, 2 the input is unusable, 3 nothing is
invalid but a part is unknown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson

from certstore.base64url import b64url_decode
from certstore.errors import CertstoreError, JwsError
from certstore.strict_json import parse_json
from certstore.verify import TrustAnchors, Verdict, Verifier

_NAMES = {
    "integrity": ("完整性", "integrity"),
    "issuer": ("颁发机构", "issuer"),
    "status": ("状态", "status"),
    "validity": ("有效期", "validity"),
}
_OUTCOMES = {"valid": "有效 valid", "invalid": "无效 invalid", "unknown": "未知 unknown"}
_UNUSABLE = frozenset({"not-an-sd-jwt", "oversized"})


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        trust = TrustAnchors.from_json(_read(options.trust))
        tokens = dict(_with_address(_read(path)) for path in options.status)
        credential = _read(options.file).strip()
    except CertstoreError as error:
        print(f"无法使用输入 · unusable input: {error.zh} · {error.en}", file=sys.stderr)
        return 2
    verdict = Verifier(trust, tokens).verify(credential, at=options.at or datetime.now(UTC))
    if options.json:
        print(orjson.dumps(verdict.as_dict(), option=orjson.OPT_INDENT_2).decode())
    else:
        print("\n".join(_lines(verdict)))
    return _exit_status(verdict)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m certstore", description="电子证照离线核验 · verify certificates offline"
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verify = verbs.add_parser("verify", help="核验一份证照 · verify one certificate")
    verify.add_argument("file", type=Path, metavar="FILE", help="证照文件 · the certificate")
    verify.add_argument(
        "--trust", type=Path, required=True, help="可信名单 · the trust document (JSON)"
    )
    verify.add_argument(
        "--status", type=Path, nargs="*", default=[], help="状态列表 · status list tokens"
    )
    verify.add_argument(
        "--at", type=_moment, help="核验时刻，缺省为现在 · the moment, now if not given (ISO 8601)"
    )
    verify.add_argument("--json", action="store_true", help="输出JSON · print JSON")
    return parser


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError("须注明时区 · a time zone is needed")
    return at.astimezone(UTC)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise CertstoreError(
            "unreadable", f"文件无法读取：{path.name}", f"cannot be read: {path.name}"
        ) from None


def _with_address(token: bytes) -> tuple[str, bytes]:
    """The token under the address it claims to be for; whether it is, verifying will tell."""
    stripped = token.strip()
    try:
        claims = parse_json(b64url_decode(stripped.split(b".")[1], field="status"), field="status")
        return str(claims["sub"]), stripped
    except (JwsError, IndexError, KeyError, TypeError):
        raise CertstoreError(
            "malformed", "不是状态列表令牌", "not a status list token", field="status"
        ) from None


def _lines(verdict: Verdict) -> list[str]:
    kind = verdict.claims.get("type") or {}
    sound = {True: "", False: "（校验位不符 · check character wrong）", None: ""}
    lines = [
        f"证照 certificate: {verdict.identifier or '—'}{sound[verdict.identifier_sound]}",
        f"类型 type:        {kind.get('zh', '—')} · {kind.get('en', '—')}",
        f"核验时刻 at:      {_said(verdict.at)}",
        "",
    ]
    for name, part in verdict.parts.items():
        zh, en = _NAMES[name]
        lines.append(f"{zh} {en}: {_OUTCOMES[part.outcome]} — {part.zh} · {part.en}")
    fresh = verdict.freshness
    lines += [
        "",
        f"状态列表签发 status list of:   {_said(fresh.status_issued_at)}",
        f"状态列表有效至 counts until:   {_said(fresh.status_expires_at)}",
        f"可信名单截至 trusted keys of:  {_said(fresh.keys_as_of)}",
    ]
    for title, shown in (("持证主体 holder", verdict.holder), ("内容 fields", verdict.fields)):
        if shown:
            lines += ["", f"{title}:"]
            lines += [f"  {name}: {_one_line(value)}" for name, value in shown.items()]
    return lines


def _said(at: datetime | None) -> str:
    return at.isoformat().replace("+00:00", "Z") if at else "未注明 not stated"


def _one_line(value: object) -> str:
    """A value as text that cannot move the cursor or start a line of its own."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return "".join(one if one.isprintable() else "�" for one in text)


def _exit_status(verdict: Verdict) -> int:
    if verdict.integrity.code in _UNUSABLE:
        return 2
    outcomes = {part.outcome for part in verdict.parts.values()}
    if "invalid" in outcomes:
        return 1
    return 3 if "unknown" in outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
