"""Countersigns the logs of others (C2SP tlog-witness, `add-checkpoint`).

What was cosigned is committed before the cosignature leaves. A cosigning leaves no record in
this hub's own log: two hubs that witness each other would make records for ever (decision 25).
A refusal that proves a log's misconduct does, with both checkpoints kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, NoReturn

import structlog

from exchange.audit.cosignatures import Cosigner, CosigningKey
from exchange.audit.errors import CheckpointRefused, NoteRefused, ProofRefused
from exchange.audit.merkle import EMPTY_ROOT, HASH_SIZE, Proof, verify_consistency
from exchange.audit.notes import (
    Checkpoint,
    NoteVerifier,
    decode_base64,
    encode_base64,
    open_checkpoint,
    parse_checkpoint,
    parse_size,
    split_note,
)
from exchange.audit.records import prepare
from exchange.audit.witness_policy import WitnessPolicy
from exchange.unit_of_work import UnitOfWork, Work

MOST_BYTES = 64 * 1024
MOST_STEPS = 63
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Submission:
    """A parsed request: the size the log believes was cosigned last, the proof, the checkpoint."""

    old: int
    proof: Proof
    note: str


@dataclass(frozen=True, slots=True)
class _Known:
    size: int
    root: bytes
    checkpoint: str


def build_submission(old: int, proof: Sequence[bytes], note: str) -> str:
    """The body of a request."""
    steps = "".join(encode_base64(step) + "\n" for step in proof)
    return f"old {old}\n{steps}\n{note}"


def parse_submission(body: bytes) -> Submission:
    """Read a request. Raises CheckpointRefused (400)."""
    try:
        head, separator, note = body.decode().partition("\n\n")
        first, *steps = head.split("\n")
        if not separator or not first.startswith("old ") or len(steps) > MOST_STEPS:
            raise ValueError
        old = parse_size(first.removeprefix("old "))
        proof = tuple(decode_base64(step) for step in steps)
        if any(len(step) != HASH_SIZE for step in proof):
            raise ValueError
    except (ValueError, NoteRefused):
        _refuse(400, "malformed", "请求格式有误", "the request is malformed")
    return Submission(old, proof, note)


class WitnessService:
    """The witness this hub is for the logs that its operator configured."""

    def __init__(
        self, work: UnitOfWork[Any, Any], logs: WitnessPolicy, key: CosigningKey | None
    ) -> None:
        self._work = work
        self._logs = logs
        self._key = key

    @property
    def cosigner(self) -> Cosigner | None:
        """The public key it cosigns with; None where no log is configured."""
        return self._key.cosigner if self._key is not None else None

    def add_checkpoint(self, body: bytes) -> str:
        """Cosign a checkpoint that continues what this witness saw. The signature line.

        Raises:
            CheckpointRefused: with the status that C2SP tlog-witness gives each case.
            Unavailable: the database cannot be reached; nothing was cosigned.
        """
        submission = parse_submission(body)
        new = self._opened(submission.note)
        if submission.old > new.size:
            _refuse(400, "shorter", "旧大小超过检查点大小", "the old size exceeds the checkpoint's")
        at = self._persist(submission, new)
        # Only after COMMIT, and outside of it: what is signed here is never forgotten.
        return self._line(new.text(), at)

    def checkpoint(self, origin_hash: str) -> str:
        """The newest checkpoint cosigned for the log whose origin has this SHA-256 (hex).

        Raises CheckpointRefused (404) where there is none.
        """
        origins = [each.verifier.name for each in self._logs.logs]
        with self._work.read() as connection:
            row = connection.exec_driver_sql(
                "SELECT checkpoint, witnessed_at FROM witnessed_logs"
                " WHERE origin = ANY(%s) AND checkpoint <> ''",
                ([each for each in origins if sha256(each.encode()).hexdigest() == origin_hash],),
            ).first()
        if row is None:
            _refuse(404, "unknown-log", "未曾联署该日志", "no checkpoint of it was cosigned here")
        return str(row[0]) + self._line(split_note(row[0])[0], row[1])

    def _opened(self, note: str) -> Checkpoint:
        try:
            origin = parse_checkpoint(split_note(note)[0]).origin
        except NoteRefused:
            _refuse(400, "malformed", "检查点格式有误", "the checkpoint is malformed")
        verifiers = self._logs.find_log(origin)
        if not verifiers or self._key is None:
            _refuse(404, "unknown-log", "未配置该日志", "this log is not configured here")
        try:
            return open_checkpoint(note, verifiers, origin)
        except NoteRefused:
            _refuse(403, "not-signed", "检查点没有该日志的有效签名", "the log has not signed this")

    def _persist(self, submission: Submission, new: Checkpoint) -> datetime:
        with self._work.begin() as work:
            known = _locked(work, new.origin)
            try:
                _judge(submission, new, known)
            except CheckpointRefused as refused:
                if _is_misconduct(refused, new, known):
                    _keep_evidence(work, new, known, submission.note)
                work.commit()
                raise
            work.connection.exec_driver_sql(
                "UPDATE witnessed_logs SET size = %s, root = %s, checkpoint = %s,"
                " witnessed_at = %s WHERE origin = %s",
                (
                    new.size,
                    new.root,
                    _without_others(submission.note, self._logs.find_log(new.origin)),
                    work.now,
                    new.origin,
                ),
            )
            work.commit()
            return work.now

    def _line(self, text: str, at: datetime) -> str:
        assert self._key is not None  # noqa: S101  # without it no log is known
        return self._key.signature_line(text, int(at.timestamp()))


def _locked(work: Work[Any, Any], origin: str) -> _Known:
    """The log's row, locked to the end of the transaction; made if it is not there yet."""
    work.connection.exec_driver_sql(
        "INSERT INTO witnessed_logs (origin, size, root, checkpoint, witnessed_at)"
        " VALUES (%s, 0, %s, '', %s) ON CONFLICT (origin) DO NOTHING",
        (origin, EMPTY_ROOT, work.now),
    )
    row = work.connection.exec_driver_sql(
        "SELECT size, root, checkpoint FROM witnessed_logs WHERE origin = %s FOR UPDATE", (origin,)
    ).one()
    return _Known(row[0], bytes(row[1]), row[2])


