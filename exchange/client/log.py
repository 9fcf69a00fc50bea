"""The log as a client sees it: its records, and whether it continues what was seen before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exchange.audit.errors import AuditError
from exchange.audit.merkle import verify_consistency
from exchange.audit.notes import Checkpoint, NoteVerifier, open_checkpoint
from exchange.client.evidence import Trust
from exchange.client.lookups import Holder
from exchange.client.problems import YiciUnproven


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One record of the log and where it stands."""

    index: int
    recorded_at: str
    record: Mapping[str, Any]

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> LogEntry:
        """Read one of ``records``."""
        return cls(value["index"], value["recorded_at"], value["record"])


def question(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a search as the interface wants them."""
    return {name: _part(value) for name, value in asked.items()}


def _part(value: Any) -> Any:
    if isinstance(value, Holder):
        return value.as_dict()
    return value.isoformat() if isinstance(value, datetime) else value


def continued(
    older: str,
    newest: str,
    trust: Trust,
    prove: Callable[[int, int], Sequence[bytes]],
) -> Checkpoint:
    """The newest of two signed checkpoints, proven to continue the older one.

    ``prove`` gives the consistency proof between two sizes.

    Raises:
        YiciUnproven: a signature does not hold, or the log was rolled back or rewritten.
    """
    try:
        verifiers = (NoteVerifier.from_vkey(trust.log_key),)
        old = open_checkpoint(older, verifiers, trust.origin)
        new = open_checkpoint(newest, verifiers, trust.origin)
        if old.size > new.size:
            raise YiciUnproven("rolled-back", "日志被退回", "the log was rolled back")
        if old.size:
            proof = prove(old.size, new.size)
            verify_consistency(old.size, new.size, proof, old.root, new.root)
    except AuditError as refused:
        raise YiciUnproven(refused.code, refused.zh, refused.en) from None
    return new
