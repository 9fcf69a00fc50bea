"""What decisions are taken with: policy set, items, systems, departments, certificate types.

All of it carries one revision number that every change raises in its own transaction. A reader
compares that one number and reloads only when it moved, so a change counts from the next
decision on and nothing is ever cached by time.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from certstore.holders import HolderIdType
from certstore.types import CertificateType
from exchange.departments.records import Department, System
from exchange.departments.tables import departments, systems
from exchange.governance.tables import governance, policy_sets
from exchange.governance.types import Place, PublishedType, newest_types, published_types
from exchange.items.definitions import Item
from exchange.items.tables import items
from policies.engine import PolicyEngine


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent state of everything that governs.

    ``types`` are the newest versions, by key and, in ``types_by_code``, by every type code that
    any version had: what is issued from now on. What was issued is read by its own version, see
    :meth:`find_type`.
    """

    revision: int
    policy: PolicyEngine
    policy_version: int
    items: Mapping[str, Item]
    systems: Mapping[str, System]
    departments: Mapping[str, Department]
    types: Mapping[str, CertificateType]
    types_by_code: Mapping[str, CertificateType] = field(default_factory=dict)
    type_versions: Mapping[Place, PublishedType] = field(default_factory=dict)

    def find_type(self, key: str, version: int) -> CertificateType | None:
        """The very version of a certificate type that a certificate was issued under."""
        published = self.type_versions.get((key, version))
        return None if published is None else published.kind

    def types_of_issuer(self, department: str) -> list[str]:
        """Keys of the types that a department may issue, or might under an earlier version: what
        it issued then is still to be trusted."""
        versions = self.type_versions.items()
        return sorted({key for (key, _), each in versions if each.kind.may_issue(department)})

    @property
    def holder_ids(self) -> dict[str, HolderIdType]:
        """Every kind of id that any version of any type names holders by; newer ones count."""
        versions = sorted(self.type_versions.items(), key=lambda entry: entry[0][1])
        return {code: kind for _, each in versions for code, kind in each.kind.holder_ids.items()}


class Governance:
    """Keeps the newest snapshot. Safe to share between threads."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._lock = threading.Lock()

    def known(self, revision: int) -> Snapshot | None:
        """The snapshot of a revision, where it is the one that is kept."""
        snapshot = self._snapshot
        return snapshot if snapshot is not None and snapshot.revision == revision else None

    def at(self, revision: int, connection: sa.Connection) -> Snapshot:
        """The snapshot of a revision just read in the same transaction."""
        snapshot = self.known(revision)
        if snapshot is not None:
            return snapshot
        with self._lock:
            snapshot = self._snapshot
            if snapshot is None or snapshot.revision != revision:
                snapshot = self._load(connection)
                self._snapshot = snapshot
            return snapshot

    def current(self, connection: sa.Connection) -> Snapshot:
        """The newest snapshot, after asking the database for the revision."""
        revision = connection.execute(sa.select(governance.c.revision)).scalar_one()
        return self.at(int(revision), connection)

    def _load(self, connection: sa.Connection) -> Snapshot:
        # The revision is read first: a change committed while the rest is read raises it again,
        # so that the next decision reloads.
        revision = connection.execute(sa.select(governance.c.revision)).scalar_one()
        newest = connection.execute(
            sa.select(policy_sets).order_by(policy_sets.c.version.desc()).limit(1)
        ).one_or_none()
        versions = published_types(
            connection, self._snapshot.type_versions if self._snapshot is not None else {}
        )
        types = newest_types(versions)
        return Snapshot(
            revision=int(revision),
            policy=self._engine(newest),
            policy_version=newest.version if newest else 0,
            items=_items(connection),
            systems={
                row.client_id: System.from_row(row)
                for row in connection.execute(sa.select(systems))
            },
            departments={
                row.code: Department.from_row(row)
                for row in connection.execute(sa.select(departments))
            },
            types=types,
            types_by_code={each.kind.code: types[key] for (key, _), each in versions.items()},
            type_versions=versions,
        )

    def _engine(self, newest: Any) -> PolicyEngine:
        previous = self._snapshot
        if newest is None:
            return PolicyEngine.from_text("")  # no rule means no
        if previous is not None and previous.policy_version == newest.version:
            return previous.policy
        return PolicyEngine.from_text(newest.rules)


def _items(connection: sa.Connection) -> dict[str, Item]:
    newest = sa.select(items.c.code, sa.func.max(items.c.version).label("version")).group_by(
        items.c.code
    )
    latest = newest.subquery()
    rows = connection.execute(
        sa.select(items).join(
            latest, (items.c.code == latest.c.code) & (items.c.version == latest.c.version)
        )
    )
    return {row.code: Item.from_json(row.definition, version=row.version) for row in rows}


def raise_revision(connection: sa.Connection) -> None:
    """Say, within the caller's transaction, that something that governs has changed."""
    connection.execute(sa.update(governance).values(revision=governance.c.revision + 1))
