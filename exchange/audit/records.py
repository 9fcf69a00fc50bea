"""Records: what the log keeps of an event, as canonical JSON bytes.

Pure. Keys sorted, no white space, UTF-8, no floats, absent fields left out: within these bounds
the bytes are those of RFC 8785. A holder appears only as an HMAC, an operator only by account
and unit, never by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring
from typing import Any

from exchange.audit.errors import RecordRefused, RecordTooLarge
from exchange.audit.kinds import BASES, KINDS, OUTCOMES, VERSION
from exchange.audit.tiles import MAX_ENTRY

MAX_INTEGER = (1 << 53) - 1
_HEX_32 = re.compile(r"[0-9a-f]{64}")
_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)
_ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who acted at the asking department: the account and unit it named, not the person's name."""

    account: str
    unit: str


@dataclass(frozen=True, slots=True)
class Indexed:
    """What the log keeps beside a record, so that it is found: parts of the record, no more.

    `subject` is the holder's HMAC, `operator` the account.
    """

    kind: str
    at: datetime
    subject: bytes | None = None
    department: str | None = None
    system: str | None = None
    operator: str | None = None
    case: str | None = None
    lookup: str | None = None


@dataclass(frozen=True, slots=True)
class PreparedRecord:
    """A record ready to be appended: its canonical bytes, and what is indexed of it."""

    body: bytes
    indexed: Indexed

    @property
    def kind(self) -> str:
        """Its kind."""
        return self.indexed.kind

    @property
    def at(self) -> datetime:
        """When it happened."""
        return self.indexed.at


def format_time(at: datetime) -> str:
    """RFC 3339 in UTC, always with six decimals: 27 characters that sort as times do."""
    if at.tzinfo is not UTC and at.utcoffset() != _ZERO:
        raise _refused("at", "须为带时区的 UTC 时间", "must be an aware time in UTC")
    return at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str) -> datetime:
    """Undo `format_time`. Raises RecordRefused."""
    try:
        at = datetime.fromisoformat(text)
        if format_time(at) != text:
            raise ValueError
    except ValueError:
        raise _refused("at", "时间格式有误", "not a time") from None
    return at


def canonical(value: Mapping[str, Any]) -> bytes:
    """Canonical JSON bytes of a mapping. Raises RecordRefused for what JSON cannot carry."""
    try:
        return _utf8(_ENCODER.encode(value))
    except (TypeError, ValueError, RecursionError):
        raise _refused("record", "无法编码", "cannot be encoded") from None


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _refused("record", "不是 UTF-8 文本", "holds a text that is not UTF-8") from None


def prepare(kind: str, at: datetime, **fields: Any) -> PreparedRecord:
    """Build a record of a kind that happened at a time.

    Fields are those of `docs/audit-events.md`; None means absent. `holder`, `policy`, `request`
    and `result` are 32 bytes or 64 hexadecimal digits; `operator` is an `Operator`; `fields`,
    `rules` and `certificates` are sequences of strings; `count` is an integer, `counts` a
    mapping from names to integers.

    Raises RecordRefused for an unknown kind or field, a missing field or one of the wrong
    shape, RecordTooLarge above 65 535 bytes. No message repeats a value.
    """
    known = KINDS.get(kind)
    if known is None:
        raise _refused("kind", "未知的事件类别", "unknown kind")
    # '"' sorts before every letter, so sorting the members sorts their keys.
    members = [f'"at":"{format_time(at)}"', f'"kind":"{kind}"', f'"v":{VERSION}']
    for name, value in fields.items():
        if value is not None:
            encode = _ENCODERS.get(name)
            if encode is None:
                raise _refused("record", "含未登记的字段", "carries a field that no record has")
            members.append(f'"{name}":{encode(name, value)}')
    for name in known.required:
        if fields.get(name) is None:
            raise _refused(name, f"{known.zh}记录必须有此字段", f"a record of {kind} needs it")
    members.sort()
    body = _utf8("{" + ",".join(members) + "}")
    if len(body) > MAX_ENTRY:
        raise RecordTooLarge(
            zh=f"记录为 {len(body)} 字节，超过 {MAX_ENTRY} 字节上限",
            en=f"the record has {len(body)} bytes, more than {MAX_ENTRY}",
        )
    holder, operator = fields.get("holder"), fields.get("operator")
    indexed = Indexed(
        kind,
        at,
        bytes.fromhex(holder) if isinstance(holder, str) else holder,
        fields.get("department"),
        fields.get("system"),
        operator.account if operator is not None else None,
        fields.get("case"),
        fields.get("lookup"),
    )
    return PreparedRecord(body, indexed)


