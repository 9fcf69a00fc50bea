"""What every object store promises.

Putting the same bytes twice is one object. An object that was acknowledged is on durable
storage. Reading hashes again: what was altered is refused, never handed out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import BinaryIO, Final, Protocol

from certstore.errors import ObjectError

CHUNK: Final = 1024 * 1024
_NAME: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An object by its name, the lower-case hexadecimal SHA-256 of its bytes, and their number."""

    sha256: str
    size: int


class ObjectStore(Protocol):
    """Content-addressed storage; nothing is ever overwritten or deleted through it."""

    def put(self, content: bytes | BinaryIO, media_type: str) -> ObjectRef:
        """Keep `content` and say its name. Safe to repeat.

        Raises ObjectError `unavailable` when the store cannot be reached or is full.
        """
        ...

    def get(self, sha256: str) -> bytes:
        """The bytes of this name.

        Raises ObjectError: `not-found`, `altered` when the bytes no longer have this hash,
        `bad-name`, `unavailable`.
        """
        ...

    def exists(self, sha256: str) -> bool:
        """Whether an object of this name is here. Raises ObjectError `bad-name`, `unavailable`."""
        ...

    def __iter__(self) -> Iterator[str]:
        """The names of all objects, in no order. Raises ObjectError `unavailable`."""
        ...


def check_name(name: str) -> str:
    """`name` itself, if it is one. Raises ObjectError `bad-name`: it may come from outside, and
    is about to become part of a path."""
    if not _NAME.fullmatch(name):
        raise ObjectError(
            "bad-name", "不是对象的SHA-256名称", "not the SHA-256 name of an object", field="sha256"
        )
    return name


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def checked(content: bytes, name: str) -> bytes:
    """`content` itself, if it has the hash `name`. Raises ObjectError `altered`."""
    if sha256(content).hexdigest() != name:
        raise ObjectError(
            "altered", "存储的对象已被改动", "the stored object was altered", field="sha256"
        )
    return content


def not_found() -> ObjectError:
    return ObjectError("not-found", "没有该对象", "no such object", field="sha256")


def unavailable() -> ObjectError:
    return ObjectError("unavailable", "对象存储不可用", "the object store is unavailable")


def as_stream(content: bytes | BinaryIO) -> BinaryIO:
    return BytesIO(content) if isinstance(content, bytes) else content
