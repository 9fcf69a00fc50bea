"""证照文件 · a certificate as a file: drawn, sealed, annotated, checked.

Drawing is typst's, sealing pyHanko's. Each name below is imported on first use: neither the one
nor the other is loaded by whoever only checks, and none by whoever only verifies a credential.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certstore.documents.check import PdfCheck, check_pdf
    from certstore.documents.drawing import Drawer
    from certstore.documents.face import Annotation, Face, Line
    from certstore.documents.looks import Look, Looks
    from certstore.documents.sealing import seal

_HOME = {
    "Annotation": "face",
    "Drawer": "drawing",
    "Face": "face",
    "Line": "face",
    "Look": "looks",
    "Looks": "looks",
    "PdfCheck": "check",
    "check_pdf": "check",
    "seal": "sealing",
}

__all__ = [
    "Annotation",
    "Drawer",
    "Face",
    "Line",
    "Look",
    "Looks",
    "PdfCheck",
    "check_pdf",
    "seal",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"certstore.documents.{home}"), name)
