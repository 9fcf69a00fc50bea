"""The log: appending within the caller's transaction, and proving what it holds.

Everything runs on a raw psycopg2 cursor in the caller's transaction; nothing is committed here.
The head row is the one point where writers meet, so it is locked as late as possible.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg2.errors

from exchange.audit.entries import NONCE_SIZE, leaf_of
from exchange.audit.errors import LogDamaged, ProofRefused, RecordAbsent, RecordRefused
from exchange.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    Growth,
    Proof,
    append_batch,
    consistency_proof_from,
    inclusion_proof_from,
    root_of,
    verify_inclusion,
)
from exchange.audit.notes import (
    Checkpoint,
    NoteSigner,
    parse_checkpoint,
    sign_checkpoint,
    split_note,
)
from exchange.audit.receipts import build_receipt, build_receipts
from exchange.audit.records import PreparedRecord
from exchange.audit.stored import Cursor, StoredTree, insert_records, insert_tile, missing
from exchange.audit.tiles import HEIGHT, WIDTH, completed_tiles

CLOCK_STEP = timedelta(seconds=5)
"""How far a record may be dated after its append: clocks are set back now and then."""

_READ_HEAD = "SELECT size, frontier, root, checkpoint FROM audit_head WHERE id = 1"
_LOCK_HEAD = "SELECT size, frontier, root, checkpoint FROM audit_head WHERE id = 1 FOR UPDATE"


@dataclass(frozen=True, slots=True)
class Head:
    """The head row."""

    size: int
    frontier: Frontier
    root: bytes
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a batch stands. Worth nothing before COMMIT.

    Record i of the batch has index `first_index + i` and is proven by `proofs[i]` under `root`;
    `openings[i]` is its nonce ‖ record.
    """

    first_index: int
    size: int
    root: bytes
    checkpoint: str
    proofs: tuple[Proof, ...]
    openings: tuple[bytes, ...]


def receipts(appended: Appended) -> list[str]:
    """The receipts of a batch, in its order. Build them after COMMIT, outside the lock."""
    return build_receipts(
        appended.first_index, appended.openings, appended.proofs, appended.checkpoint
    )


class Log:
    """One log, by its origin and the key that signs its checkpoints. Safe to share by threads.

    `entropy` gives so many random bytes, for the nonces that hide records in their entries.
    """

    def __init__(
        self, origin: str, signer: NoteSigner, entropy: Callable[[int], bytes] = os.urandom
    ) -> None:
        self.origin = origin
        self._signer = signer
        self._entropy = entropy

    @property
    def vkey(self) -> str:
        """The public key that checkpoints and receipts are verified with."""
        return self._signer.verifier.vkey

    def append(self, cursor: Cursor, records: Sequence[PreparedRecord], now: datetime) -> Appended:
        """Append records in the caller's transaction and sign the checkpoint they make.

        Call it last before COMMIT: it holds the head row's lock until the transaction ends.
        A checkpoint of a transaction that is rolled back has left the process nowhere.

        Raises RecordRefused for a record dated after `now`, LogDamaged if what is stored no
        longer adds up, psycopg2.Error if the database fails; then the caller rolls back.
        """
        if any(record.at > now + CLOCK_STEP for record in records):
            raise RecordRefused(
                zh="审计记录的时间晚于写入时间", en="an audit record is dated after its append"
            )
        nonces = self._entropy(NONCE_SIZE * len(records))
        openings = [
            nonces[at : at + NONCE_SIZE] + record.body
            for at, record in zip(range(0, len(nonces), NONCE_SIZE), records, strict=True)
        ]
        leaves = [leaf_of(opening) for opening in openings]
        head = self._locked_head(cursor)
        growth = append_batch(head.frontier, leaves)
        size, root = growth.frontier.size, growth.root
        checkpoint = self._sign(size, root) if records else head.checkpoint
        if records:
            _insert(cursor, head.size, records, openings, leaves)
            _insert_completed_tiles(cursor, head.size, growth)
            cursor.execute(
                "UPDATE audit_head SET size = %s, frontier = %s, root = %s, checkpoint = %s"
                " WHERE id = 1",
                (size, growth.frontier.encode(), root, checkpoint),
            )
        return Appended(head.size, size, root, checkpoint, growth.proofs, tuple(openings))

    def initialise(self, cursor: Cursor) -> None:
        """Make the head of an empty log, unless there is one. Any number may do so at once."""
        cursor.execute(
            "INSERT INTO audit_head (id, size, frontier, root, checkpoint)"
            " VALUES (1, 0, '', %s, %s) ON CONFLICT (id) DO NOTHING",
            (EMPTY_ROOT, self._sign(0, EMPTY_ROOT)),
        )

    def _locked_head(self, cursor: Cursor) -> Head:
        head = find_head(cursor, lock=True)
        if head is None:
            self.initialise(cursor)
            head = find_head(cursor, lock=True)
        if head is None or head.frontier.root() != head.root:
            raise LogDamaged(
                zh="日志头不一致，请运行 yici audit verify",
                en="the head of the log does not add up: run yici audit verify",
            )
        return head

    def _sign(self, size: int, root: bytes) -> str:
        return sign_checkpoint(Checkpoint(self.origin, size, root), self._signer)


