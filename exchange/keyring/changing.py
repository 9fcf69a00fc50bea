"""What may become of keys: made, taken into use, retired, compromised, cut off, certified.

Used from the command line, where the operating system says who may. A key is made, a
certificate and a list are signed before the transaction that writes them down; where something
that governs has changed meanwhile, the decision is taken anew. Every change raises the revision,
so that every process sees it with its next batch or request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from exchange.audit.records import PreparedRecord, prepare
from exchange.clock import Clock
from exchange.errors import BadRequest, Conflict, Fault
from exchange.governance import repository as governance
from exchange.governance.snapshot import raise_revision
from exchange.keyring import repository
from exchange.keyring.records import OWN, STATES, Event, KeyEvent, KeyRegister, Root, SigningKey
from exchange.keyring.service import Keyring
from exchange.unit_of_work import UnitOfWork

_ATTEMPTS: Final = 5
_Result = TypeVar("_Result")
Happening = tuple[SigningKey, Event, datetime, str]
"""What becomes of a key: since when, and the operator's reason."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written: new keys, events, certificates, a root, a revocation list."""

    keys: Sequence[SigningKey] = ()
    events: Sequence[Happening] = ()
    certificates: Sequence[tuple[SigningKey, x509.Certificate]] = ()
    root: Root | None = None
    crl: x509.CertificateRevocationList | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        # A revocation list that names nothing is false, and is a list all the same.
        listed = any((self.keys, self.events, self.certificates))
        return not listed and self.root is None and self.crl is None


class KeyChanges:
    """Changes the registry; each change by ``by``, an operator."""

    def __init__(
        self, work: UnitOfWork[Any, Any], clock: Clock, keyring: Keyring, *, by: str
    ) -> None:
        self._work = work
        self._clock = clock
        self.keyring = keyring
        self.by = by

    def now(self) -> datetime:
        """The present instant."""
        return self._clock.now()

    def take_up(self) -> list[SigningKey]:
        """Register the keys that lie in the folder and never were; those of departments that
        are not registered wait. The keys taken up."""

        def decide(register: KeyRegister) -> tuple[Change, list[SigningKey]]:
            owners = {*OWN, *self._departments()}
            keys = [
                replace(key, events=(), registered=True)
                for key in register.keys.values()
                if not key.registered and key.owner in owners
            ]
            at = self.now()
            events: list[Happening] = [(key, "activated", at, "found there") for key in keys]
            return Change(keys=keys, events=events), keys

        return self.apply(decide)

    def make(self, owner: str, *, kind: str = "file") -> SigningKey:
        """Make a key for an owner and register it; it signs nothing yet.

        Raises:
            BadRequest: the department is not registered.
            KeyFault: the key cannot be made.
        """
        self._known(owner)
        self.take_up()
        number = len(self.keyring.current().of(owner)) + 1
        signer, place = self.keyring.opener.make(owner, kind, number)
        key = SigningKey(signer.kid, owner, signer.public_jwk(), place, self.now())
        self.apply(lambda _: (Change(keys=[key]), None))
        return key

    def activate(self, kid: str) -> SigningKey:
        """Take a key into use; the one that was in use is retired in the same instant.

        Raises:
            BadRequest: there is no such key.
            Conflict: it is in use already, or was retired, compromised or cut off.
            KeyFault: the key cannot be opened: nothing would be signed with it.
        """

        self.take_up()

        def decide(register: KeyRegister) -> tuple[Change, SigningKey]:
            key = get(register, kid)
            if key.state != "made":
                raise not_from(key, "made")
            self.keyring.opener.open(key.place)
            at = self.now()
            before = register.find_active(key.owner)
            events: list[Happening] = []
            if before is not None:
                events.append((before, "retired", at, f"succeeded by {kid}"))
            events.append((key, "activated", at, "taken into use"))
            return Change(events=events), key

        return self.apply(decide)

    def retire(self, kid: str, *, reason: str) -> SigningKey:
        """Have a key sign nothing any more. Raises like :meth:`activate`.

        The hub's own keys are rotated, not retired: without one no answer could be signed.
        """

        self.take_up()

        def decide(register: KeyRegister) -> tuple[Change, SigningKey]:
            key = get(register, kid)
            if key.owner in OWN and key.state == "active":
                raise Conflict(
                    "枢纽自身的密钥不可无后继而停用，请用 rotate。",
                    "The hub cannot do without this key; rotate it.",
                )
            if key.state not in ("made", "active"):
                raise not_from(key, "made", "active")
            return Change(events=[(key, "retired", self.now(), reason)]), key

        return self.apply(decide)

    def name_of(self, department: str) -> str:
        """A department's name in Chinese. Raises BadRequest: it is not registered."""
        with self._work.read() as connection:
            name = repository.find_name(connection, department)
        if name is None:
            self._known(department)
        return name or department

    def apply(self, decide: Callable[[KeyRegister], tuple[Change, _Result]]) -> _Result:
        """Decide by the register, write, and raise the revision, all of one state.

        Raises:
            Conflict: something that governs changed again and again meanwhile.
        """
        for _ in range(_ATTEMPTS):
            register = self.keyring.current()
            change, result = decide(register)
            if change.is_empty:
                return result
            if self._write(register, change):
                return result
        raise Conflict("其他管理操作正在进行，请重试。", "Other changes are under way; try again.")

    def _write(self, register: KeyRegister, change: Change) -> bool:
        with self._work.begin() as work:
            if governance.lock(work.connection) != register.revision:
                return False
            root = change.root or register.root
            if change.root is not None:
                repository.add_root(work.connection, change.root, work.now, self.by)
                work.record(_record("root-registered", work.now, _fingerprint(change.root)))
            for key in change.keys:
                repository.add_key(work.connection, key, work.now, self.by)
                work.record(_record("key-registered", work.now, key.kid, key.owner))
            counts: dict[str, int] = {}
            for key, event, at, reason in change.events:
                sequence = len(key.events) + counts.get(key.kid, 0) + 1
                counts[key.kid] = counts.get(key.kid, 0) + 1
                told = KeyEvent(event, at, reason, work.now, self.by)
                repository.add_event(work.connection, key, sequence, told)
                work.record(_record(f"key-{event}", work.now, key.kid, key.owner))
            for key, certificate in change.certificates:
                assert root is not None  # noqa: S101  # a certificate is of a root
                repository.add_certificate(
                    work.connection, key.kid, root, certificate, now=work.now, by=self.by
                )
                work.record(_record("key-certified", work.now, key.kid, key.owner))
            if change.crl is not None:
                assert root is not None  # noqa: S101  # a list is of a root
                self._publish(work, root, change.crl)
            raise_revision(work.connection)
            work.commit()
        return True

    def _publish(self, work: Any, root: Root, crl: x509.CertificateRevocationList) -> None:
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        repository.add_crl(
            work.connection, root.sequence, crl, number=number, now=work.now, by=self.by
        )
        count = sum(1 for _ in crl)
        work.record(
            prepare("crl-published", work.now, count=count, revision=number, outcome="done")
        )

    def _known(self, owner: str) -> None:
        if owner not in OWN and owner not in self._departments():
            raise BadRequest(
                "该部门尚未登记，请先执行 yici department。",
                "The department is not registered; run `yici department` first.",
                faults=(Fault("owner", "须先登记部门", "register it first"),),
            )

    def _departments(self) -> frozenset[str]:
        with self._work.read() as connection:
            return repository.registered_departments(connection)


