"""What every object store promises.

Putting the same bytes twice is one object. An object that was acknowledged is on durable
storage. Reading hashes again: what was altered is refused, never handed out. Nothing is ever
overwritten; what is retained or held cannot be discarded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from typing import BinaryIO, Final, Protocol

from certstore.errors import ObjectError, StoreFault

CHUNK: Final = 1024 * 1024
SHORTEST_LINK: Final = timedelta(seconds=1)
LONGEST_LINK: Final = timedelta(days=7)  # the longest that Signature Version 4 allows
_NAME: Final = re.compile(r"[0-9a-f]{64}")
_PREFIX: Final = re.compile(r"[0-9a-f]{0,64}")
_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,98}")


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An object by its name, the lower-case hexadecimal SHA-256 of its bytes, and their number."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing has it: `changed_at` is when its bytes were last put."""

    sha256: str
    size: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectState:
    """What a store says of one object without reading its bytes.

    `retain_until` is the end of its retention, `held` a legal hold without end. `proven` says
    whether the store itself hashed these bytes to this name when it took them.
    """

    sha256: str
    size: int
    changed_at: datetime
    retain_until: datetime | None = None
    held: bool = False
    proven: bool = False


class ObjectStore(Protocol):
    """Content-addressed storage. Every method raises StoreFault where the store cannot be used,
    and ObjectError `bad-name` for what is no name."""

    def check(self) -> None:
        """Return where the store is fit to keep evidence. Raises StoreFault with the remedy."""
        ...

    def prepare(self) -> None:
        """Make what the store needs (a bucket with object lock, a folder). Safe to repeat."""
        ...

    def put(
        self,
        content: bytes | BinaryIO,
        media_type: str,
        *,
        retain_until: datetime | None = None,
        afresh: bool = False,
    ) -> ObjectRef:
        """Keep `content` and say its name. Safe to repeat: the same bytes are one object, and a
        later end of its retention counts. `afresh` writes them even where the store believes to
        have them already, for a store that lost them without knowing.

        Raises ObjectError `bad-retention` for an end that is no aware time to come.
        """
        ...

    def get(self, sha256: str) -> bytes:
        """The bytes of this name.

        Raises ObjectError: `not-found`, `altered` when the bytes no longer have this hash.
        """
        ...

    def stream(self, sha256: str) -> Iterator[bytes]:
        """The bytes of this name in pieces of at most 1 MiB. The last piece is withheld until
        the whole is hashed: what was altered never arrives whole.

        Raises ObjectError `not-found`, `altered`, while it is read.
        """
        ...

    def exists(self, sha256: str) -> bool:
        """Whether an object of this name is here, whatever its bytes."""
        ...

    def stat(self, sha256: str) -> ObjectState:
        """What is known of this object. Raises ObjectError `not-found`."""
        ...

    def listed(self, prefix: str = "", *, after: str = "") -> Iterator[Listed]:
        """Objects in the order of their names: those that begin with `prefix` and come later
        than `after`. What is put meanwhile may be missing."""
        ...

    def __iter__(self) -> Iterator[str]:
        """The names of all objects, in order."""
        ...

    def retain(self, sha256: str, until: datetime) -> None:
        """Lock an object until a time to come; nobody can shorten it.

        Raises ObjectError `not-found`, `retained` where it is locked for longer already,
        `bad-retention`.
        """
        ...

    def hold(self, sha256: str, held: bool) -> None:
        """Put an object under a legal hold, or lift it. Raises ObjectError `not-found`."""
        ...

    def discard(self, sha256: str, *, now: datetime, older_than: timedelta) -> None:
        """Remove litter: an object that no row names and that was put longer ago than given.

        Raises ObjectError: `not-found`, `retained`, `held`, `too-young`.
        """
        ...

    def restore(self, sha256: str) -> bool:
        """Bring back the bytes of this name from an older version the store kept.
        False where it kept none."""
        ...

    def sweep(self, *, now: datetime, older_than: timedelta) -> int:
        """Remove what broken uploads left behind longer ago than given. How many."""
        ...

    def link(
        self, sha256: str, *, now: datetime, lifetime: timedelta, media_type: str | None = None
    ) -> str:
        """An address that hands out this object to whoever has it, for `lifetime` (1 second to
        7 days). It names the object and nothing else; whether it exists is not asked.

        Raises ObjectError `bad-lifetime`, `bad-media-type`, `no-links`.
        """
        ...


