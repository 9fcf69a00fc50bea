"""Objects in a folder: `<root>/ab/cd/<sha256>`, written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from certstore.errors import ObjectError
from certstore.objects.contract import (
    CHUNK,
    ObjectRef,
    as_stream,
    check_name,
    checked,
    is_name,
    not_found,
    unavailable,
)


class FolderStore:
    """An object store in the folder `root`, which is made when it is missing.

    The media type of an object is not kept here: whoever names an object knows what it is.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)

    def put(self, content: bytes | BinaryIO, media_type: str) -> ObjectRef:
        # 1. Write to a temporary file while hashing: the name is known only at the end.
        # 2. fsync the file, so that its bytes are there before its name is.
        # 3. Rename it, and fsync the folder, so that its name survives a power cut.
        temporary = self._incoming / secrets.token_hex(16)
        try:
            try:
                ref = _write(temporary, as_stream(content))
                path = self._path(ref.sha256)
                if self._holds(ref):
                    _sync_folder(path.parent)
                else:
                    self._make_folders(path.parent)
                    temporary.replace(path)
                    _sync_folder(path.parent)
                return ref
            finally:
                temporary.unlink(missing_ok=True)
        except OSError:
            raise unavailable() from None

    def get(self, sha256: str) -> bytes:
        path = self._path(check_name(sha256))
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise not_found() from None
        except OSError:
            raise unavailable() from None
        return checked(content, sha256)

    def exists(self, sha256: str) -> bool:
        try:
            return self._path(check_name(sha256)).is_file()
        except OSError:
            raise unavailable() from None

    def __iter__(self) -> Iterator[str]:
        try:
            for path in self._root.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*"):
                if is_name(path.name):
                    yield path.name
        except OSError:
            raise unavailable() from None

    def _path(self, name: str) -> Path:
        return self._root / name[:2] / name[2:4] / name

    def _holds(self, ref: ObjectRef) -> bool:
        """Whether these very bytes are here; an altered object is put again, which heals it."""
        try:
            self.get(ref.sha256)
        except ObjectError as error:
            if error.code in {"not-found", "altered"}:
                return False
            raise
        return True

    def _make_folders(self, folder: Path) -> None:
        for level in (folder.parent, folder):
            if not level.is_dir():
                level.mkdir(exist_ok=True)
                _sync_folder(level.parent)


def _write(path: Path, stream: BinaryIO) -> ObjectRef:
    digest, size = sha256(), 0
    with path.open("xb") as file:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            size += file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return ObjectRef(digest.hexdigest(), size)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
