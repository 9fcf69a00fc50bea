"""A drawn certificate: Chinese text that can be read out, whole however long, never run."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Callable
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pyhanko.pdf_utils.reader import PdfFileReader

from certstore.certificate_type import Title
from certstore.documents import Drawer
from certstore.documents.drawing import _as_svg
from certstore.documents.face import Face, Line, clean, shown
from certstore.documents.inspection import _attached
from certstore.documents.looks import Looks
from certstore.documents.samples import MADE_AT
from certstore.documents.wording import validity_of
from certstore.errors import DocumentError

PAGE_NUMBER = re.compile(r"1\.2\.156[0-9A-Z.]+第\d+页，共\d+页·page\d+of\d+")
Faces = dict[str, Face]
Programs = Callable[[str], str]


def text_of(pdf: bytes, program: Programs, *options: str) -> str:
    done = subprocess.run(
        [program("pdftotext"), *options, "-", "-"], input=pdf, capture_output=True, check=True
    )
    return done.stdout.decode()


def with_value(face: Face, name: str, value: str) -> Face:
    lines = [dataclasses.replace(x, value=value) if x.name == name else x for x in face.lines]
    return dataclasses.replace(face, lines=tuple(lines))


def pages(pdf: bytes) -> int:
    return int(PdfFileReader(BytesIO(pdf)).root["/Pages"]["/Count"])


def test_everything_on_the_face_can_be_read_out(
    drawn: bytes, faces: Faces, program: Programs
) -> None:
    text = text_of(drawn, program).replace(" ", "").replace("\n", "")
    face = faces["business-licence"]
    assert face.title.zh in text
    assert face.identifier in text
    for line in face.lines:
        assert line.title.zh in text
        assert line.value.replace(" ", "") in text
    assert "2026年3月2日" in text


def test_the_file_is_pdf_a_and_accessible_with_fonts_embedded_and_subset(
    drawn: bytes, program: Programs
) -> None:
    info = subprocess.run(
        [program("pdfinfo"), "-"], input=drawn, capture_output=True, check=True
    ).stdout.decode()
    assert "Tagged:          yes" in info
    assert "A4" in info
    assert b"<pdfaid:part>3</pdfaid:part>" in drawn
    assert b"<pdfuaid:part>1</pdfuaid:part>" in drawn
    fonts = subprocess.run(
        [program("pdffonts"), "-"], input=drawn, capture_output=True, check=True
    ).stdout.decode().splitlines()[2:]  # fmt: skip
    assert fonts
    assert all(line.split()[-5:-2] == ["yes", "yes", "yes"] for line in fonts)
    assert len(drawn) < 200_000


def test_qr_code_and_seal_say_in_words_what_they_show(drawn: bytes, faces: Faces) -> None:
    reader = PdfFileReader(BytesIO(drawn))
    told: list[str] = []
    kids = [reader.root["/StructTreeRoot"]]
    while kids:
        node = kids.pop()
        if "/Alt" in node:
            told.append(str(node["/Alt"]))
        below = node.get("/K", [])
        for kid in below if isinstance(below, list) else [below]:
            kid = kid.get_object()
            if hasattr(kid, "get") and kid.get("/Type") != "/Page":
                kids.append(kid)
    assert any(faces["business-licence"].qr in each for each in told)
    assert any("电子证照专用章" in each for each in told)


def test_the_qr_code_can_be_scanned_from_the_picture(drawer: Drawer, faces: Faces) -> None:
    import zxingcpp

    (png,) = drawer.picture(faces["business-licence"], MADE_AT, "png", ppi=150)
    found = zxingcpp.read_barcodes(Image.open(BytesIO(png)))
    assert [each.text for each in found] == [faces["business-licence"].qr]


def test_the_same_face_at_the_same_moment_is_the_same_file(
    drawer: Drawer, faces: Faces, drawn: bytes
) -> None:
    assert drawer.pdf(faces["business-licence"], MADE_AT) == drawn


def test_a_scope_of_4000_characters_goes_on_overleaf_and_nothing_is_lost(
    drawer: Drawer, faces: Faces, program: Programs
) -> None:
    scope = "".join(f"第{number:03d}项食品销售；" for number in range(400))[:4000]
    pdf = drawer.pdf(with_value(faces["business-licence"], "business_scope", scope), MADE_AT)
    assert pages(pdf) > 1
    text = PAGE_NUMBER.sub("", "".join(text_of(pdf, program).split()))
    assert "接续页" in text
    missing = [number for number in range(400) if f"第{number:03d}项" not in text]
    assert missing == []


def test_sixty_fields_find_room(drawer: Drawer, faces: Faces, program: Programs) -> None:
    lines = tuple(
        Line(f"f{number}", Title(f"项目{number}", f"Field {number}"), f"值{number}号" * 8)
        for number in range(60)
    )
    face = dataclasses.replace(faces["parking-facility-licence"], lines=lines)
    text = "".join(text_of(drawer.pdf(face, MADE_AT), program).split())
    assert all(f"值{number}号" in text for number in range(60))


def test_what_looks_like_markup_or_code_is_only_text(
    drawer: Drawer, faces: Faces, program: Programs
) -> None:
    hostile = '#panic("x") $1$ *b* `r` \\ @ref <l> // c #sys.inputs "}'
    pdf = drawer.pdf(with_value(faces["business-licence"], "address", hostile), MADE_AT)
    assert hostile.replace(" ", "") in text_of(pdf, program, "-raw").replace(" ", "")


def test_a_character_that_no_font_has_is_a_geta_on_the_face_and_itself_in_the_data(
    drawer: Drawer, faces: Faces, program: Programs
) -> None:
    face = with_value(faces["business-licence"], "address", "青\U0001f600禾\u0378行")
    pdf = drawer.pdf(face, MADE_AT)
    assert "青〓禾" in text_of(pdf, program)
    attached = _attached(PdfFileReader(BytesIO(pdf)))
    assert "青\U0001f600禾\u0378行" in (attached["metadata"] or "")


def test_an_unbroken_run_of_letters_stays_on_the_page(drawer: Drawer, faces: Faces) -> None:
    long = drawer.pdf(with_value(faces["business-licence"], "address", "A" * 400), MADE_AT)
    assert pages(long) == 1


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("甲\u202e乙", "甲乙"),
        ("甲\x00\x1b乙", "甲乙"),
        ("甲\ud800乙", "甲〓乙"),
        ("甲\r\n乙", "甲\n乙"),
        ("王\u200d甲", "王\u200d甲"),
    ],
    ids=["direction-reversed", "controls", "half-a-character", "lines", "joiner"],
)
def test_unseen_characters_do_not_reach_the_face(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_values_are_shown_as_people_write_them() -> None:
    assert shown(None) == "—"
    assert shown(True) == "是 Yes"
    assert shown(["甲", 2]) == "甲、2"
    assert shown({"甲": 1}) == "甲：1"
    assert shown("文" * 20_001).endswith("……")
    assert validity_of(date(2024, 2, 29), None) == "2024年2月29日至长期 · no end"


def test_pictures_have_the_size_of_the_page(drawer: Drawer, faces: Faces) -> None:
    (png,) = drawer.picture(faces["limited-business-licence"], MADE_AT, "png", ppi=72)
    assert Image.open(BytesIO(png)).size == (595, 842)
    (svg,) = drawer.picture(faces["limited-business-licence"], MADE_AT, "svg")
    assert svg.startswith(b"<svg")
    assert b"<text" not in svg


def test_a_departments_own_seal_takes_the_place_of_the_drawn_one(
    drawer: Drawer, faces: Faces, drawn: bytes
) -> None:
    picture = BytesIO()
    Image.new("RGBA", (64, 64), (200, 0, 0, 255)).save(picture, "PNG")
    for own in (picture.getvalue(), b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>'):
        pdf = drawer.pdf(faces["business-licence"], MADE_AT, seal_picture=own)
        assert pdf != drawn


@pytest.mark.parametrize(
    "picture",
    [b"", b"GIF89a", b"\xff\xfe", b"\x89PNG\r\n\x1a\n" + bytes(30), b"<svg" + b" " * 600_000],
    ids=["empty", "gif", "not-text", "png-without-size", "oversized"],
)
def test_what_is_no_picture_of_a_seal_is_refused(picture: bytes) -> None:
    with pytest.raises(DocumentError) as refused:
        _as_svg(picture)
    assert refused.value.code == "seal-picture-invalid"


def test_a_folder_of_looks_changes_how_a_type_is_drawn(
    tmp_path: Path, faces: Faces, program: Programs
) -> None:
    (tmp_path / "looks.toml").write_text('[business-licence]\ncolour = "#123456"\n')
    (tmp_path / "parking-facility-licence.typ").write_text(
        '#let d = json(bytes(sys.inputs.data))\n#set document(title: "own")\n'
        "#set text(font: d.fonts)\n#d.title.zh 自定版式"
    )
    drawer = Drawer(looks=tmp_path)
    face = faces["parking-facility-licence"]
    assert "自定版式" in text_of(drawer.pdf(face, MADE_AT), program)
    look = Looks(tmp_path).of("business-licence", face.template)
    assert (look.colour, look.orientation) == ("#123456", "landscape")


@pytest.mark.parametrize(
    "content", ["[default", "default = 1", "[default]\nlarge = 3"], ids=["toml", "table", "list"]
)
def test_options_that_are_not_are_named(tmp_path: Path, content: str, faces: Faces) -> None:
    (tmp_path / "looks.toml").write_text(content)
    with pytest.raises(DocumentError) as refused:
        Looks(tmp_path).of("x", faces["business-licence"].template)
    assert refused.value.code == "look-invalid"


def test_a_template_that_does_not_compile_is_a_fault_of_the_template(
    tmp_path: Path, faces: Faces
) -> None:
    (tmp_path / "certificate.typ").write_text('#panic("no")')
    with pytest.raises(DocumentError) as refused:
        Drawer(looks=tmp_path).pdf(faces["business-licence"], MADE_AT)
    assert refused.value.code == "not-drawable"
