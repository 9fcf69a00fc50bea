"""What the registry knows of a key: whose it is, where it lies, what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from cryptography import x509

Event = Literal["activated", "retired", "compromised", "cut-off"]
ANSWERS: Final = "answers"
TOKENS: Final = "tokens"
OWN: Final = (ANSWERS, TOKENS)
"""Owners that are the hub itself; every other owner is a department's code."""

STATES: Final[Mapping[str, tuple[str, str]]] = {
    "made": ("已生成未启用", "made, not in use"),
    "active": ("使用中", "in use"),
    "retired": ("已停用", "retired"),
    "compromised": ("已泄露", "compromised"),
    "cut-off": ("已取消信任", "cut off"),
}


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where a private key lies: the `file` of that name in the keys' folder, without its
    ``.pem``, or the key of that label in the `pkcs11` token."""

    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """One thing that became of a key."""

    event: Event
    effective_at: datetime
    reason: str
    recorded_at: datetime
    recorded_by: str


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key of an owner. One that is not ``registered`` lies in the folder and is used by
    its plain name. ``made_at`` is None for a key found in a folder: nobody wrote down
    when it was made. ``certificates`` are those under the root in use, the newest last."""

    kid: str
    owner: str
    jwk: Mapping[str, str]
    place: KeyPlace
    made_at: datetime | None
    events: Sequence[KeyEvent] = ()
    certificates: Sequence[x509.Certificate] = ()
    registered: bool = True

    @property
    def certificate(self) -> x509.Certificate | None:
        """The certificate that counts, None for a key that the root has not certified."""
        return self.certificates[-1] if self.certificates else None

    @property
    def retired_at(self) -> datetime | None:
        """Since when it signs nothing new."""
        return self._first("retired")

    @property
    def compromised_from(self) -> datetime | None:
        """Since when somebody else may have signed with it; the earliest that was declared."""
        return self._first("compromised")

    @property
    def cut_off_at(self) -> datetime | None:
        """Since when nothing it ever signed counts."""
        return self._first("cut-off")

    @property
    def state(self) -> str:
        """One of :data:`STATES`, the gravest thing that became of it."""
        happened = {event.event for event in self.events}
        for event in ("cut-off", "compromised", "retired"):
            if event in happened:
                return event
        return "active" if "activated" in happened else "made"

    def _first(self, kind: Event) -> datetime | None:
        return min((each.effective_at for each in self.events if each.event == kind), default=None)


@dataclass(frozen=True, slots=True)
class Root:
    """The root in use. Its key lies in a ``file``, a ``pkcs11`` token, or ``elsewhere``."""

    sequence: int
    certificate: x509.Certificate
    place: KeyPlace
    crl: x509.CertificateRevocationList | None = None


@dataclass(frozen=True, slots=True)
class KeyRegister:
    """Every key as of one revision of what governs."""

    revision: int
    keys: Mapping[str, SigningKey]
    root: Root | None = None
    _owned: Mapping[str, tuple[SigningKey, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        owned: dict[str, tuple[SigningKey, ...]] = {}
        for key in self.keys.values():
            owned[key.owner] = (*owned.get(key.owner, ()), key)
        object.__setattr__(self, "_owned", owned)

    def owners(self) -> list[str]:
        """Whoever has a key."""
        return sorted(self._owned)

    def departments(self) -> list[str]:
        """The departments that have a key."""
        return [owner for owner in self.owners() if owner not in OWN]

    def of(self, owner: str) -> Sequence[SigningKey]:
        """All keys an owner ever had, in the order they were registered."""
        return self._owned.get(owner, ())

    def find_active(self, owner: str) -> SigningKey | None:
        """The one key that signs for an owner."""
        return next((key for key in self.of(owner) if key.state == "active"), None)
