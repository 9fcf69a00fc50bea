"""What can go wrong with the log, each with a sentence in 中文 and in English.

No sentence carries anything from a record: only positions, sizes and names of fields.
"""

from __future__ import annotations

from typing import ClassVar


class AuditError(Exception):
    """The family. `str()` is the English sentence; `zh` and `en` carry both."""

    code: ClassVar[str] = "audit"

    def __init__(self, *, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


class ProofRefused(AuditError):
    """An inclusion or consistency proof does not lead to the root it was given for."""

    code = "proof-refused"


class NoteRefused(AuditError):
    """A signed note, a key or a checkpoint is malformed, or its signature does not hold."""

    code = "note-refused"


class ReceiptRefused(AuditError):
    """A receipt is malformed, or does not prove the record it carries."""

    code = "receipt-refused"


class RecordRefused(AuditError):
    """A record may not be written: a field is missing, of the wrong shape, or unknown."""

    code = "record-refused"


class RecordTooLarge(RecordRefused):
    """A record is longer than the 65 535 bytes an entry may have (C2SP tlog-tiles)."""

    code = "record-too-large"


class RecordAbsent(AuditError):
    """The log has no record at that index, or no tree of that size."""

    code = "record-absent"


class LogDamaged(AuditError):
    """Rows, tiles and head no longer add up: nothing may be appended or proven from them."""

    code = "log-damaged"


class LogUnusable(AuditError):
    """What was given to verify or export cannot be read as a log at all."""

    code = "log-unusable"


class WitnessPolicyRefused(AuditError):
    """A witness policy file does not follow C2SP tlog-policy."""

    code = "witness-policy-refused"


class CheckpointRefused(AuditError):
    """A witness does not cosign. `status` is HTTP's as C2SP tlog-witness gives it.

    `size` is what was cosigned last, where that is the answer (409).
    """

    code = "checkpoint-refused"

    def __init__(
        self, status: int, reason: str, zh: str, en: str, *, size: int | None = None
    ) -> None:
        super().__init__(zh=zh, en=en)
        self.status = status
        self.reason = reason
        self.size = size
