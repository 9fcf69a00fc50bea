"""证照状态 · the states of a certificate, and the Token Status List that publishes them.

draft-ietf-oauth-status-list: an array of 1, 2, 4 or 8 bits per certificate, least significant
bits first, zlib, base64url; wrapped in a JWT of type `statuslist+jwt`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

import orjson

from certstore.base64url import b64url, b64url_decode
from certstore.errors import JwsError, StatusListError
from certstore.jws import KeyFinder, sign_compact, verify_compact
from certstore.keys import Signer
from certstore.strict_json import parse_json

TYP: Final = "statuslist+jwt"
VALID: Final = 0
INVALID: Final = 1
SUSPENDED: Final = 2

MAX_BYTES: Final = 16 * 1024 * 1024
"""Bytes of an unpacked list: 64 million certificates at 2 bits. A bomb unpacks no further."""
MAX_TOKEN: Final = 24 * 1024 * 1024
CLOCK_SKEW: Final = timedelta(seconds=60)


class State(Enum):
    """The states in use (证照状态), with the value a status list shows for each."""

    VALID = ("01", "有效", "valid", VALID)
    SUSPENDED = ("02", "暂扣", "suspended", SUSPENDED)
    WITHDRAWN = ("03", "撤销", "withdrawn", INVALID)
    CANCELLED = ("04", "注销", "cancelled", INVALID)
    EXPIRED = ("05", "失效", "expired", INVALID)
    TRANSFERRED = ("06", "办理转出", "transferred out", INVALID)
    REVOKED = ("07", "吊销", "revoked", INVALID)
    OTHER = ("99", "其他", "other", INVALID)

    def __init__(self, code: str, zh: str, en: str, status_value: int) -> None:
        self.code = code
        self.zh = zh
        self.en = en
        self.status_value = status_value

    @classmethod
    def from_code(cls, code: str) -> State:
        """The state of a two-digit code. Raises StatusListError `unknown-state`."""
        for state in cls:
            if state.code == code:
                return state
        raise StatusListError(
            "unknown-state", "未知的证照状态代码", "no state has this code", field="state"
        )


OPERATIONS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "01": ("新发", "issued"),
        "02": ("延续", "renewed"),
        "03": ("暂扣", "suspended"),
        "04": ("过期失效", "lapsed"),
        "05": ("注销", "cancelled"),
        "06": ("暂扣发还", "given back"),
        "08": ("转入", "transferred in"),
        "09": ("变更", "changed"),
        "x-00": ("撤回预定", "called off"),
        "x-03": ("撤销", "withdrawn"),
        "x-05": ("宣告失效", "declared void"),
        "x-06": ("办理转出", "transferred out"),
        "x-07": ("吊销", "revoked"),
        "x-99": ("其他", "changed otherwise"),
    }
)
"""Operations on a certificate by code: 中文, English. The standard's table has no code for those
that begin with `x-`; theirs end in the code of the state they lead to."""


class StatusList:
    """A mutable array of `size` states of `bits` bits each (1, 2, 4 or 8)."""

    __slots__ = ("_data", "_mask", "_per_byte_log2", "bits", "size")

    def __init__(self, bits: int, size: int, data: bytes | bytearray | None = None) -> None:
        if bits not in (1, 2, 4, 8):
            raise StatusListError(
                "bits", "位数应为1、2、4或8", "bits are 1, 2, 4 or 8", field="bits"
            )
        length = (size * bits + 7) // 8
        if size < 1 or length > MAX_BYTES:
            raise StatusListError(
                "size", "状态列表大小不符", "the size is not allowed", field="size"
            )
        self.bits = bits
        self.size = size
        self._mask = (1 << bits) - 1
        self._per_byte_log2 = {1: 3, 2: 2, 4: 1, 8: 0}[bits]
        self._data = bytearray(length) if data is None else bytearray(data)
        if len(self._data) != length:
            raise StatusListError("size", "状态列表大小不符", "data and size differ", field="size")

    def get(self, index: int) -> int:
        """The value at `index`. Raises StatusListError `out-of-range`."""
        if not 0 <= index < self.size:
            raise _out_of_range()
        shift = (index & ((1 << self._per_byte_log2) - 1)) * self.bits
        return (self._data[index >> self._per_byte_log2] >> shift) & self._mask

    def set(self, index: int, value: int) -> None:
        """Put `value` at `index`. Raises StatusListError `out-of-range`, `value`."""
        if not 0 <= index < self.size:
            raise _out_of_range()
        if not 0 <= value <= self._mask:
            raise StatusListError("value", "状态值超出范围", "the value needs more bits")
        shift = (index & ((1 << self._per_byte_log2) - 1)) * self.bits
        at = index >> self._per_byte_log2
        self._data[at] = (self._data[at] & ~(self._mask << shift) & 0xFF) | (value << shift)

    def set_all(self, values: Iterable[tuple[int, int]]) -> None:
        """Put each (index, value). Raises like `set`, at the first that is wrong."""
        for index, value in values:
            self.set(index, value)

    def to_lst(self) -> str:
        """The list packed: zlib at its highest level, base64url without padding."""
        return b64url(zlib.compress(bytes(self._data), 9)).decode("ascii")

    @classmethod
    def from_lst(cls, bits: int, lst: str, *, size: int | None = None) -> StatusList:
        """The list behind a packed `lst`; its size is what the bytes hold, or `size` if given.

        Raises StatusListError: `malformed`, `too-large` beyond MAX_BYTES, `bits`, `size`.
        """
        try:
            packed = b64url_decode(lst.encode("ascii"), field="lst")
            unpacking = zlib.decompressobj()
            data = unpacking.decompress(packed, MAX_BYTES + 1)
        except (JwsError, UnicodeEncodeError, zlib.error):
            raise _malformed("lst") from None
        if len(data) > MAX_BYTES:
            raise StatusListError(
                "too-large", "状态列表解压后过大", f"unpacks to more than {MAX_BYTES} bytes"
            )
        if not unpacking.eof or unpacking.unused_data or bits not in (1, 2, 4, 8):
            raise _malformed("lst")
        return cls(bits, len(data) * 8 // bits if size is None else size, data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StatusList) and (self.bits, self.size, self._data) == (
            other.bits,
            other.size,
            other._data,
        )

    __hash__ = None  # type: ignore[assignment]


def _out_of_range() -> StatusListError:
    return StatusListError(
        "out-of-range", "状态序号超出列表范围", "the index is beyond the list", field="idx"
    )


def _malformed(field: str) -> StatusListError:
    return StatusListError("malformed", "状态列表格式不符", "not a status list", field=field)


@dataclass(frozen=True, slots=True)
class StatusListToken:
    """A status list whose signature held: for which address, of when, until when.

    `refresh_at` is when its issuer would like it fetched again, `expires_at` when it stops
    counting; either may be None.
    """

    statuses: StatusList
    uri: str
    kid: str
    issued_at: datetime
    refresh_at: datetime | None
    expires_at: datetime | None

    def check_time(self, at: datetime) -> None:
        """Raise StatusListError `status-list-stale` or `status-list-not-yet` if it does not
        count at `at`; an issuer's clock may be CLOCK_SKEW ahead."""
        if self.expires_at is not None and at >= self.expires_at:
            raise StatusListError(
                "status-list-stale", "状态列表已过期", "the status list has expired", field="exp"
            )
        if self.issued_at > at + CLOCK_SKEW:
            raise StatusListError(
                "status-list-not-yet",
                "状态列表的签发时间在将来",
                "the status list was issued in the future",
                field="iat",
            )


