"""What the bulk room takes and sends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from exchange.bulk.records import KINDS, Imported, Job, Part
from exchange.bulk.service import Wanted

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
TypeKey = Annotated[str, Field(min_length=1, max_length=100)]


class Text(BaseModel):
    """A text in both languages."""

    zh: str
    en: str


class BulkFailure(Text):
    """Why a job came to nothing."""

    code: str


class BulkFileOut(BaseModel):
    """A file that was handed over; jobs name it by its SHA-256."""

    sha256: str
    size: int


class BulkIn(BaseModel):
    """A job. `issue` and `end` take a file and its format, `import` a file; `issue` needs the
    type, others take one to limit themselves to; `end` takes the state for rows that name none;
    `resign` takes the kid of the key to be replaced."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"kind": "issue", "type": "business-licence", "file": SHA256, "format": "csv"},
                {"kind": "resign", "key": "Zk3dRbA0V0yd9n5mF1Rk0jSgkYJ9cJgkWzvI5C0eE9o"},
                {"kind": "end", "file": SHA256, "format": "jsonl", "state": "04"},
                {"kind": "export", "type": "business-licence"},
                {"kind": "import", "file": SHA256},
            ]
        },
    )

    kind: Literal["issue", "resign", "end", "export", "import"]
    type: TypeKey | None = None
    file: Sha256 | None = None
    format: Literal["jsonl", "csv"] | None = None
    state: Literal["03", "04", "05", "07"] | None = None
    key: Annotated[str | None, Field(min_length=1, max_length=200)] = None

    def wanted(self) -> Wanted:
        """What the service takes."""
        return Wanted(self.kind, self.type, self.file, self.format, self.state, self.key)


class BulkOut(BaseModel):
    """A job and how far it has come: `done` rows of `total`, which is the sum of `counts`."""

    job: UUID
    kind: str
    title: Text
    type: str | None
    file: str | None
    parameters: dict[str, Any]
    state: Literal["waiting", "running", "done", "stopped", "failed"]
    stopping: bool
    requested_by: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    total: int | None
    done: int
    chunks: int
    counts: dict[str, int]
    rows_per_second: float | None
    seconds_left: float | None
    failure: BulkFailure | None

    @classmethod
    def of(cls, job: Job) -> BulkOut:
        """The answer's form of a job."""
        zh, en = KINDS[job.kind]
        failure = None
        if job.failure_code is not None:
            failure = BulkFailure(
                code=job.failure_code, zh=job.failure_zh or "", en=job.failure_en or ""
            )
        return cls(
            job=job.id,
            kind=job.kind,
            title=Text(zh=zh, en=en),
            type=job.type_key,
            file=job.file,
            parameters=dict(job.parameters),
            state=job.state,  # type: ignore[arg-type]  # the table's CHECK allows no other
            stopping=job.unfinished and job.stop_requested_at is not None,
            requested_by=job.requested_by,
            requested_at=job.requested_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            total=job.total,
            done=job.done,
            chunks=job.chunks,
            counts=dict(job.counts),
            rows_per_second=round(job.rate, 1) if job.rate is not None else None,
            seconds_left=round(job.seconds_left, 1) if job.seconds_left is not None else None,
            failure=failure,
        )


class BulkListOut(BaseModel):
    """The department's jobs, the newest first; ``next`` continues behind the last one."""

    jobs: list[BulkOut]
    next: UUID | None


class ExportedFile(BaseModel):
    """One file of an export."""

    name: str
    sha256: str
    size: int


class ExportedFilesOut(BaseModel):
    """What an export has left so far; complete once `manifest.json` is among it."""

    files: list[ExportedFile]

    @classmethod
    def of(cls, files: Sequence[Part]) -> ExportedFilesOut:
        """The answer's form of a list of files."""
        return cls(
            files=[
                ExportedFile(name=each.name, sha256=each.sha256, size=each.size) for each in files
            ]
        )


class HolderIn(BaseModel):
    """A holder by id."""

    model_config = ConfigDict(extra="forbid")

    id_type: Annotated[str, Field(min_length=1, max_length=50)]
    id: Annotated[str, Field(min_length=1, max_length=100)]


class ImportedSearchIn(BaseModel):
    """Whose imported certificates to find; ``flagged`` finds those with a wrong check digit."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"holder": {"id_type": "001", "id": "91440101000000001M"}}]
        },
    )

    holder: HolderIn
    flagged: Annotated[bool, Field(strict=True)] = False


class ImportedOut(BaseModel):
    """A certificate issued elsewhere. Its state stands in its issuer's status list, at
    ``status_uri`` under ``status_index``; the hub has not asked there."""

    identifier: str
    check_digit_sound: bool
    issuer: str
    kid: str
    vct: str
    holder_name: str
    fields: dict[str, Any]
    valid_from: date | None
    valid_until: date | None
    status_uri: str | None
    status_index: int | None
    credential: str

    @classmethod
    def of(cls, found: Imported) -> ImportedOut:
        """The answer's form of an imported certificate."""
        return cls(
            identifier=found.identifier,
            check_digit_sound=found.sound,
            issuer=found.issuer,
            kid=found.kid,
            vct=found.vct,
            holder_name=found.holder_name,
            fields=dict(found.fields),
            valid_from=found.valid_from,
            valid_until=found.valid_until,
            status_uri=found.status_uri,
            status_index=found.status_index,
            credential=found.credential,
        )


class ImportedListOut(BaseModel):
    """What was found, at most 200."""

    certificates: list[ImportedOut]
