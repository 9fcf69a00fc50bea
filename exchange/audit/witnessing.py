"""Has witnesses cosign this log's checkpoints, and stops lookups where they have been missing.

Two halves that meet in `audit_cosigned` and `audit_alarms`: `Submitter`, which the worker runs,
and `WitnessGate`, which every batch of lookups passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import structlog

from exchange.audit.errors import NoteRefused, RecordAbsent
from exchange.audit.log import consistency, get_head, receipt_for
from exchange.audit.merkle import Proof
from exchange.audit.notes import NoteVerifier, open_checkpoint, parse_size, split_note
from exchange.audit.stored import Cursor
from exchange.audit.witness import build_submission
from exchange.audit.witness_policy import NONE, Witness, WitnessPolicy
from exchange.errors import Unwitnessed
from exchange.unit_of_work import UnitOfWork

ATTEMPTS = 3
MOST_ANSWER = 64 * 1024
LOOK_AGAIN = timedelta(seconds=5)
ROLLED_BACK = "rolled-back"
SPLIT_VIEW = "split-view"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A checkpoint that enough witnesses cosigned, and since when."""

    size: int
    checkpoint: str
    at: datetime


def find_cosigned(cursor: Cursor) -> Cosigned | None:
    """The newest checkpoint that enough witnesses cosigned."""
    cursor.execute(
        "SELECT size, checkpoint, cosigned_at FROM audit_cosigned"
        " ORDER BY cosigned_at DESC, size DESC LIMIT 1"
    )
    row = cursor.fetchone()
    return Cosigned(row[0], row[1], row[2]) if row else None


def well_witnessed_receipt(cursor: Cursor, index: int) -> str:
    """A receipt under the newest checkpoint that enough witnesses cosigned, if it covers the
    record; else under the newest. Raises as `receipt_for`."""
    cosigned = find_cosigned(cursor)
    if cosigned is not None and index < cosigned.size:
        return receipt_for(cursor, index, cosigned.checkpoint)
    return receipt_for(cursor, index)


class WitnessGate:
    """Says whether the log is witnessed well and freshly enough to go on. Share it by threads.

    The stored cosignatures are verified again here: a row of the database is not believed.
    """

    def __init__(self, policy: WitnessPolicy, verifier: NoteVerifier, most_age: timedelta) -> None:
        self._policy = policy
        self._verifier = verifier
        self._most_age = most_age
        self._good_until: datetime | None = None

    def require(self, cursor: Cursor, now: datetime) -> None:
        """Do nothing where all is well, which is remembered for some seconds.

        Raises Unwitnessed: no quorum, none fresh enough, or a witness saw another log.
        """
        if self._policy.quorum == NONE:
            return
        if self._good_until is not None and now < self._good_until:
            return
        self._good_until = None
        cosigned = find_cosigned(cursor)
        at = self._proven_time(cosigned, now)
        if at is None or now - at > self._most_age:
            raise _stale()
        assert cosigned is not None  # noqa: S101  # there is a time only with a checkpoint
        if cosigned.size > get_head(cursor).size:
            raise _contradicted()
        cursor.execute("SELECT max(raised_at) FROM audit_alarms")
        raised = cursor.fetchone()[0]
        if raised is not None and raised >= cosigned.at:
            raise _contradicted()
        self._good_until = min(at + self._most_age, now + LOOK_AGAIN)

    def _proven_time(self, cosigned: Cosigned | None, now: datetime) -> datetime | None:
        if cosigned is None:
            return None
        try:
            open_checkpoint(cosigned.checkpoint, (self._verifier,), self._verifier.name)
            seconds = self._policy.find_time(cosigned.checkpoint)
        except NoteRefused:
            return None
        # A witness's clock may run ahead, but lends no further time.
        return None if seconds is None else min(datetime.fromtimestamp(seconds, UTC), now)


