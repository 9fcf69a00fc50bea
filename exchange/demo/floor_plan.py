"""The document an applicant gives: a one-page PDF with the outline of some premises."""

from __future__ import annotations

from typing import Final

# Rooms in points from the lower left corner of the page: x, y, width, height.
_ROOMS: Final = (
    (100, 420, 400, 300),
    (100, 420, 160, 140),
    (260, 420, 240, 140),
    (430, 640, 70, 80),
)
_NAMES: Final = (
    (290, 630, "Dining"),
    (150, 480, "Kitchen"),
    (350, 480, "Storage"),
    (445, 675, "WC"),
)


def floor_plan(reference: str) -> bytes:
    """A valid PDF 1.4 of one page; ``reference`` (ASCII) is printed on it."""
    words = reference.encode("ascii").replace(b"\\", b"").replace(b"(", b"").replace(b")", b"")
    drawn = [b"1.5 w"]
    drawn += [b"%d %d %d %d re S" % room for room in _ROOMS]
    drawn += [b"BT /F1 12 Tf %d %d Td (%b) Tj ET" % (x, y, name.encode()) for x, y, name in _NAMES]
    drawn.append(b"BT /F1 14 Tf 100 760 Td (Premises floor plan  %b) Tj ET" % words)
    return _pdf(b"\n".join(drawn))


def _pdf(drawing: bytes) -> bytes:
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