def check_name(name: str) -> str:
    """`name` itself, if it is one. Raises ObjectError `bad-name`: it may come from outside, and
    is about to become part of a path."""
    if not _NAME.fullmatch(name):
        raise ObjectError(
            "bad-name", "不是对象的SHA-256名称", "not the SHA-256 name of an object", field="sha256"
        )
    return name


def check_prefix(prefix: str) -> str:
    """`prefix` itself, if names can begin with it. Raises ObjectError `bad-name`."""
    if not _PREFIX.fullmatch(prefix):
        raise ObjectError(
            "bad-name",
            "前缀须为小写十六进制",
            "a prefix is lower-case hexadecimal",
            field="prefix",
        )
    return prefix


def check_lifetime(lifetime: timedelta) -> timedelta:
    """`lifetime` itself, if a link may live so long. Raises ObjectError `bad-lifetime`."""
    if not SHORTEST_LINK <= lifetime <= LONGEST_LINK:
        raise ObjectError(
            "bad-lifetime",
            "链接有效期须在 1 秒至 7 天之间",
            "a link lives from 1 second to 7 days",
            field="lifetime",
        )
    return lifetime


def check_media_type(media_type: str | None) -> str | None:
    """`media_type` itself, if it is one. Raises ObjectError `bad-media-type`."""
    if media_type is not None and not _MEDIA_TYPE.fullmatch(media_type):
        raise ObjectError("bad-media-type", "媒体类型有误", "not a media type", field="media_type")
    return media_type


def check_retention(until: datetime) -> datetime:
    """`until` in UTC, in whole seconds as S3 keeps it. Raises ObjectError `bad-retention`."""
    if until.tzinfo is None:
        raise bad_retention()
    whole = until.astimezone(UTC)
    return whole if whole.microsecond == 0 else whole.replace(microsecond=0) + timedelta(seconds=1)


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def checked(content: bytes, name: str) -> bytes:
    """`content` itself, if it has the hash `name`. Raises ObjectError `altered`."""
    if sha256(content).hexdigest() != name:
        raise altered()
    return content


def checked_stream(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """`chunks` as they come, one behind, so that the last leaves only when the hash is `name`.

    Raises ObjectError `altered`.
    """
    digest, waiting = sha256(), b""
    for chunk in chunks:
        digest.update(chunk)
        if waiting:
            yield waiting
        waiting = chunk
    if digest.hexdigest() != name:
        raise altered()
    if waiting:
        yield waiting


def has_hash(chunks: Iterable[bytes], name: str) -> bool:
    """Whether the bytes in `chunks` have the hash `name`."""
    digest = sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest() == name


def not_found() -> ObjectError:
    return ObjectError("not-found", "没有该对象", "no such object", field="sha256")


def altered() -> ObjectError:
    return ObjectError(
        "altered", "存储的对象已被改动", "the stored object was altered", field="sha256"
    )


def retained() -> ObjectError:
    return ObjectError(
        "retained",
        "对象处于保留期内，不能删除，保留期也不能缩短",
        "the object is retained: it cannot be removed, nor its retention be shortened",
        field="sha256",
    )


def held() -> ObjectError:
    return ObjectError(
        "held",
        "对象已被依法冻结，解除前不能删除",
        "the object is under a legal hold and cannot be removed before it is lifted",
        field="sha256",
    )


def too_young() -> ObjectError:
    return ObjectError(
        "too-young",
        "对象存入未久，可能仍有办理中的事务将引用它",
        "the object was put too recently: work under way may still name it",
        field="sha256",
    )


def bad_retention() -> ObjectError:
    return ObjectError(
        "bad-retention",
        "保留期截止时间须为将来的带时区时间",
        "the end of a retention must be an aware time to come",
        field="retain_until",
    )


def no_links() -> ObjectError:
    return ObjectError(
        "no-links", "未配置下载链接", "links were not set up for this store", field=None
    )


def unavailable() -> StoreFault:
    return StoreFault(
        "unreachable", "对象存储不可用，请稍后重试", "the object store is unavailable: try again"
    )


def as_stream(content: bytes | BinaryIO) -> BinaryIO:
    return BytesIO(content) if isinstance(content, bytes) else content
