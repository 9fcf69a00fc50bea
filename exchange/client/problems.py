"""What can go wrong between a system and the hub: one family, each error in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exchange.client.evidence import Evidence
from exchange.errors import Fault


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was refused: the rule, and its sentence in each language."""

    rule: str
    zh: str
    en: str


class YiciError(Exception):
    """The family. ``str()`` is the English sentence; ``zh`` and ``en`` carry both."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(en)
        self.code = code
        self.zh = zh
        self.en = en


class YiciUnreachable(YiciError):
    """The hub gave no answer. ``sent`` says whether the request may have reached it."""

    def __init__(self, zh: str, en: str, *, sent: bool) -> None:
        super().__init__("unreachable", zh, en)
        self.sent = sent


class YiciUnproven(YiciError):
    """An answer came, but its signature or receipt does not hold: its content must not be used."""


class YiciProblem(YiciError):
    """The hub said no (RFC 9457): ``code`` is the end of the problem's type.

    ``faults`` name wrong places in what was sent, ``reasons`` the rules that refused it,
    ``record`` the refusal's index in the log where the problem carries one. A refused lookup is
    signed and receipted as an answered one is: its ``evidence`` proves the refusal offline.
    """

    def __init__(
        self,
        status: int,
        code: str,
        zh: str,
        en: str,
        *,
        faults: tuple[Fault, ...] = (),
        reasons: tuple[Reason, ...] = (),
        record: int | None = None,
        retry_after: float | None = None,
        document: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, zh, en)
        self.status = status
        self.document = dict(document or {})
        self.faults = faults
        self.reasons = reasons
        self.record = record
        self.evidence: Evidence | None = None
        self.retry_after = retry_after

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of the rules that refused, the first cause first."""
        return tuple(reason.rule for reason in self.reasons)


def read_problem(status: int, document: Any, *, retry_after: float | None = None) -> YiciProblem:
    """The problem in a response's JSON; of what is no problem document, the status alone."""
    if not isinstance(document, Mapping) or not str(document.get("type", "")).startswith("urn:"):
        return YiciProblem(
            status,
            "not-understood",
            f"对方返回了无法识别的 {status} 响应",
            f"the other side answered {status} in a form that is not the hub's",
            retry_after=retry_after,
        )
    zh = document.get("zh")
    record = document.get("record")
    return YiciProblem(
        status,
        str(document["type"]).rsplit(":", 1)[-1],
        str(zh.get("detail", "")) if isinstance(zh, Mapping) else "",
        str(document.get("detail", "")),
        faults=tuple(
            Fault(str(each.get("field", "")), str(each.get("zh", "")), str(each.get("en", "")))
            for each in _objects(document.get("faults"))
        ),
        reasons=tuple(
            Reason(str(each.get("rule", "")), str(each.get("zh", "")), str(each.get("en", "")))
            for each in _objects(document.get("reasons"))
        ),
        record=record if isinstance(record, int) else None,
        retry_after=retry_after,
        document=document,
    )


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
