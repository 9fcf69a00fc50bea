"""What the room takes and sends."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from certstore.certificate_type import CertificateType, Title
from certstore.compatibility import Change
from exchange.certificate_types.service import Found
from exchange.governance.types import Proposal, PublishedType
from exchange.items.schemas import Names

SAMPLE: Final = """\
key = "sample-permit"
version = 1
code = "11440000MB2D01234C901"
defined_by = "11440000MB2D01234C"
issuers = ["11440000MB2D01234C"]
title = { zh = "样例许可证", en = "Sample permit" }

[validity]
kind = "fixed"
length = { years = 5 }

[[holder_ids]]
code = "001"

[[fields]]
name = "name"
title = { zh = "名称", en = "Name" }
schema = { type = "string", minLength = 1, maxLength = 200 }
required = true
sensitivity = "public"
metadata = "CZZT"
"""


class DefinitionIn(BaseModel):
    """A version of a certificate type, as its definition file (TOML) has it."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"definition": SAMPLE}]}
    )

    definition: Annotated[str, Field(min_length=1, max_length=262_144)]


class HolderIdOut(BaseModel):
    """A kind of id that holders are named by, and the pattern of a whole id."""

    code: str
    title: Names
    pattern: str


class FieldOut(BaseModel):
    """One field; ``metadata`` is its name in a GB/T 36903 record."""

    name: str
    title: Names
    json_schema: Annotated[dict[str, Any], Field(alias="schema")]
    required: bool
    sensitivity: Literal["public", "internal", "personal"]
    mask: Literal["none", "first1last1", "name", "phone", "address", "hidden"]
    metadata: str | None


class ChangeOut(Names):
    """One change against the version before."""

    kind: Literal["compatible", "breaking"]
    code: str
    field: str

    @classmethod
    def of(cls, change: Change) -> ChangeOut:
        """The answer's form of a change."""
        return cls(**change.as_dict())  # type: ignore[arg-type]


class ObstacleOut(Names):
    """Why a version may not be published as it is."""

    field: str


class NoteOut(BaseModel):
    """What the publisher says of a version: what it changes, whether it breaks and why."""

    summary: Names
    breaking: bool
    reason: Names | None


class TypeLineOut(BaseModel):
    """One type in a list: its newest version."""

    key: str
    version: int
    code: str
    vct: str
    title: Names
    defined_by: str
    digest: str
    published_at: datetime

    @classmethod
    def of(cls, published: PublishedType) -> TypeLineOut:
        """The answer's form of a type in a list."""
        return cls(**_line(published))


class TypesOut(BaseModel):
    """All certificate types, by key."""

    types: list[TypeLineOut]


class TypeOut(TypeLineOut):
    """One version of a certificate type.

    ``issuers`` null means that any department may issue. ``digest`` is the SHA-256 of
    ``definition``; ``vct_integrity`` is that of the Type Metadata, as ``vct#integrity`` has it.
    """

    versions: list[int]
    description: Names | None
    issuers: list[str] | None
    holder_ids: list[HolderIdOut]
    fields: list[FieldOut]
    validity: dict[str, Any]
    template: dict[str, Any]
    retention_years: int
    note: NoteOut | None
    changes: list[ChangeOut]
    json_schema: dict[str, Any]
    vct_integrity: str
    definition: str

    @classmethod
    def of_found(cls, found: Found) -> TypeOut:
        """The answer's form of one version."""
        published, kind = found.published, found.published.kind
        note = kind.change
        return cls(
            **_line(published),
            versions=list(found.versions),
            description=_find_names(kind.description),
            issuers=None if kind.issuers is None else sorted(kind.issuers),
            holder_ids=[
                HolderIdOut(code=each.code, title=Names(zh=each.zh, en=each.en),
                            pattern=each.pattern)
                for each in kind.holder_ids.values()
            ],
            fields=_fields(kind),
            validity=kind.validity.as_dict(),
            template=kind.template.as_dict(),
            retention_years=kind.retention.years,
            note=None if note is None else NoteOut(
                summary=_names(note.summary),
                breaking=note.breaking,
                reason=_find_names(note.reason),
            ),
            changes=[ChangeOut.of(change) for change in published.changes],
            json_schema=kind.json_schema(),
            vct_integrity=kind.vct_integrity,
            definition=published.definition,
        )  # fmt: skip


class PublicationOut(BaseModel):
    """What publishing did or, with ``check=true``, would do.

    ``published`` says whether this request made the version; ``new`` whether it was not there
    before. ``obstacles`` are why it would be refused.
    """

    key: str
    version: int
    digest: str
    published: bool
    new: bool
    breaking: bool
    changes: list[ChangeOut]
    obstacles: list[ObstacleOut]

    @classmethod
    def of(cls, proposal: Proposal, *, published: bool) -> PublicationOut:
        """The answer's form of a proposal."""
        return cls(
            key=proposal.kind.key,
            version=proposal.kind.version,
            digest=proposal.digest,
            published=published,
            new=proposal.new,
            breaking=proposal.breaking,
            changes=[ChangeOut.of(change) for change in proposal.changes],
            obstacles=[
                ObstacleOut(field=each.field, zh=each.zh, en=each.en) for each in proposal.obstacles
            ],
        )


def _line(published: PublishedType) -> dict[str, Any]:
    kind = published.kind
    return {
        "key": kind.key,
        "version": kind.version,
        "code": kind.code,
        "vct": kind.vct,
        "title": _names(kind.title),
        "defined_by": kind.defined_by,
        "digest": published.digest,
        "published_at": published.published_at,
    }


def _fields(kind: CertificateType) -> list[FieldOut]:
    return [
        FieldOut.model_validate(
            {
                "name": one.name,
                "title": _names(one.title),
                "schema": dict(one.schema),
                "required": one.required,
                "sensitivity": one.sensitivity,
                "mask": one.mask,
                "metadata": one.metadata,
            }
        )
        for one in kind.fields
    ]


def _names(title: Title) -> Names:
    return Names(zh=title.zh, en=title.en)


def _find_names(title: Title | None) -> Names | None:
    return None if title is None else _names(title)
