"""What a check of the object store can find. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "missing": ("对象缺失", "the object is missing"),
    "altered": ("对象内容被改动", "the object's bytes were altered"),
    "wrong-size": ("登记的大小与对象不符", "a row states another size than the object has"),
    "not-locked": ("对象应锁定而未锁定", "the object is not locked for as long as it must be"),
    "litter": ("无任何登记引用的对象", "no row names this object"),
}

KEPT: Final[Mapping[str, tuple[str, str]]] = {
    "retained": ("处于保留期内，未清除", "kept: it is retained"),
    "held": ("依法冻结中，未清除", "kept: it is under a legal hold"),
    "too-young": ("刚被再次存入，未清除", "kept: it was put again meanwhile"),
    "nowhere": ("未找到完好的副本", "no whole copy was found"),
    "row": ("须由登记该对象的部门更正", "the row itself must be corrected"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with one object.

    ``kind`` is one of KINDS, ``tables`` say which rows name it. ``repaired`` where this run set
    it right; ``kept`` is one of KEPT where it tried and could not.
    """

    kind: str
    sha256: str
    tables: tuple[str, ...] = ()
    repaired: bool = False
    kept: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The finding as an object of JSON."""
        return {
            "finding": self.kind,
            "sha256": self.sha256,
            "tables": list(self.tables),
            "repaired": self.repaired,
            "kept": self.kept,
        }


@dataclass(slots=True)
class Tally:
    """What a run did so far: ``named`` objects that rows name, ``stored`` objects the store has,
    ``hashed`` those that were read, ``young`` those too new to be called litter, ``swept`` left
    pieces of broken uploads, ``repaired`` findings set right, and findings by kind. ``after`` is
    the last name that was compared."""

    named: int = 0
    stored: int = 0
    hashed: int = 0
    young: int = 0
    swept: int = 0
    repaired: int = 0
    found: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    after: str = ""

    def add(self, finding: Finding) -> None:
        """Count a finding."""
        self.found[finding.kind] += 1
        self.repaired += finding.repaired

    @property
    def findings(self) -> int:
        return sum(self.found.values())

    def counts(self) -> dict[str, int]:
        """All numbers by name."""
        own = ("named", "stored", "hashed", "young", "swept", "repaired")
        return {name: getattr(self, name) for name in own} | self.found

    def as_dict(self) -> dict[str, Any]:
        """The tally as an object of JSON, ``after`` included."""
        return {**self.counts(), "after": self.after}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Tally:
        """Undo ``as_dict``. Raises ValueError for what is none."""
        try:
            counts = {name: int(stored[name]) for name in cls().counts()}
            after = str(stored["after"])
        except (KeyError, TypeError) as fault:
            raise ValueError("not a tally") from fault
        tally = cls(after=after)
        for name, number in counts.items():
            if name in KINDS:
                tally.found[name] = number
            else:
                setattr(tally, name, number)
        return tally
