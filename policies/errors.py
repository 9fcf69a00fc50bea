"""Faults of a set of rules, all of them at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuleFault:
    """One thing wrong with a set of rules.

    `source` is the file's name (or ``rules`` for plain text), `rule` the rule's ``@id`` where it
    has one, else its place in the source (``#3``), else empty.
    """

    code: str
    source: str
    rule: str
    zh: str
    en: str

    def __str__(self) -> str:
        place = f"{self.source} {self.rule}".strip()
        return f"{place}: {self.en} / {self.zh} [{self.code}]"


class RuleSetError(Exception):
    """A set of rules is refused; `faults` holds every reason found, in the order of the text."""

    def __init__(self, faults: tuple[RuleFault, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))
