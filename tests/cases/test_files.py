"""Uploads are told by their content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.cases.files import clean_file_name, media_type_of
from exchange.errors import Unsupported
from tests.cases.documents import jpeg, pdf, png


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(pdf(), "application/pdf"), (png(), "image/png"), (jpeg(), "image/jpeg")],
)
def test_whole_documents_are_told(content: bytes, media_type: str) -> None:
    assert media_type_of(content) == media_type


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"plain text",
        b"<html><script>alert(1)</script></html>",
        b"PK\x03\x04" + b"\0" * 40,
        b"MZ" + b"\0" * 60,
        b"%PDF-1.7\n",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xd9",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(Unsupported):
        media_type_of(content)


@pytest.mark.parametrize("whole", [pdf(), png(), jpeg()])
def test_a_document_cut_anywhere_is_refused(whole: bytes) -> None:
    for length in range(len(whole) - 2):
        with pytest.raises(Unsupported):
            media_type_of(whole[:length])


def test_an_altered_pixel_is_found_by_its_checksum() -> None:
    altered = bytearray(png())
    altered[-20] ^= 1
    with pytest.raises(Unsupported):
        media_type_of(bytes(altered))


@given(st.binary(max_size=300))
def test_no_bytes_make_the_sniffing_fail_otherwise(content: bytes) -> None:
    for head in (b"", b"%PDF-1.4", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"):
        try:
            media_type_of(head + content)
        except Unsupported:
            continue


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("平面图.pdf", "平面图.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\a\\plan.PNG", "plan.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie_ x.pdf"),
        ("gnp\u202efdp.exe", "gnpfdp.pdf"),
        ("", "document.pdf"),
        ("...", "document.pdf"),
        ("x" * 500 + ".pdf", "x" * 100 + ".pdf"),
    ],
)
def test_file_names_are_made_safe(name: str, clean: str) -> None:
    assert clean_file_name(name, "application/pdf") == clean


@given(st.text(max_size=300))
def test_every_name_becomes_one_that_can_be_saved(name: str) -> None:
    clean = clean_file_name(name, "image/png")
    assert clean.endswith(".png") and 5 <= len(clean) <= 104
    assert not set(clean) & set('/\\:*?"<>|\r\n\0') and clean.encode()
