"""Published versions of certificate types: how they are kept, and what may be published next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from certstore.compatibility import Change, compare, is_breaking
from certstore.errors import TypeDefinitionError
from certstore.type_metadata import metadata_bytes
from certstore.types import (
    CertificateType,
    canonical_text,
    digest_of,
    read_published,
    read_type,
    says_the_same,
)
from exchange.errors import BadRequest, Conflict, Fault, Unavailable
from exchange.governance.tables import certificate_types

Place = tuple[str, int]
"""Key and version."""


@dataclass(frozen=True, slots=True)
class PublishedType:
    """One published version: the type, its definition's text, and the SHA-256 of that text.

    ``metadata`` is the Type Metadata as it was published, which certificates may name the digest
    of: a later release that would write it otherwise leaves it alone.
    """

    kind: CertificateType
    digest: str
    definition: str = field(repr=False)
    metadata: str = field(repr=False)
    changes: tuple[Change, ...]
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """A definition held against what is published.

    ``new`` is false where that version is published already and says the same. ``obstacles`` are
    why it may not be published as it is; ``changes`` is what it changes against the version before.
    """

    kind: CertificateType
    text: str = field(repr=False)
    new: bool
    changes: tuple[Change, ...]
    obstacles: tuple[Fault, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the definition's text, hexadecimal."""
        return digest_of(self.text)

    @property
    def breaking(self) -> bool:
        """Whether a change is breaking."""
        return is_breaking(self.changes)

    def check(self) -> None:
        """Raise Conflict naming every obstacle and change, where there is an obstacle."""
        if self.obstacles:
            raise Conflict(
                "该版本不能发布,原因见 faults。",
                "This version cannot be published; `faults` says why.",
                faults=self.obstacles,
                members={"changes": [change.as_dict() for change in self.changes]},
            )


def propose(text: str, published: Mapping[Place, PublishedType]) -> Proposal:
    """Hold a definition's text against all published versions of all types.

    Raises:
        BadRequest: it is no sound definition; each fault is named.
    """
    # A lone surrogate, which JSON can carry and UTF-8 cannot, becomes a question mark.
    text = canonical_text(text.encode("utf-8", "replace").decode())
    try:
        kind = read_type(text.encode(), where="definition")
    except TypeDefinitionError as error:
        raise BadRequest(
            "证照类型定义有误,请按 faults 逐项修正。",
            "The certificate type's definition has faults; mend each one.",
            faults=tuple(Fault(fault.field, fault.zh, fault.en) for fault in error.faults),
        ) from None
    newest = max((version for key, version in published if key == kind.key), default=0)
    known = published.get((kind.key, kind.version))
    if known is not None:
        same = known.digest == digest_of(text) or says_the_same(known.definition, text)
        taken = Fault(
            "definition#version",
            f"第 {kind.version} 版已发布且内容不同,请用版本 {newest + 1}",
            f"version {kind.version} is published with other content; use version {newest + 1}",
        )
        return Proposal(
            known.kind if same else kind,
            known.definition if same else text,
            new=not same,
            changes=known.changes if same else (),
            obstacles=() if same else (taken,),
        )
    before = published.get((kind.key, newest))
    changes = tuple(compare(before.kind, kind)) if before is not None else ()
    obstacles = tuple(_obstacles(kind, newest, changes, published))
    return Proposal(kind, text, new=True, changes=changes, obstacles=obstacles)


def _obstacles(
    kind: CertificateType,
    newest: int,
    changes: Sequence[Change],
    published: Mapping[Place, PublishedType],
) -> list[Fault]:
    found = []
    if kind.version != newest + 1:
        found.append(
            Fault(
                "definition#version",
                f"下一个版本应为 {newest + 1}",
                f"the next version is {newest + 1}",
            )
        )
    if any(key != kind.key and each.kind.code == kind.code for (key, _), each in published.items()):
        found.append(
            Fault("definition#code", "类型代码已用于另一类型", "another type has this type code")
        )
    if is_breaking(changes) and not (kind.change is not None and kind.change.breaking):
        found += [
            Fault(
                f"definition#{change.field}",
                f"{change.zh}:属不兼容变更,须在 [change] 中声明 breaking = true 并说明理由",
                f"{change.en}: breaking, so [change] must declare breaking = true and its reason",
            )
            for change in changes
            if change.kind == "breaking"
        ]
    return found


def published_types(
    connection: sa.Connection, known: Mapping[Place, PublishedType]
) -> dict[Place, PublishedType]:
    """Every published version; those already ``known`` are not read or parsed again.

    Raises:
        Unavailable: a definition is not the one that was published.
    """
    table = certificate_types
    digests = {
        (row.key, row.version): row.digest
        for row in connection.execute(sa.select(table.c.key, table.c.version, table.c.digest))
    }
    found = {
        place: known[place]
        for place, digest in digests.items()
        if place in known and known[place].digest == digest
    }
    unread = digests.keys() - found.keys()
    if unread:
        wanted = sa.tuple_(table.c.key, table.c.version).in_(sorted(unread))
        for row in connection.execute(sa.select(table).where(wanted)):
            if digest_of(row.definition) != row.digest:
                raise Unavailable(
                    "证照类型定义与其摘要不符,已停止服务。",
                    "A certificate type's definition is not the one that was published.",
                )
            found[row.key, row.version] = PublishedType(
                kind=read_published(row.definition, row.type_metadata.encode()),
                digest=row.digest,
                definition=row.definition,
                metadata=row.type_metadata,
                changes=tuple(Change(**each) for each in row.changes),
                published_at=row.published_at,
            )
    return found


def add_type(connection: sa.Connection, proposal: Proposal, *, by: str, now: datetime) -> None:
    """Keep a version, within the caller's transaction."""
    connection.execute(
        sa.insert(certificate_types).values(
            key=proposal.kind.key,
            version=proposal.kind.version,
            code=proposal.kind.code,
            digest=proposal.digest,
            definition=proposal.text,
            type_metadata=metadata_bytes(proposal.kind).decode(),
            breaking=proposal.breaking,
            changes=[change.as_dict() for change in proposal.changes],
            published_at=now,
            published_by=by,
        )
    )


def newest_types(published: Mapping[Place, PublishedType]) -> dict[str, CertificateType]:
    """The newest version of every type, by key."""
    newest: dict[str, CertificateType] = {}
    for (key, _), each in sorted(published.items(), key=lambda entry: entry[0]):
        newest[key] = each.kind
    return newest
