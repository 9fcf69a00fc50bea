"""Objects in a folder: `<root>/ab/cd/<sha256>`, written whole or not at all.

Beside an object that is retained or held lies `<sha256>.retention`. What removes and what puts
meet at a lock of the file system, so that nothing is removed that was just put again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

from certstore.errors import StoreFault
from certstore.objects.contract import (
    CHUNK,
    Listed,
    ObjectRef,
    ObjectState,
    as_stream,
    bad_retention,
    check_name,
    check_prefix,
    check_retention,
    checked,
    checked_stream,
    has_hash,
    held,
    is_name,
    no_links,
    not_found,
    retained,
    too_young,
    unavailable,
)
from certstore.objects.links import SignedLinks
from certstore.objects.retention import KEPT_FREELY, Keeping, parse_keeping

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FolderStore:
    """An object store in the folder `root`, which is made when it is missing, unless it is for
    `reading` only.

    The media type of an object is not kept here: whoever names an object knows what it is.
    `links` makes and serves the links. Retention and hold bind this store's own `discard`; who
    may write to the folder past it can still remove files, and `yici check-store` names them.
    """

    def __init__(
        self, root: Path, *, links: SignedLinks | None = None, reading: bool = False
    ) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._links = links
        if not reading:
            self.prepare()

    def prepare(self) -> None:
        with _failures():
            self._incoming.mkdir(parents=True, exist_ok=True)

    def check(self) -> None:
        with _failures():
            probe = self._incoming / secrets.token_hex(16)
            try:
                _write(probe, as_stream(b"can this folder be written"))
            finally:
                probe.unlink(missing_ok=True)

    def put(
        self,
        content: bytes | BinaryIO,
        media_type: str,
        *,
        retain_until: datetime | None = None,
        afresh: bool = False,
    ) -> ObjectRef:
        # 1. Write to a temporary file while hashing: the name is known only at the end.
        # 2. fsync the file, so that its bytes are there before its name is.
        # 3. Write down its retention, so that it is never there without.
        # 4. Rename it, and fsync the folder, so that its name survives a power cut.
        until = None if retain_until is None else check_retention(retain_until)
        temporary = self._incoming / secrets.token_hex(16)
        with _failures():
            try:
                ref = _write(temporary, as_stream(content))
                path = self._path(ref.sha256)
                self._make_folders(path.parent)
                with self._alone(shared=until is None):
                    if until is not None:
                        _check_to_come(until, temporary)
                        self._lengthen(path, until)
                    if not afresh and self._holds(path):
                        os.utime(path)
                    else:
                        temporary.replace(path)
                    _sync_folder(path.parent)
                return ref
            finally:
                temporary.unlink(missing_ok=True)

    def get(self, sha256: str) -> bytes:
        path = self._path(check_name(sha256))
        with _failures(named=True):
            return checked(path.read_bytes(), sha256)

    def stream(self, sha256: str) -> Iterator[bytes]:
        path = self._path(check_name(sha256))
        with _failures(named=True):
            yield from checked_stream(_chunks(path), sha256)

    def exists(self, sha256: str) -> bool:
        with _failures():
            return self._path(check_name(sha256)).is_file()

    def stat(self, sha256: str) -> ObjectState:
        path = self._path(check_name(sha256))
        with _failures(named=True):
            found = path.stat()
            keeping = _keeping(path)
        return ObjectState(
            sha256=sha256,
            size=found.st_size,
            changed_at=datetime.fromtimestamp(found.st_mtime, UTC),
            retain_until=keeping.retain_until,
            held=keeping.held,
        )

    def listed(self, prefix: str = "", *, after: str = "") -> Iterator[Listed]:
        wanted = check_prefix(prefix)
        with _failures():
            for first in _folders(self._root, wanted[:2], after[:2]):
                later = after if first.name == after[:2] else ""
                for second in _folders(first, wanted[2:4], later[2:4]):
                    for entry in _objects(second):
                        if entry.name > after and entry.name.startswith(wanted):
                            yield from _listed(entry)

    def __iter__(self) -> Iterator[str]:
        return (each.sha256 for each in self.listed())

    def retain(self, sha256: str, until: datetime) -> None:
        path = self._path(check_name(sha256))
        end = check_retention(until)
        with _failures(named=True), self._alone():
            path.stat()
            present = _keeping(path).retain_until
            if present is not None and present > end:
                raise retained()
            self._lengthen(path, end)

    def hold(self, sha256: str, held: bool) -> None:
        path = self._path(check_name(sha256))
        with _failures(named=True), self._alone():
            path.stat()
            self._keep(path, replace(_keeping(path), held=held))

    def discard(self, sha256: str, *, now: datetime, older_than: timedelta) -> None:
        path = self._path(check_name(sha256))
        with _failures(named=True), self._alone():
            state = self.stat(sha256)
            if state.held:
                raise held()
            if state.retain_until is not None and state.retain_until > now:
                raise retained()
            if state.changed_at > now - older_than:
                raise too_young()
            path.unlink()
            _beside(path).unlink(missing_ok=True)
            _sync_folder(path.parent)

    def restore(self, sha256: str) -> bool:
        check_name(sha256)
        return False

    def sweep(self, *, now: datetime, older_than: timedelta) -> int:
        oldest, swept = (now - older_than).timestamp(), 0
        with _failures():
            for left in self._incoming.iterdir():
                try:
                    if left.stat().st_mtime < oldest:
                        left.unlink()
                        swept += 1
                except FileNotFoundError:  # its upload ended meanwhile
                    continue
        return swept

    def link(
        self, sha256: str, *, now: datetime, lifetime: timedelta, media_type: str | None = None
    ) -> str:
        if self._links is None:
            raise no_links()
        return self._links.link(sha256, now=now, lifetime=lifetime, media_type=media_type)

    def _path(self, name: str) -> Path:
        return self._root / name[:2] / name[2:4] / name

    def _holds(self, path: Path) -> bool:
        """Whether these very bytes are here; an altered object is put again, which heals it."""
        try:
            return has_hash(_chunks(path), path.name)
        except FileNotFoundError:
            return False

    def _lengthen(self, path: Path, until: datetime) -> None:
        present = _keeping(path)
        if present.retain_until is None or present.retain_until < until:
            self._keep(path, replace(present, retain_until=until))

    def _keep(self, path: Path, keeping: Keeping) -> None:
        temporary = self._incoming / secrets.token_hex(16)
        try:
            _write(temporary, as_stream(keeping.encode()))
            temporary.replace(_beside(path))
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)

    def _make_folders(self, folder: Path) -> None:
        for level in (folder.parent, folder):
            if not level.is_dir():
                level.mkdir(exist_ok=True)
                _sync_folder(level.parent)

    @contextmanager
    def _alone(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the store's lock: shared for what only adds, alone for what removes or rewrites."""
        descriptor = os.open(self._incoming, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


@contextmanager
def _failures(*, named: bool = False) -> Iterator[None]:
    """What the file system refuses, as errors of a store: where an object is `named`, a file
    that is not there is that object."""
    try:
        yield
    except OSError as failure:
        if named and isinstance(failure, FileNotFoundError):
            raise not_found() from None
        if failure.errno in _FULL:
            raise StoreFault(
                "full", "对象存储空间不足", "the object store is full: make room"
            ) from None
        raise unavailable() from None


def _write(path: Path, stream: BinaryIO) -> ObjectRef:
    digest, size = sha256(), 0
    with path.open("xb") as file:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            size += file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return ObjectRef(digest.hexdigest(), size)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_to_come(until: datetime, written: Path) -> None:
    """Raise ObjectError `bad-retention` for an end before the file was written: the clock is the
    file system's, as it is the server's with S3."""
    if until.timestamp() <= written.stat().st_mtime:
        raise bad_retention()


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.retention")


def _keeping(path: Path) -> Keeping:
    try:
        return parse_keeping(_beside(path).read_bytes())
    except FileNotFoundError:
        return KEPT_FREELY


def _folders(folder: Path, prefix: str, after: str) -> Iterator[Path]:
    """Sub-folders of two hexadecimal digits, in order, from the one `after` leads into."""
    for name in sorted(each.name for each in os.scandir(folder) if each.is_dir()):
        if len(name) == 2 and name >= after and name.startswith(prefix):
            yield folder / name


def _objects(folder: Path) -> list[os.DirEntry[str]]:
    return sorted((e for e in os.scandir(folder) if is_name(e.name)), key=lambda e: e.name)


def _listed(entry: os.DirEntry[str]) -> Iterator[Listed]:
    try:
        found = entry.stat()
    except FileNotFoundError:  # removed meanwhile
        return
    yield Listed(entry.name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))