def get(register: KeyRegister, kid: str) -> SigningKey:
    """A key by its kid, or by the beginning of it that fits no other.

    Raises:
        BadRequest: none, or several.
    """
    found = [key for key in register.keys.values() if key.kid.startswith(kid)] if kid else []
    if kid in register.keys:
        found = [register.keys[kid]]
    if len(found) != 1:
        raise BadRequest(
            "没有该密钥，或不止一个密钥的标识以此开头；请看 yici key list。",
            "There is no such key, or several kids begin so; see `yici key list`.",
            faults=(Fault("kid", "须指明一个密钥", "must name one key"),),
        )
    return found[0]


def not_from(key: SigningKey, *wanted: str) -> Conflict:
    """That a key is not in one of the states that are wanted."""
    zh, en = STATES[key.state]
    wanted_zh = "、".join(STATES[state][0] for state in wanted)
    wanted_en = " or ".join(STATES[state][1] for state in wanted)
    return Conflict(
        f"该密钥{zh}；只有{wanted_zh}的密钥可以如此。",
        f"The key is {en}; only one that is {wanted_en} can be.",
    )


def _record(kind: str, now: datetime, key: str, owner: str | None = None) -> PreparedRecord:
    department = owner if owner is not None and owner not in OWN else None
    return prepare(
        kind, now, key=key, department=department,
        source=owner if owner in OWN else None, outcome="done",
    )  # fmt: skip


def _fingerprint(root: Root) -> str:
    return root.certificate.fingerprint(SHA256()).hex()
