"""Where the Chinese fonts come from: a folder that was named, Debian's package, or a wheel.

A file embeds only the glyphs that it uses. No font lies in this repository.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

import typst

from certstore.errors import DocumentError

SYSTEM: Final = Path("/usr/share/fonts")
PREFERRED: Final = (
    "Noto Serif CJK SC",
    "Noto Serif SC",
    "Source Han Serif SC",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
)
_WHEEL: Final = "zhplot"
_SUFFIXES: Final = frozenset({".ttf", ".otf", ".ttc", ".otc"})


@dataclass(frozen=True, slots=True)
class FontSet:
    """Loaded fonts, and the families to draw with, the best first."""

    fonts: Any
    families: tuple[str, ...]
    folder: Path


def load_fonts(folder: Path | None = None, *, system: Path = SYSTEM) -> FontSet:
    """The fonts of `folder`; without one, of Debian's fonts-noto-cjk, else of the wheel zhplot.

    Raises DocumentError `no-chinese-font`, saying what to install.
    """
    return _load(folder, system)


@lru_cache(maxsize=8)
def _load(folder: Path | None, system: Path) -> FontSet:
    if folder is not None:
        found = _read(folder)
        if found is None:
            raise DocumentError(
                "no-chinese-font",
                f"字体目录{folder.name}中没有可用的字体文件",
                f"the font folder {folder.name} has no font that can be used",
                field="fonts",
            )
        return found
    for place in (*_system_folders(system), *_wheel_folders()):
        found = _read(place)
        if found is not None:
            return found
    raise DocumentError(
        "no-chinese-font",
        "没有中文字体：请安装Debian软件包fonts-noto-cjk，或Python包zhplot，或指定字体目录",
        "there is no Chinese font: install the Debian package fonts-noto-cjk or the Python"
        " package zhplot, or name a folder of fonts",
        field="fonts",
    )


def _read(folder: Path) -> FontSet | None:
    if not folder.is_dir() or not any(_fonts_in(folder)):
        return None
    fonts = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=True, font_paths=[str(folder)]
    )
    own = {font.family for font in fonts.fonts() if font.path is not None}
    families: list[str] = [name for name in PREFERRED if name in own]
    if not families:
        families = sorted(own)
    return FontSet(fonts, tuple(families), folder) if families else None


def _fonts_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES]


def _system_folders(system: Path) -> list[Path]:
    """Serif first: it is what certificates are printed in."""
    folders: list[Path] = []
    for pattern in ("NotoSerifCJK*", "NotoSansCJK*"):
        folders += [path.parent for path in sorted(system.rglob(pattern))]
    return list(dict.fromkeys(folders))


def _wheel_folders() -> list[Path]:
    # Found without importing the wheel, which would load a plotting library.
    try:
        listed = distribution(_WHEEL).files or []
    except PackageNotFoundError:
        return []
    paths = [Path(str(one.locate())) for one in listed if Path(one.name).suffix in _SUFFIXES]
    return list(dict.fromkeys(path.parent for path in paths))
