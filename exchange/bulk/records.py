"""Bulk jobs as everyone above the repository sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

ISSUE: Final = "issue"
RESIGN: Final = "resign"
END: Final = "end"
EXPORT: Final = "export"
IMPORT: Final = "import"
KINDS: Final[Mapping[str, tuple[str, str]]] = {
    ISSUE: ("批量签发", "issue from a file of rows"),
    RESIGN: ("批量重签", "sign anew with the active key"),
    END: ("批量撤销、注销或吊销", "end by list"),
    EXPORT: ("批量导出", "export"),
    IMPORT: ("导入外部证照", "import certificates issued elsewhere"),
}
"""The kinds of jobs: 中文, English."""

ACTS: Final[Mapping[str, str]] = {
    ISSUE: "issue-certificate",
    RESIGN: "revise-certificate",
    END: "revoke-certificate",
    EXPORT: "read-certificate",
    IMPORT: "import-certificate",
}
"""The act that the policy is asked about, at the request and whenever a worker takes it up."""

UNFINISHED: Final = ("waiting", "running")
FORMATS: Final = ("jsonl", "csv")
REFUSED: Final = "refused"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job came to nothing; never a value of a row."""

    code: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Job:
    """One bulk job.

    ``total`` are the rows there are to do, None until they were counted; ``done`` is the sum of
    ``counts``. ``done_before`` is what was done when a worker last took it up, ``taken_up_at``
    when that was. ``cursor`` says where the next chunk begins; each kind writes its own.
    ``type_key`` None is every type. ``parameters`` hold no personal data.
    """

    id: UUID
    department: str
    kind: str
    type_key: str | None
    file: str | None
    parameters: Mapping[str, Any]
    state: str
    requested_by: str
    requester_kind: str
    requester_key: str | None
    scopes: Sequence[str]
    requested_at: datetime
    started_at: datetime | None
    taken_up_at: datetime | None
    progress_at: datetime | None
    finished_at: datetime | None
    stop_requested_at: datetime | None
    total: int | None
    done: int
    done_before: int
    chunks: int
    cursor: Mapping[str, Any] | None
    counts: Mapping[str, int]
    failure_code: str | None
    failure_zh: str | None
    failure_en: str | None

    @property
    def unfinished(self) -> bool:
        """Whether anything may still become of it."""
        return self.state in UNFINISHED

    @property
    def rate(self) -> float | None:
        """Rows per second since a worker last took it up; None where nothing was measured."""
        if self.taken_up_at is None or self.progress_at is None:
            return None
        seconds = (self.progress_at - self.taken_up_at).total_seconds()
        rows = self.done - self.done_before
        return rows / seconds if seconds > 0 and rows > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at this rate; None where that cannot be said."""
        if self.rate is None or self.total is None or self.state != "running":
            return None
        return max(0, self.total - self.done) / self.rate


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one row was refused: the rule and the field, never the value.

    ``row_number`` counts from 1; several refusals of one row are several rules that it breaks.
    """

    row_number: int
    field: str | None
    rule: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Part:
    """An object that a job leaves behind, by its file name; ``size`` in bytes."""

    name: str
    sha256: str
    size: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Step:
    """What one chunk brings about, committed together with the progress that it is.

    ``rows`` is the sum of ``counts``; ``cursor`` is where the next chunk begins. ``digest`` is a
    SHA-256 that identifies the chunk, and what it is over the kind says. ``write`` adds the
    chunk's own rows within the same transaction.
    """

    cursor: Mapping[str, Any]
    rows: int
    counts: Mapping[str, int]
    digest: bytes
    refusals: Sequence[Refusal] = ()
    part: Part | None = None
    write: Callable[[sa.Connection, datetime], None] | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk that was committed."""

    number: int
    rows: int
    counts: Mapping[str, int]
    digest: bytes
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Imported:
    """A certificate issued elsewhere. ``sound`` says whether its printed check digit agrees.

    ``digest`` is SHA-256 of the whole credential, ``jws_digest`` of the part its issuer signed.
    """

    digest: bytes
    jws_digest: bytes
    identifier: str
    sound: bool
    issuer: str
    kid: str
    vct: str
    holder_key: bytes = field(repr=False)
    holder_id_type: str
    holder_id: str = field(repr=False)
    holder_name: str = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    valid_from: date | None
    valid_until: date | None
    status_uri: str | None
    status_index: int | None
    credential: str = field(repr=False)
    row_number: int
