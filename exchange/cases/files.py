"""What an applicant sends: told by its content, never by its name. Pure."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Callable
from typing import Final

from exchange.errors import Unsupported

PDF: Final = "application/pdf"
PNG: Final = "image/png"
JPEG: Final = "image/jpeg"
_EXTENSIONS: Final = {PDF: "pdf", PNG: "png", JPEG: "jpg"}
_LONGEST_STEM: Final = 100
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def media_type_of(content: bytes) -> str:
    """``application/pdf``, ``image/png`` or ``image/jpeg``, by magic bytes and plausible structure.

    A file that begins as one of them but ends early, or whose parts do not add up, is none.

    Raises:
        Unsupported: it is none of them.
    """
    for media_type, fits in _STRUCTURES.items():
        if fits(content):
            return media_type
    raise Unsupported(
        "只接受完整的 PDF、PNG 或 JPEG 文件。", "Only whole PDF, PNG or JPEG files are accepted."
    )


def clean_file_name(name: str, media_type: str) -> str:
    """A file name that is safe to show and to save under, at most 104 characters.

    Folders, control and invisible characters (among them those that turn the direction of
    writing) are dropped; the extension is that of the content.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(
        character
        for character in last
        if unicodedata.category(character)[0] not in "CZ" or character == " "
    )
    safe = re.sub(r'[<>:"|?*]', "_", shown)
    stem = safe.rpartition(".")[0] or safe
    stem = stem.strip(" .")[:_LONGEST_STEM].rstrip(" .")
    return f"{stem or 'document'}.{_EXTENSIONS[media_type]}"


def _is_pdf(content: bytes) -> bool:
    # ISO 32000-2 §7.5: a header, and at the end startxref, an offset and %%EOF. Readers allow for
    # bytes after the last %%EOF; so does this, up to 1024.
    if re.match(rb"%PDF-[12]\.[0-9]", content) is None:
        return False
    end = re.search(rb"startxref\s+([0-9]{1,12})\s+%%EOF", content[-2048:])
    return end is not None and int(end[1]) < len(content)


def _is_png(content: bytes) -> bool:
    # PNG (ISO/IEC 15948) §5: chunks of length, type, data, CRC; IHDR first, IEND last, IDAT within.
    if not content.startswith(_PNG_SIGNATURE):
        return False
    position, seen = len(_PNG_SIGNATURE), set[bytes]()
    view = memoryview(content)
    while position + 12 <= len(content):
        length = int.from_bytes(view[position : position + 4], "big")
        kind = bytes(view[position + 4 : position + 8])
        end = position + 12 + length
        if end > len(content) or (not seen and (kind != b"IHDR" or length != 13)):
            return False
        crc = int.from_bytes(view[end - 4 : end], "big")
        if zlib.crc32(view[position + 4 : end - 4]) != crc:
            return False
        seen.add(kind)
        if kind == b"IEND":
            return b"IDAT" in seen and end == len(content)
        position = end
    return False


def _is_jpeg(content: bytes) -> bool:
    # JPEG (ITU-T T.81) annex B: SOI, marker segments up to a scan, EOI at the very end. Cameras
    # append zero bytes at times.
    trimmed = content.rstrip(b"\x00")
    if not trimmed.startswith(b"\xff\xd8\xff") or not trimmed.endswith(b"\xff\xd9"):
        return False
    position, frame = 2, False
    while position + 4 <= len(trimmed):
        if trimmed[position] != 0xFF:
            return False
        marker = trimmed[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker == 0xDA:
            return frame
        frame = frame or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC))
        length = int.from_bytes(trimmed[position + 2 : position + 4], "big")
        if length < 2:
            return False
        position += 2 + length
    return False


_STRUCTURES: Final[dict[str, Callable[[bytes], bool]]] = {
    PDF: _is_pdf,
    PNG: _is_png,
    JPEG: _is_jpeg,
}
