"""What somebody shows is told apart by its content; pictures are opened in a child process."""

from __future__ import annotations

import io
import struct
from zlib import compressobj, crc32

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from certstore.documents.limited import Limits
from certstore.errors import CertstoreError, ShownError
from certstore.identifiers import CertificateIdentifier
from certstore.issue import CertificateDraft
from certstore.pictures import read_qr_code
from certstore.shown import Shown, read_shown, read_text

IDENTIFIER = str(CertificateIdentifier("11440000MB2D01234C001", "11440000MB2D01234C", "A1", 1))
WRONG = IDENTIFIER[:-1] + ("0" if IDENTIFIER[-1] != "0" else "1")


@pytest.mark.parametrize(
    ("text", "kind", "said", "sound"),
    [
        (IDENTIFIER, "identifier", IDENTIFIER, True),
        (f"  {IDENTIFIER}\r\n", "identifier", IDENTIFIER, True),
        (WRONG, "identifier", WRONG, False),
        (f"https://hub.example/v/{IDENTIFIER}", "identifier", IDENTIFIER, True),
        (f"http://hub.example:8000/under/v/{IDENTIFIER}", "identifier", IDENTIFIER, True),
        (f"https://hub.example/v/{WRONG}", "identifier", WRONG, False),
        ("YICI:" + "A" * 32, "one-time-code", "YICI:" + "A" * 32, True),
        ("yici:abc", "one-time-code", "yici:abc", True),
        ("a.b.c~", "credential", "a.b.c~", True),
        ("\ufeffa.b.c~d~e.f.g", "credential", "a.b.c~d~e.f.g", True),
    ],
    ids=["identifier", "with blanks", "wrong check character", "address", "address with a path",
         "address of a wrong one", "one-time code", "one-time code in small letters",
         "credential", "credential with a mark before it"],
)  # fmt: skip
def test_texts_are_told_apart(text: str, kind: str, said: str, sound: bool) -> None:
    shown = read_shown(text.encode())
    assert (shown.kind, shown.text, shown.sound) == (kind, said, sound)
    assert said not in repr(shown)


@pytest.mark.parametrize(
    "text",
    ["", "hello", f"javascript:/v/{IDENTIFIER}", f"https://hub.example/w/{IDENTIFIER}",
     f"https://hub.example/v/{IDENTIFIER}?next=x", f"https://hub.example/v/{IDENTIFIER}/more",
     f"{IDENTIFIER} {IDENTIFIER}", "https://hub.example/v/%00", "a.b.c"],
    ids=["empty", "a word", "no address", "another path", "with a query", "a longer path", "two",
         "escaped nonsense", "no tilde"],
)  # fmt: skip
def test_what_is_neither_is_not_recognised(text: str) -> None:
    with pytest.raises(ShownError) as caught:
        read_text(text)
    assert caught.value.code == "not-recognised"


def test_files_are_told_apart_by_their_first_bytes() -> None:
    assert read_shown(b"%PDF-1.7 rest").kind == "pdf"
    assert read_shown(b"\x89PNG\r\n\x1a\n rest").kind == "picture"
    assert read_shown(b"\xff\xd8\xff\xe0 rest").kind == "picture"
    with pytest.raises(ShownError):
        read_shown(b"GIF89a")
    with pytest.raises(ShownError) as caught:
        read_shown(b"x" * 300_000)
    assert caught.value.code == "oversized"


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_noise_raises_anything_but_a_refusal(noise: bytes) -> None:
    try:
        assert isinstance(read_shown(noise), Shown)
    except CertstoreError as refused:
        assert refused.code in {"not-recognised", "oversized"}


def drawn(*texts: str, kind: str = "PNG", turned: int = 0) -> bytes:
    """A page with QR codes beside one another."""
    codes = []
    for text in texts:
        out = io.BytesIO()
        segno.make(text).save(out, kind="png", scale=4)
        codes.append(Image.open(out).convert("L"))
    page = Image.new("L", (sum(each.width for each in codes) + 40, 400), 255)
    left = 20
    for code in codes:
        page.paste(code, (left, 20))
        left += code.width
    saved = io.BytesIO()
    page.rotate(turned, expand=True, fillcolor=255).save(saved, kind)
    return saved.getvalue()


@pytest.mark.parametrize(("kind", "turned"), [("PNG", 0), ("JPEG", 0), ("JPEG", 30), ("PNG", 180)])
def test_a_qr_code_is_read_however_the_page_lies(kind: str, turned: int) -> None:
    address = f"https://hub.example/v/{IDENTIFIER}"
    assert read_qr_code(drawn(address, kind=kind, turned=turned)) == address


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc32(kind + content))
    )


def bomb(side: int = 60_000) -> bytes:
    """A small PNG that says it unpacks to 3.6 billion pixels."""
    rows = compressobj()
    row = bytes(1 + side // 8)
    packed = rows.compress(row * 100) + rows.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", packed), chunk(b"IEND", b""))
    )


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("no QR code", "no-qr-code"),
        ("two QR codes", "several-qr-codes"),
        ("cut off", "picture-malformed"),
        ("another format", "not-a-picture"),
        ("too many pixels", "picture-too-large"),
        ("too many bytes", "picture-too-large"),
        ("nothing", "not-a-picture"),
    ],
)
def test_a_picture_that_cannot_be_read_is_refused_by_its_own_code(name: str, code: str) -> None:
    data = {
        "no QR code": lambda: drawn(),
        "two QR codes": lambda: drawn("one", "two"),
        "cut off": lambda: drawn("one")[:-80],
        "another format": lambda: drawn("one", kind="GIF"),
        "too many pixels": bomb,
        "too many bytes": lambda: b"\x89PNG\r\n\x1a\n" + bytes(11 * 1024 * 1024),
        "nothing": lambda: b"",
    }[name]()
    with pytest.raises(ShownError) as caught:
        read_qr_code(data)
    assert caught.value.code == code
    assert caught.value.zh and caught.value.en


def test_a_child_that_needs_too_much_dies_without_harm() -> None:
    starved = Limits(memory=24 * 1024 * 1024, cpu_seconds=5, wall_seconds=10.0, answer=1024)
    with pytest.raises(ShownError) as caught:
        read_qr_code(drawn("one"), limits=starved)
    assert caught.value.code in {"memory-limit", "picture-malformed"}
    hurried = Limits(cpu_seconds=5, wall_seconds=0.01, answer=1024)
    with pytest.raises(ShownError) as caught:
        read_qr_code(drawn("one"), limits=hurried)
    assert caught.value.code == "time-limit"
    assert read_qr_code(drawn("one")) == "one"


def test_the_same_code_twice_on_a_page_is_one(draft: CertificateDraft) -> None:
    address = f"https://hub.example/v/{draft.identifier}"
    assert read_qr_code(drawn(address, address)) == address