class Submitter:
    """Sends the newest checkpoint to every witness and keeps what enough of them cosigned."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        policy: WitnessPolicy,
        verifier: NoteVerifier,
        most_age: timedelta,
        client: httpx.Client,
    ) -> None:
        self._work = work
        self._policy = policy
        self._verifier = verifier
        self._renew_after = most_age / 3
        self._client = client
        self._seen: dict[str, int] = {}
        self._asked = False

    def run(self) -> Cosigned | None:
        """One round: the checkpoint that was newly cosigned by enough, or None.

        None too where nothing is new: the log did not grow and the last cosigning is fresh.
        """
        with self._work.begin() as work:
            now = work.now
            cursor = work.connection.connection.cursor()
            try:
                head = get_head(cursor)
                newest = find_cosigned(cursor)
            except RecordAbsent:
                return None
        # What is stored may have been put back to an earlier state while no worker ran: the first
        # round always asks.
        fresh = newest and newest.size == head.size and now - newest.at < self._renew_after
        if fresh and self._asked:
            return None
        self._asked = True
        lines = [
            line
            for witness in self._policy.witnesses
            if witness.url is not None
            for line in self._ask(witness, head.size, head.checkpoint)
        ]
        note = head.checkpoint + "".join(lines)
        seconds = self._policy.find_time(note)
        if not lines or seconds is None:
            log.warning("too few witnesses cosigned", size=head.size, cosigned=len(lines))
            return None
        return self._keep(head.size, note)

    def _keep(self, size: int, note: str) -> Cosigned:
        with self._work.begin() as work:
            work.connection.exec_driver_sql(
                "INSERT INTO audit_cosigned (size, cosigned_at, checkpoint) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (size, work.now, note),
            )
            work.commit()
            return Cosigned(size, note, work.now)

    def _ask(self, witness: Witness, size: int, note: str) -> Sequence[str]:
        """The signature lines of one witness; none where it is away or refuses."""
        old = min(self._seen.get(witness.name, 0), size)
        try:
            for _ in range(ATTEMPTS):
                status, answer = self._post(witness, old, size, note)
                if status == 200:
                    self._seen[witness.name] = size
                    return _own_lines(witness, note, answer)
                if status == 409:
                    old = parse_size(answer.removesuffix("\n"))
                    if old > size:
                        self._alarm(ROLLED_BACK, witness, size, old, note)
                        return ()
                    continue
                if status == 422:
                    self._alarm(SPLIT_VIEW, witness, size, old, note)
                else:
                    log.warning("a witness refused", witness=witness.name, status=status)
                return ()
        except (httpx.HTTPError, NoteRefused, UnicodeDecodeError) as fault:
            log.warning("a witness is away", witness=witness.name, error=type(fault).__name__)
        return ()

    def _post(self, witness: Witness, old: int, size: int, note: str) -> tuple[int, str]:
        body = build_submission(old, self._proof(old, size), note)
        url = f"{witness.url}/add-checkpoint"
        with self._client.stream("POST", url, content=body.encode()) as answer:
            content = b""
            for chunk in answer.iter_bytes():
                content += chunk
                if len(content) > MOST_ANSWER:
                    raise httpx.DecodingError("the answer is too long")
            return answer.status_code, content.decode()

    def _proof(self, old: int, size: int) -> Proof:
        if old in (0, size):
            return ()
        with self._work.read() as connection:
            cursor = connection.connection.cursor()
            return consistency(cursor, old, size)

    def _alarm(self, code: str, witness: Witness, size: int, theirs: int, note: str) -> None:
        log.critical("a witness saw another log", witness=witness.name, code=code, size=size)
        with self._work.begin() as work:
            work.connection.exec_driver_sql(
                "INSERT INTO audit_alarms (code, witness, size, witnessed_size, checkpoint,"
                " raised_at) VALUES (%s, %s, %s, %s, %s, %s)",
                (code, witness.name, size, theirs, note, work.now),
            )
            work.commit()


def _own_lines(witness: Witness, note: str, answer: str) -> list[str]:
    """Those lines of an answer that are this witness's cosignatures of the note."""
    text, _ = split_note(note)
    kept = []
    for line in answer.splitlines(keepends=True):
        _, [(name, blob)] = split_note(f"{text}\n{line}")
        if name == witness.cosigner.name and witness.cosigner.find_time(text, blob) is not None:
            kept.append(line)
    return kept


def _stale() -> Unwitnessed:
    return Unwitnessed(
        "日志未在规定时间内获得足够的见证联署，因此暂不作答复。见证恢复后即自动恢复。",
        "Witnesses have not cosigned the log recently enough, so no lookup is answered. "
        "Service resumes by itself once they do.",
        headers={"Retry-After": "60"},
    )


def _contradicted() -> Unwitnessed:
    return Unwitnessed(
        "见证方所见日志与本日志不一致（可能被退回或改写），因此暂不作答复，请联系运维人员。",
        "A witness saw another log than this one (rolled back or rewritten), so no lookup is "
        "answered. The operator must look into it.",
        headers={"Retry-After": "60"},
    )
