"""A verdict as lines for people; what a stranger wrote in it cannot move the cursor."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import orjson

from certstore.verdict import Part, Verdict

if TYPE_CHECKING:
    from certstore.documents.check import PdfCheck

NAMES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "integrity": ("完整性", "integrity"),
        "issuer": ("颁发机构", "issuer"),
        "status": ("状态", "status"),
        "validity": ("有效期", "validity"),
        "holder_match": ("持证人", "holder match"),
    }
)
_OUTCOMES: Final[Mapping[str, str]] = MappingProxyType(
    {"valid": "有效 valid", "invalid": "无效 invalid", "unknown": "未知 unknown"}
)
_WRONG: Final = "（校验位不符 · check character wrong）"


def lines_of_verdict(verdict: Verdict, parts: Mapping[str, Part]) -> list[str]:
    """What a credential says and what is to be thought of it; `parts` may be those of the file
    it travelled in."""
    kind = verdict.claims.get("type")
    kind = kind if isinstance(kind, Mapping) else {}
    wrong = _WRONG if verdict.identifier_sound is False else ""
    lines = [
        f"证照 certificate: {plain(verdict.identifier or '—')}{wrong}",
        f"类型 type:        {plain(kind.get('zh', '—'))} · {plain(kind.get('en', '—'))}",
        f"核验时刻 at:      {moment(verdict.at)}",
        "",
        *lines_of_parts(parts),
    ]
    fresh = verdict.freshness
    lines += [
        "",
        f"状态列表签发 status list of:   {moment(fresh.status_issued_at)}",
        f"状态列表有效至 counts until:   {moment(fresh.status_expires_at)}",
        f"可信名单截至 trusted keys of:  {moment(fresh.keys_as_of)}",
    ]
    for title, shown in (("持证主体 holder", verdict.holder), ("内容 fields", verdict.fields)):
        if shown:
            lines += ["", f"{title}:"]
            lines += [f"  {plain(name)}: {plain(value)}" for name, value in shown.items()]
    return lines


def lines_of_parts(parts: Mapping[str, Part]) -> list[str]:
    """One line for each part."""
    return [
        f"{NAMES[name][0]} {NAMES[name][1]}: {_OUTCOMES[part.outcome]} — {part.zh} · {part.en}"
        for name, part in parts.items()
    ]


def lines_of_seal(check: PdfCheck) -> list[str]:
    """What the seal of a PDF says."""
    return [
        "",
        f"签章单位 sealed by:            {plain(check.department or '未注明 not stated')}",
        f"签章时间 sealed at:            {moment(check.sealed_at)}",
        f"时间依据 time:                 {check.time.zh} · {check.time.en}",
    ]


def moment(at: datetime | None) -> str:
    """A moment in ISO 8601, UTC."""
    return at.isoformat().replace("+00:00", "Z") if at else "未注明 not stated"


def plain(value: Any) -> str:
    """A value as text on one line, without control characters."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return "".join(one if one.isprintable() else "�" for one in text)