def _judge(submission: Submission, new: Checkpoint, known: _Known) -> None:
    """The checks of C2SP tlog-witness in their order. Raises CheckpointRefused."""
    if submission.old != known.size:
        raise CheckpointRefused(
            409,
            "other-size",
            f"此前联署的大小为 {known.size}",
            f"the size cosigned last is {known.size}",
            size=known.size,
        )
    if new.size == 0 and new.root != EMPTY_ROOT:
        _refuse(422, "not-empty", "空日志的树根有误", "the root of an empty log is wrong")
    if known.size == 0:
        if submission.proof:
            _refuse(422, "inconsistent", "空树无须证明", "from the empty tree no proof is needed")
        return
    try:
        verify_consistency(known.size, new.size, submission.proof, known.root, new.root)
    except ProofRefused as refused:
        reason = "split-view" if known.size == new.size else "inconsistent"
        raise CheckpointRefused(422, reason, refused.zh, refused.en) from None


def _is_misconduct(refused: CheckpointRefused, new: Checkpoint, known: _Known) -> bool:
    """Whether the log signed two trees of one size; a wrong proof alone shows nothing."""
    return bool(known.checkpoint) and new.size == known.size and new.root != known.root


def _keep_evidence(work: Work[Any, Any], new: Checkpoint, known: _Known, note: str) -> None:
    kept = work.connection.exec_driver_sql(
        "INSERT INTO witness_refusals (origin, size, root, reason, checkpoint, witnessed,"
        " refused_at) VALUES (%s, %s, %s, 'split-view', %s, %s, %s) ON CONFLICT DO NOTHING",
        (new.origin, new.size, new.root, note, known.checkpoint, work.now),
    )
    if kept.rowcount:
        log.critical("a witnessed log shows two trees of one size", size=new.size)
        work.record(
            prepare(
                "checkpoint-refused",
                work.now,
                source=new.origin,
                reason="split-view",
                count=new.size,
                result=new.root,
                outcome="refused",
            )
        )


def _without_others(note: str, verifiers: Sequence[NoteVerifier]) -> str:
    """The note with the log's own signatures only: what others signed was not checked here."""
    text, _, tail = note.rpartition("\n\n")
    own = {(each.name, each.key_id) for each in verifiers}
    _, signatures = split_note(note)
    lines = [
        line
        for line, (name, blob) in zip(tail[:-1].split("\n"), signatures, strict=True)
        if (name, blob[:4]) in own
    ]
    return text + "\n\n" + "".join(line + "\n" for line in lines)


def _refuse(status: int, reason: str, zh: str, en: str) -> NoReturn:
    raise CheckpointRefused(status, reason, zh, en)
