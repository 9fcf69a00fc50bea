"""What somebody shows: a signed file, a PDF, a picture, the text of a QR code, or an identifier.

Told apart by content, never by a file's name. Nothing is verified here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote

from certstore.errors import IdentifierError, ShownError
from certstore.identifiers import CertificateIdentifier

Kind = Literal["credential", "pdf", "picture", "identifier", "one-time-code"]

MOST_TEXT: Final = 256 * 1024
CODE_PREFIX: Final = "YICI:"
"""How a QR code begins that holds a one-time code (用证码)."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_ADDRESS: Final = re.compile(r"https?://[^\s/?#]+(?:/[^\s?#]*)?/v/([0-9A-Za-z.%]{1,300})")
_DISCLOSED: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*~")


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown, and of which kind. `text` is the credential, identifier or code; `data` the
    bytes of a PDF or picture. `sound` is False for an identifier whose check character is wrong."""

    kind: Kind
    text: str = field(default="", repr=False)
    data: bytes = field(default=b"", repr=False)
    sound: bool = True


def read_shown(data: bytes) -> Shown:
    """What `data` is.

    Raises ShownError `not-recognised` or `oversized`.
    """
    if data.startswith(b"%PDF-"):
        return Shown("pdf", data=data)
    if data.startswith((_PNG, _JPEG)):
        return Shown("picture", data=data)
    if len(data) > MOST_TEXT:
        raise ShownError("oversized", "超过大小上限", f"more than {MOST_TEXT} bytes")
    try:
        return read_text(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise _not_recognised() from None


def read_text(text: str) -> Shown:
    """What a text is: an SD-JWT, an identifier (also within the address that certificates print
    as a QR code), or a one-time code.

    Whose address it is does not matter: only the identifier in it is taken, and verified like any
    other. Raises ShownError `not-recognised`.
    """
    plain = text.strip()
    if _DISCLOSED.match(plain):
        return Shown("credential", text=plain)
    if plain.upper().startswith(CODE_PREFIX):
        return Shown("one-time-code", text=plain)
    address = _ADDRESS.fullmatch(plain)
    try:
        identifier, sound = CertificateIdentifier.parse_flagged(
            unquote(address[1]) if address else plain
        )
    except IdentifierError:
        raise _not_recognised() from None
    # As it was printed: a wrong check character is kept, to be flagged.
    printed = unquote(address[1]) if address else plain
    return Shown("identifier", text=str(identifier) if sound else printed, sound=sound)


def _not_recognised() -> ShownError:
    return ShownError(
        "not-recognised",
        "不是证照文件、PDF、图片、证照标识或证照二维码的内容",
        "neither a certificate, PDF, picture, identifier nor what a certificate's QR code says",
    )
