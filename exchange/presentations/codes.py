"""One-time codes (用证码): 160 random bits for the holder to show, of which the hub keeps a hash.

A code is written in Base32 (RFC 4648 section 6), which a QR code holds in its compact alphanumeric
form and a person can read out. Whoever reads the database cannot show a certificate with it.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import b32encode
from io import BytesIO
from typing import Final

import segno

BITS: Final = 160
PREFIX: Final = "YICI:"
"""What a QR code says before the code, so that a scanner knows what it is. No address: a phone
that reads it opens nothing, and no code gets into the log of a web server."""

_CODE: Final = re.compile(r"[A-Z2-7]{32}")
_LABEL: Final = b"yici one-time code v1"


def new_code() -> str:
    """A code of 32 characters."""
    return b32encode(secrets.token_bytes(BITS // 8)).decode("ascii")


def read_code(text: str) -> str | None:
    """The code in what was scanned or typed in, None where there is none.

    Letters may be small; blanks and hyphens between them, and the prefix, are passed over.
    """
    plain = re.sub(r"[\s-]", "", text).upper().removeprefix(PREFIX)
    return plain if _CODE.fullmatch(plain) else None


def code_hash(key: bytes, code: str) -> bytes:
    """What is kept of a code: HMAC-SHA-256, 32 bytes."""
    return hmac.digest(hmac.digest(key, _LABEL, "sha256"), code.encode("ascii"), "sha256")


def qr_svg(code: str) -> str:
    """A QR code of the code as SVG, black on white, with a quiet zone of four modules."""
    out = BytesIO()
    made = segno.make(PREFIX + code, error="m", micro=False)
    made.save(
        out,
        kind="svg",
        scale=8,
        border=4,
        light="#fff",
        title="用证码 · one-time code",
        xmldecl=False,
        svgns=True,
    )
    return out.getvalue().decode("utf-8").strip()
