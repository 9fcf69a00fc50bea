"""Reads certificate types, which are public, and publishes their next versions."""

from __future__ import annotations

from dataclasses import dataclass

from exchange.access import Access, Permitted
from exchange.errors import NotFound
from exchange.governance.service import Publishing
from exchange.governance.types import Proposal, PublishedType


@dataclass(frozen=True, slots=True)
class Found:
    """One published version, with the numbers of all versions of its type, oldest first."""

    published: PublishedType
    versions: tuple[int, ...]


class CertificateTypes:
    """The room's service."""

    def __init__(self, publishing: Publishing, access: Access) -> None:
        self._publishing = publishing
        self._access = access

    def all(self) -> list[PublishedType]:
        """The newest version of every type, by key."""
        snapshot = self._access.snapshot()
        return [
            snapshot.type_versions[key, kind.version]
            for key, kind in sorted(snapshot.types.items())
        ]

    def get(self, key: str, version: int | None = None) -> Found:
        """One version of a type, by default the newest.

        Raises:
            NotFound: there is no such type or version.
        """
        snapshot = self._access.snapshot()
        versions = tuple(sorted(number for each, number in snapshot.type_versions if each == key))
        wanted = version if version is not None else max(versions, default=0)
        published = snapshot.type_versions.get((key, wanted))
        if published is None:
            raise NotFound(
                "没有该证照类型或该版本。",
                "There is no such certificate type, or no such version of it.",
            )
        return Found(published, versions)

    def check(self, permitted: Permitted, definition: str) -> Proposal:
        """What publishing a definition would do; see :meth:`Publishing.check_type`."""
        assert permitted.act == "publish-type"  # noqa: S101  # the proof is of this very act
        return self._publishing.check_type(definition)

    def publish(self, permitted: Permitted, definition: str) -> tuple[Proposal, bool]:
        """Publish a version; see :meth:`Publishing.publish_type`."""
        return self._publishing.publish_type(
            definition, by=permitted.caller.subject, permitted=permitted
        )
