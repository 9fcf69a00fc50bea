"""How certificates of a type look: paper, colours, which fields stand out, which template."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

from certstore.certificate_type import Template
from certstore.errors import DocumentError

Orientation = Literal["portrait", "landscape"]

DEFAULT_TEMPLATE: Final = "certificate"
PACKAGE: Final = files("certstore.documents")


@dataclass(frozen=True, slots=True)
class Look:
    """Options of a template.

    `colour` is that of border and ornament, `ink` that of the title, both `#rrggbb`. `large` are
    the names of the fields that stand out, `wide` those that take the whole width. `template` is
    the Typst source itself.
    """

    orientation: Orientation
    colour: str
    ink: str
    large: tuple[str, ...]
    wide: tuple[str, ...]
    template: str

    def options(self) -> dict[str, Any]:
        """What the template is told."""
        told = asdict(self)
        del told["template"]
        return told


class Looks:
    """The looks of types by their key: a folder's before the type's own, these before the rest.

    A folder holds `looks.toml` (tables by type key, `[default]` for the rest) and `*.typ`. A type
    whose key is the name of a `.typ` file there is drawn from it; all others from
    `certificate.typ`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._packaged = _packaged_options()
        self._own: Mapping[str, Mapping[str, Any]] = {}
        if folder is not None and (folder / "looks.toml").is_file():
            self._own = _parsed((folder / "looks.toml").read_bytes())

    def of(self, type_key: str, template: Template) -> Look:
        """The look of a type whose definition states `template`.

        Raises DocumentError `look-invalid` for options that are not.
        """
        options: dict[str, Any] = {}
        for stated in (
            self._packaged["default"],
            self._packaged.get(type_key, {}),
            self._own.get("default", {}),
            template.as_dict(),
            self._own.get(type_key, {}),
        ):
            options |= stated
        try:
            return Look(
                orientation=options["orientation"],
                colour=options["colour"],
                ink=options["ink"],
                large=tuple(options["large"]),
                wide=tuple(options["wide"]),
                template=self._template(type_key),
            )
        except (KeyError, TypeError):
            raise _invalid() from None

    def _template(self, type_key: str) -> str:
        for name in (type_key, DEFAULT_TEMPLATE):
            path = self._folder / f"{name}.typ" if self._folder is not None else None
            # A key is `[a-z0-9-]+` by its definition's schema, so it stays within the folder.
            if path is not None and path.is_file():
                return path.read_text("utf-8")
        return packaged(f"{DEFAULT_TEMPLATE}.typ")


@lru_cache(maxsize=8)
def packaged(name: str) -> str:
    """A file of this package as text."""
    return (PACKAGE / name).read_text("utf-8")


@lru_cache(maxsize=1)
def _packaged_options() -> Mapping[str, Mapping[str, Any]]:
    return _parsed(packaged("looks.toml").encode())


def _parsed(content: bytes) -> Mapping[str, Mapping[str, Any]]:
    try:
        found = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise _invalid() from None
    if not all(isinstance(options, dict) for options in found.values()):
        raise _invalid()
    return found


def _invalid() -> DocumentError:
    return DocumentError(
        "look-invalid", "looks.toml有误", "looks.toml is not of its form", field="looks.toml"
    )
