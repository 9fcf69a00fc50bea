"""The documents an applicant gives: one-page PDFs, made on the fly."""

from __future__ import annotations

from typing import Final

# Rooms in points from the lower left corner of the page: x, y, width, height, name.
_ROOMS: Final = (
    (100, 420, 400, 300, b"Dining"),
    (100, 420, 160, 140, b"Kitchen"),
    (260, 420, 240, 140, b"Storage"),
    (430, 640, 70, 80, b"WC"),
)


def floor_plan(reference: str) -> bytes:
    """The outline of some premises; ``reference`` (ASCII) is printed on it."""
    drawn = [_words(100, 760, 14, f"Premises floor plan  {reference}"), b"1.5 w"]
    for x, y, width, height, name in _ROOMS:
        drawn.append(b"%d %d %d %d re S" % (x, y, width, height))
        drawn.append(_words(x + 12, y + height - 24, 12, name.decode()))
    return _pdf(b"\n".join(drawn))


def statement(title: str, reference: str) -> bytes:
    """A statement in the applicant's own words; both texts are ASCII."""
    lines = (title, reference, "The applicant states that the particulars given are true.")
    drawn = [_words(100, 760 - 30 * number, 12, line) for number, line in enumerate(lines)]
    return _pdf(b"\n".join(drawn))


def _words(x: int, y: int, size: int, text: str) -> bytes:
    safe = text.encode("ascii", "replace")
    for character in (b"\\", b"(", b")"):
        safe = safe.replace(character, b"\\" + character)
    return b"BT /F1 %d Tf %d %d Td (%b) Tj ET" % (size, x, y, safe)


def _pdf(drawing: bytes) -> bytes:
    """A PDF 1.4 of one A4 page (ISO 32000-1)."""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawing), drawing),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    file = bytearray(b"%PDF-1.4\n%\xe4\xb8\x80\xe6\xac\xa1\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % place for place in places)
    file += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        table,
    )
    return bytes(file)