def _text(name: str, value: Any) -> str:
    if type(value) is not str or not value:
        raise _refused(name, "须为非空文本", "must be a text that is not empty")
    return encode_basestring(value)


def _texts(name: str, value: Any) -> str:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise _refused(name, "须为文本列表", "must be a list of texts")
    return "[" + ",".join([_text(name, entry) for entry in value]) + "]"


def _hex_32(name: str, value: Any) -> str:
    if type(value) is bytes and len(value) == 32:
        return f'"{value.hex()}"'
    if type(value) is str and _HEX_32.fullmatch(value):
        return f'"{value}"'
    raise _refused(name, "须为 32 字节的值", "must be a value of 32 bytes")


def _integer(name: str, value: Any) -> str:
    if type(value) is not int or abs(value) > MAX_INTEGER:
        raise _refused(name, "须为整数", "must be an integer of at most 53 bits")
    return str(value)


def _counts(name: str, value: Any) -> str:
    if not isinstance(value, Mapping):
        raise _refused(name, "须为名称到整数的映射", "must map names to integers")
    pairs = sorted((key, _text(name, key), _integer(name, value[key])) for key in value)
    return "{" + ",".join([f"{key}:{count}" for _, key, count in pairs]) + "}"


def _operator(name: str, value: Any) -> str:
    if not isinstance(value, Operator):
        raise _refused(name, "须含账号和单位", "needs an account and a unit")
    return f'{{"account":{_text(name, value.account)},"unit":{_text(name, value.unit)}}}'


def _closed(name: str, value: Any) -> str:
    if type(value) is not str or value not in _CLOSED[name]:
        raise _refused(name, "不在规定取值内", "not one of the fixed values")
    return f'"{value}"'


_CLOSED: Mapping[str, Mapping[str, Any]] = {"basis": BASES, "outcome": OUTCOMES}
_ENCODERS: Mapping[str, Callable[[str, Any], str]] = {
    "act": _text,
    "authorization": _text,
    "basis": _closed,
    "batch": _text,
    "case": _text,
    "certificates": _texts,
    "count": _integer,
    "counts": _counts,
    "department": _text,
    "fields": _texts,
    "holder": _hex_32,
    "item": _text,
    "key": _text,
    "lookup": _text,
    "masked": _texts,
    "material": _text,
    "operator": _operator,
    "outcome": _closed,
    "policy": _hex_32,
    "reason": _text,
    "request": _hex_32,
    "result": _hex_32,
    "revision": _integer,
    "rules": _texts,
    "source": _text,
    "system": _text,
    "type": _text,
}
FIELDS = frozenset(_ENCODERS)
"""Every field a record may carry besides `v`, `kind` and `at`."""


def parse_record(body: bytes) -> dict[str, Any]:
    """Read a record's bytes back. Raises RecordRefused unless they are canonical."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if type(content) is not dict or canonical(content) != body:
        raise _refused("record", "不是规范 JSON", "not canonical JSON")
    return content


def indexed_of(body: bytes) -> Indexed:
    """What the log indexes of a record. Raises RecordRefused."""
    try:
        content = json.loads(body)
        holder, operator = content.get("holder"), content.get("operator")
        return Indexed(
            content["kind"],
            parse_time(content["at"]),
            bytes.fromhex(holder) if holder is not None else None,
            content.get("department"),
            content.get("system"),
            operator["account"] if operator is not None else None,
            content.get("case"),
            content.get("lookup"),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise _refused("record", "无法读取", "cannot be read") from None


def _refused(name: str, zh: str, en: str) -> RecordRefused:
    return RecordRefused(zh=f"审计记录字段 {name}：{zh}", en=f"audit record, {name}: {en}")
