"""Hands out objects to whoever has a link that still holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from certstore.errors import ObjectError
from certstore.objects import ObjectStore, SignedLinks
from exchange.clock import Clock
from exchange.errors import HubError, NotFound

IN_ONE_PIECE: Final = 8 * 1024 * 1024
"""Up to here an object is read and hashed before the answer begins."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An object to be sent: ``size`` bytes of ``media_type``."""

    size: int
    media_type: str
    content: Iterator[bytes]


class Linked:
    """Opens what a link names. A link is made by the store, after a policy was asked and a record
    written by whoever makes it: it is itself the permission, for as long as it holds."""

    def __init__(self, store: ObjectStore, links: SignedLinks, clock: Clock) -> None:
        self._store = store
        self._links = links
        self._clock = clock

    def open(self, sha256: str, *, expires: int, media_type: str | None, signature: str) -> Opened:
        """The object of a link.

        Raises:
            NotFound: the link does not hold, or what it names is gone: nobody learns which.
            HubError: the bytes were altered. StoreFault: the store cannot be used.
        """
        try:
            self._links.check(
                sha256,
                expires=expires,
                media_type=media_type,
                signature=signature,
                now=self._clock.now(),
            )
            size = self._store.stat(sha256).size
            content = (
                iter([self._store.get(sha256)])
                if size <= IN_ONE_PIECE
                else self._store.stream(sha256)
            )
        except ObjectError as error:
            if error.code == "altered":
                raise HubError(
                    "已存文件内容被改动，未予提供。",
                    "The stored content was altered; it is not handed out.",
                ) from None
            if error.code == "unavailable":
                raise
            raise NotFound("链接无效或已过期。", "The link is not valid or has expired.") from None
        return Opened(size, media_type or "application/octet-stream", content)
