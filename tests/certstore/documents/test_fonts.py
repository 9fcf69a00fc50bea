"""Fonts are found in a folder, in the system or in a wheel, and their lack is said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from certstore.documents import Drawer
from certstore.documents.face import Face
from certstore.documents.fonts import _wheel_folders, load_fonts
from certstore.documents.samples import MADE_AT
from certstore.errors import DocumentError


def test_without_a_font_of_the_system_the_wheel_serves(tmp_path: Path) -> None:
    found = load_fonts(system=tmp_path)
    assert found.families == ("Noto Sans SC",)
    assert "zhplot" not in sys.modules


def test_a_certificate_can_be_drawn_with_the_wheel_alone(faces: dict[str, Face]) -> None:
    (folder,) = _wheel_folders()
    pdf = Drawer(fonts=folder).pdf(faces["business-licence"], MADE_AT)
    assert b"NotoSansSC" in pdf


def test_a_folder_without_a_font_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as refused:
        load_fonts(tmp_path)
    assert refused.value.code == "no-chinese-font"
    assert tmp_path.name in refused.value.en


def test_where_there_is_no_font_at_all_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certstore.documents.fonts._WHEEL", "no-such-wheel")
    with pytest.raises(DocumentError) as refused:
        load_fonts(system=tmp_path / "other")
    assert "fonts-noto-cjk" in refused.value.en
