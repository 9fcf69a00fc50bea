"""Base64url without padding (RFC 7515 section 2), read strictly.

Only the one canonical spelling of some bytes is read: no padding, no character outside the
alphabet, no spare bits set. Otherwise one signature would have several spellings.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import b2a_base64
from typing import Final

from pybase64 import b64decode

from certstore.errors import JwsError

TO_URL: Final = bytes.maketrans(b"+/", b"-_")
FROM_URL: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
LAST_OF: Final = (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    b"",
    b"AQgw",
    b"AEIMQUYcgkosw048",
)
"""By length modulo 4: which characters may come last. No text has length 1 modulo 4."""
PAD: Final = (b"", b"", b"==", b"=")


def b64url(data: bytes) -> bytes:
    """`data` in base64url without padding."""
    return b2a_base64(data, newline=False).translate(TO_URL, b"=")


def b64url_decode(text: bytes, *, field: str, spare_bits: bool = False) -> bytes:
    """The bytes behind canonical base64url; with `spare_bits`, the unused bits at the end may be
    anything. Raises JwsError `not-base64`."""
    rest = len(text) & 3
    if text and not spare_bits and text[-1] not in LAST_OF[rest]:
        raise _not_base64(field)
    standard = text.translate(FROM_URL)
    try:
        return b64decode(standard + PAD[rest] if rest else standard, None, True)
    except Base64Error:
        raise _not_base64(field) from None


def _not_base64(field: str) -> JwsError:
    return JwsError("not-base64", "不是规范的base64url编码", "not canonical base64url", field=field)