def find_head(cursor: Cursor, *, lock: bool = False) -> Head | None:
    """The head row, or None before the first append. Raises LogDamaged if it is unreadable."""
    cursor.execute(_LOCK_HEAD if lock else _READ_HEAD)
    row = cursor.fetchone()
    if row is None:
        return None
    try:
        frontier = Frontier.decode(row[0], bytes(row[1]))
    except ValueError:
        raise LogDamaged(
            zh="日志头的前沿与大小不符，请运行 yici audit verify",
            en="the head's frontier does not fit its size: run yici audit verify",
        ) from None
    return Head(row[0], frontier, bytes(row[2]), row[3])


def get_head(cursor: Cursor) -> Head:
    """The head row. Raises RecordAbsent before the first append."""
    head = find_head(cursor)
    if head is None:
        raise RecordAbsent(zh="日志尚无记录", en="the log is still empty")
    return head


def _insert(
    cursor: Cursor,
    first_index: int,
    records: Sequence[PreparedRecord],
    openings: Sequence[bytes],
    leaves: Sequence[bytes],
) -> None:
    try:
        insert_records(cursor, first_index, records, openings, leaves)
    except psycopg2.errors.UniqueViolation:
        raise LogDamaged(
            zh=f"日志头为 {first_index} 条，但其后已有记录，请运行 yici audit verify",
            en=f"the head says {first_index} records but more are stored: run yici audit verify",
        ) from None


def _insert_completed_tiles(cursor: Cursor, old_size: int, growth: Growth) -> None:
    """Write the tiles that became complete, after checking each against the tree itself."""
    for tile in completed_tiles(old_size, growth.frontier.size):
        first, level = tile.number * WIDTH, HEIGHT * tile.level
        known = max(first, old_size >> level)
        hashes = [growth.node(level, number) for number in range(known, first + WIDTH)]
        if known > first:
            # Written before this batch: read back once per tile instead of being rewritten
            # with the head on every append.
            older = StoredTree(cursor, known << level).partial(tile.level, tile.number)
            hashes = [*older, *hashes]
        root = growth.node(level + HEIGHT, tile.number)
        if root_of(hashes) != root:
            raise missing(level + HEIGHT, tile.number)
        insert_tile(cursor, tile, b"".join(hashes), root)


def checkpoint(cursor: Cursor) -> str:
    """The signed checkpoint of everything committed. Raises RecordAbsent before the first."""
    return get_head(cursor).checkpoint


def inclusion(cursor: Cursor, index: int, size: int) -> Proof:
    """The audit path of record `index` in the tree of the first `size` records.

    Raises RecordAbsent if there is no such record or tree, LogDamaged if tiles are missing.
    """
    if not 0 <= index < size or size > get_head(cursor).size:
        raise _absent(index)
    return inclusion_proof_from(StoredTree(cursor, size).subtree, index, size)


def consistency(cursor: Cursor, old: int, new: int) -> Proof:
    """The proof that the first `old` records are a prefix of the first `new`.

    Raises RecordAbsent unless 0 < old ≤ new ≤ the log's size, LogDamaged if tiles are missing.
    """
    if not 0 < old <= new or new > get_head(cursor).size:
        raise RecordAbsent(
            zh="须满足 0 < 旧大小 ≤ 新大小 ≤ 日志大小",
            en="0 < old size ≤ new size ≤ size of the log must hold",
        )
    return consistency_proof_from(StoredTree(cursor, new).subtree, old, new)


def receipt_for(cursor: Cursor, index: int, under: str | None = None) -> str:
    """A receipt for a record under the newest checkpoint, or under an older signed one.

    Raises RecordAbsent if there is no such record under it, LogDamaged if what is stored does not
    prove it: a receipt that would not verify is never given out.
    """
    head = get_head(cursor)
    note, size, root = head.checkpoint, head.size, head.root
    if under is not None:
        older = parse_checkpoint(split_note(under)[0])
        note, size, root = under, older.size, older.root
    if not 0 <= index < size <= head.size:
        raise _absent(index)
    cursor.execute("SELECT nonce, body FROM audit_records WHERE index = %s", (index,))
    row = cursor.fetchone()
    if row is None:
        raise missing(0, index)
    opening = bytes(row[0]) + bytes(row[1])
    proof = inclusion_proof_from(StoredTree(cursor, size).subtree, index, size)
    try:
        verify_inclusion(leaf_of(opening), index, size, proof, root)
    except ProofRefused:
        raise missing(0, index) from None
    return build_receipt(index, opening, proof, note)


def _absent(index: int) -> RecordAbsent:
    return RecordAbsent(zh=f"日志中没有第 {index} 条记录", en=f"the log has no record {index}")