def sign_status_list(
    statuses: StatusList,
    *,
    uri: str,
    signer: Signer,
    issued_at: datetime,
    ttl: timedelta,
    expires_at: datetime,
) -> str:
    """The status list token for the list published at `uri`."""
    payload = {
        "sub": uri,
        "iat": int(issued_at.timestamp()),
        "exp": int(expires_at.timestamp()),
        "ttl": int(ttl.total_seconds()),
        "status_list": {"bits": statuses.bits, "lst": statuses.to_lst()},
    }
    return sign_compact(orjson.dumps(payload), signer, typ=TYP).decode("ascii")


def open_status_list(token: str | bytes, keys: KeyFinder) -> StatusListToken:
    """The list in `token`, whose signature is of one of `keys`. Time and address are not checked.

    Raises StatusListError: `too-large`, `malformed`, and `untrusted` with the reason of the
    signature check in `field`.
    """
    raw = token.encode("utf-8", "replace") if isinstance(token, str) else token
    if len(raw) > MAX_TOKEN:
        raise StatusListError("too-large", "状态列表过大", f"more than {MAX_TOKEN} bytes")
    try:
        header, payload = verify_compact(raw.strip(), keys, typ=TYP)
        claims = parse_json(payload, field="payload")
    except JwsError as error:
        raise StatusListError(
            "untrusted",
            f"状态列表不可信：{error.zh}",
            f"the status list cannot be trusted: {error.en}",
            field=error.code,
        ) from None
    return _read_claims(claims, header["kid"])


def _read_claims(claims: Any, kid: str) -> StatusListToken:
    listed = claims.get("status_list") if isinstance(claims, dict) else None
    if not isinstance(listed, dict) or not isinstance(listed.get("lst"), str):
        raise _malformed("status_list")
    uri, issued = claims.get("sub"), claims.get("iat")
    if not isinstance(uri, str) or type(issued) is not int:
        raise _malformed("sub")
    expires, ttl, bits = claims.get("exp"), claims.get("ttl"), listed.get("bits")
    if type(bits) is not int or any(
        one is not None and type(one) is not int for one in (expires, ttl)
    ):
        raise _malformed("bits")
    try:
        return StatusListToken(
            statuses=StatusList.from_lst(bits, listed["lst"]),
            uri=uri,
            kid=kid,
            issued_at=datetime.fromtimestamp(issued, UTC),
            refresh_at=None if ttl is None else datetime.fromtimestamp(issued + ttl, UTC),
            expires_at=None if expires is None else datetime.fromtimestamp(expires, UTC),
        )
    except (OverflowError, OSError, ValueError):
        raise _malformed("iat") from None


def read_status_list(
    token: str | bytes, keys: KeyFinder, uri: str, at: datetime
) -> StatusListToken:
    """The list published at `uri`, as it counts at `at`.

    Raises StatusListError: the codes of `open_status_list`, `status-list-other-uri`,
    `status-list-stale`, `status-list-not-yet`.
    """
    opened = open_status_list(token, keys)
    if opened.uri != uri:
        raise StatusListError(
            "status-list-other-uri",
            "状态列表属于另一地址",
            "the status list is for another address",
            field="sub",
        )
    opened.check_time(at)
    return opened
