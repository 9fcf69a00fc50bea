"""The one family of errors of the connectors: a register as a whole could not be read or judged.

A fault of a single row is never an error; it is a ``RowFault`` on a quarantined row.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

ErrorCode: TypeAlias = Literal[
    "source-missing",  # the department's side gives nothing: no such file
    "source-refused",  # the name leads out of the source folder, or to no regular file
    "unreadable-answer",  # something came, but it is not a register
    "missing-column",  # a register came, without a column the definition needs
    "limit-exceeded",  # more bytes, rows or memory than the definition or the gate allows
    "gate-failed",  # the quality gate's worker died or could not judge
    "gate-timeout",  # the quality gate's worker was stopped at its time limit
]


class ConnectorError(Exception):
    """A register could not be read or judged as a whole.

    ``code`` says which kind (see ``ErrorCode``), ``department`` is the department's credit code,
    ``zh`` and ``en`` say what happened in one sentence each and never repeat a cell's value.
    """

    def __init__(self, code: ErrorCode, zh: str, en: str, department: str) -> None:
        super().__init__(f"{department}: {code}: {en}")
        self.code: ErrorCode = code
        self.zh = zh
        self.en = en
        self.department = department

    def __reduce__(self) -> tuple[type[ConnectorError], tuple[str, str, str, str]]:
        return type(self), (self.code, self.zh, self.en, self.department)
