"""PDFs as an adversary makes them. Each function is one defect."""

from __future__ import annotations

import re
import zlib
from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

_CONTENTS = re.compile(rb"/Contents\s*<([0-9A-F]{100,})>")


def assembled(objects: dict[int, bytes], trailer: bytes = b"") -> bytes:
    """A PDF of these objects with a correct cross-reference table; object 1 is the catalog."""
    out = bytearray(b"%PDF-1.7\n")
    places = {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for number in sorted(objects):
        out += b"%010d 00000 n \n" % places[number]
    out += b"trailer\n<</Size %d/Root 1 0 R%s>>\n" % (len(objects) + 1, trailer)
    out += b"startxref\n%d\n%%%%EOF\n" % table
    return bytes(out)


def plain(pages: bytes = b"<</Type/Pages/Kids[3 0 R]/Count 1>>", **more: bytes) -> bytes:
    return assembled(
        {
            1: b"<</Type/Catalog/Pages 2 0 R" + more.get("catalog", b"") + b">>",
            2: pages,
            3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        },
        more.get("trailer", b""),
    )


def cyclic_cross_references() -> bytes:
    """The one table names itself as the one before it."""
    pdf = plain(trailer=b"/Prev 0000000000")
    table = pdf.index(b"xref\n0 ")
    return pdf.replace(b"/Prev 0000000000", b"/Prev %010d" % table)


def hundred_thousand_pages() -> bytes:
    return plain(b"<</Type/Pages/Kids[3 0 R]/Count 100000>>")


def nested_without_end() -> bytes:
    return plain(catalog=b"/X " + b"[" * 60_000 + b"]" * 60_000)


def bomb_of_an_object_stream(megabytes: int = 2000) -> bytes:
    """A cross-reference stream that unpacks to gigabytes of nothing."""
    # A megabyte packed once and repeated: whoever unpacks it never comes to the wrong checksum.
    packer = zlib.compressobj(9)
    first = packer.compress(bytes(1024 * 1024)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(1024 * 1024)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = first + again * (megabytes - 1)
    head = (
        b"%%PDF-1.7\n1 0 obj\n<</Type/XRef/Size 99999999/W[1 4 2]/Root 2 0 R"
        b"/Filter/FlateDecode/Length %d>>\nstream\n" % len(packed)
    )
    return head.replace(b"%%", b"%") + packed + b"\nendstream\nendobj\nstartxref\n9\n%%EOF\n"


def attached(pdf: bytes, name: str, content: bytes, media_type: str) -> bytes:
    """`pdf` with one more attachment, packed."""
    writer = copy_into_new_writer(PdfFileReader(BytesIO(pdf), strict=True))
    stream = generic.StreamObject(
        generic.DictionaryObject(
            {
                generic.pdf_name("/Type"): generic.pdf_name("/EmbeddedFile"),
                generic.pdf_name("/Subtype"): generic.pdf_name(f"/{media_type}"),
            }
        ),
        stream_data=content,
    )
    stream.compress()
    spec = generic.DictionaryObject(
        {
            generic.pdf_name("/Type"): generic.pdf_name("/Filespec"),
            generic.pdf_name("/F"): generic.pdf_string(name),
            generic.pdf_name("/EF"): generic.DictionaryObject(
                {generic.pdf_name("/F"): writer.add_object(stream)}
            ),
        }
    )
    names = writer.root.setdefault(generic.pdf_name("/Names"), generic.DictionaryObject())
    names = names.get_object()
    files = names.setdefault(generic.pdf_name("/EmbeddedFiles"), generic.DictionaryObject())
    files = files.get_object()
    listed = files.setdefault(generic.pdf_name("/Names"), generic.ArrayObject()).get_object()
    listed.append(generic.pdf_string(name))
    listed.append(writer.add_object(spec))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def updated_after_the_seal(sealed: bytes) -> bytes:
    """Something was added in the way that PDF itself foresees."""
    writer = IncrementalPdfFileWriter(BytesIO(sealed), strict=True)
    writer.root[generic.pdf_name("/Lang")] = generic.pdf_string("en")
    writer.update_root()
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def seal_of(pdf: bytes) -> bytes:
    (found,) = _CONTENTS.findall(pdf)
    return bytes(found)


def with_seal(pdf: bytes, seal: bytes) -> bytes:
    """`pdf` with another seal of the same size in the place of its own."""
    own = seal_of(pdf)
    assert len(seal) == len(own)
    return pdf.replace(own, seal)


def with_hole(sealed: bytes) -> bytes:
    """The place of the seal holds more than the seal."""
    own = seal_of(sealed)
    return sealed.replace(own, own[:-2] + b">(")


def with_filled_padding(sealed: bytes) -> bytes:
    """Something stands where zeros fill the place of the seal up."""
    own = seal_of(sealed)
    return sealed.replace(own, own[:-8] + b"DEADBEEF")


def with_broken_signature(sealed: bytes) -> bytes:
    """The signature itself, the last value of the CMS, is another."""
    own = seal_of(sealed)
    raw = bytes.fromhex(own.decode())
    length = 4 + int.from_bytes(raw[2:4], "big")
    broken = bytearray(raw)
    broken[length - 3] ^= 1
    return sealed.replace(own, broken.hex().upper().encode())
