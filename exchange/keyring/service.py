"""Which key signs, and which ever did: the registry, read anew when what governs has changed.

A hub whose keys lie in a folder and were never registered goes on with them: an owner without
any registered key has the one that bears its plain name.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from cryptography import x509

from certstore.errors import KeyFault
from certstore.keys import Signer
from certstore.public_keys import VerifyingKey
from exchange.audit.notes import NoteSigner
from exchange.governance.tables import governance
from exchange.keyring import repository
from exchange.keyring.opening import KeyOpener
from exchange.keyring.records import (
    ANSWERS,
    TOKENS,
    KeyEvent,
    KeyPlace,
    KeyRegister,
    SigningKey,
)
from exchange.unit_of_work import UnitOfWork


class Keyring:
    """The hub's keys. Safe to share between threads; never handed to another process.

    ``log`` signs checkpoints and is the only key that is not in the registry: whoever watches
    the log knows it by this key (decision 18).
    """

    def __init__(self, work: UnitOfWork[Any, Any], opener: KeyOpener, log: NoteSigner) -> None:
        self._work = work
        self.opener = opener
        self.log = log
        self._register: KeyRegister | None = None
        self._opened: dict[KeyPlace, Signer] = {}
        self._verifying: dict[str, VerifyingKey] = {}
        self._lock = threading.Lock()

    def signer_of(self, owner: str) -> Signer:
        """The key that signs for a department now, or for the hub's ``answers`` or ``tokens``.

        Raises:
            KeyFault: ``no-active-key``, or the key cannot be opened.
        """
        return self.signer_at(self.current(), owner)

    def place_of(self, owner: str) -> KeyPlace:
        """Where the key lies that signs for an owner now. Raises KeyFault ``no-active-key``."""
        return _active(self.current(), owner).place

    def signer_at(self, register: KeyRegister, owner: str) -> Signer:
        """As :meth:`signer_of`, by a register read before."""
        key = _active(register, owner)
        signer = self._open(key.place)
        if signer.kid != key.kid:
            raise KeyFault(
                "other-key",
                "密钥文件或令牌中的密钥与登记的不符",
                "the key that lies there is not the one that is registered",
            )
        return signer

    def chain_of(self, department: str) -> list[x509.Certificate]:
        """The certificate of a department's active key, then the root.

        Raises:
            KeyFault: ``no-active-key``, or ``not-certified``: the root has not certified it.
        """
        register = self.current()
        certificate = _active(register, department).certificate
        if certificate is None or register.root is None:
            raise KeyFault(
                "not-certified",
                "该部门的密钥尚无证书，请先执行 yici key certify",
                "the root has not certified the department's key: run `yici key certify`",
            )
        return [certificate, register.root.certificate]

    def roots(self) -> list[x509.Certificate]:
        """The root that certifies departments' keys; none before one was made."""
        root = self.current().root
        return [] if root is None else [root.certificate]

    def crl(self) -> x509.CertificateRevocationList | None:
        """The root's newest revocation list."""
        root = self.current().root
        return None if root is None else root.crl

    @property
    def answers(self) -> Signer:
        """The key of answers and grants."""
        return self.signer_of(ANSWERS)

    @property
    def tokens(self) -> Signer:
        """The key of access tokens."""
        return self.signer_of(TOKENS)

    def issuer(self, department: str) -> Signer:
        """The key a department's certificates are signed with; see :meth:`signer_of`."""
        return self.signer_of(department)

    def lister(self, department: str) -> Signer:
        """The key a department's status lists are signed with: its own, or where it has none to
        sign with any more that of the hub's answers, which verifiers accept for lists too.

        Raises:
            KeyFault: the key cannot be opened.
        """
        register = self.current()
        own = register.find_active(department) is not None
        return self.signer_at(register, department if own else ANSWERS)

    def issuers(self) -> list[str]:
        """The departments that have, or ever had, a key."""
        return self.current().departments()

    @property
    def last(self) -> KeyRegister | None:
        """The register as this process last read it, without asking the database."""
        return self._register

    def answering(self, revision: int) -> Signer:
        """The key of answers as of a revision that was just read.

        Raises:
            KeyFault: there is none, or it cannot be opened.
        """
        return self.signer_at(self.known(revision) or self.current(), ANSWERS)

    def refuses(self, token_key: str) -> bool:
        """True where tokens of that key no longer open anything, by the register last read."""
        register = self._register
        key = register.keys.get(token_key) if register else None
        return key is not None and key.state in ("compromised", "cut-off")

    def current(self) -> KeyRegister:
        """The register as of now, after asking the database for the revision."""
        with self._work.read() as connection:
            revision = connection.execute(sa.select(governance.c.revision)).scalar_one()
            return self.at(int(revision), connection)

    def known(self, revision: int) -> KeyRegister | None:
        """The register of a revision, where it is the one that is kept."""
        register = self._register
        return register if register is not None and register.revision == revision else None

    def at(self, revision: int, connection: sa.Connection) -> KeyRegister:
        """The register of a revision just read in the same transaction."""
        register = self.known(revision)
        if register is not None:
            return register
        with self._lock:
            register = self._register
            if register is None or register.revision != revision:
                register = self._load(connection)
                self._register = register
            return register

    def verifying(self, key: SigningKey) -> VerifyingKey:
        """A registered key as one that verifies."""
        found = self._verifying.get(key.kid)
        if found is None:
            found = self._verifying[key.kid] = VerifyingKey.from_jwk(key.jwk)
        return found

    def _load(self, connection: sa.Connection) -> KeyRegister:
        # The revision is read first: a change committed while the rest is read raises it again.
        revision = connection.execute(sa.select(governance.c.revision)).scalar_one()
        root = repository.find_root(connection)
        keys = repository.keys(connection, root)
        owners = {key.owner for key in keys.values()}
        for key in self.unregistered(owners):
            keys[key.kid] = key
        return KeyRegister(int(revision), keys, root)

    def unregistered(self, owners: set[str]) -> Sequence[SigningKey]:
        """The keys of the folder whose owners are not among those."""
        found = []
        for owner, place in self.opener.found().items():
            if owner not in owners:
                signer = self._open(place)
                found.append(_unregistered(owner, place, signer))
        return found

    def _open(self, place: KeyPlace) -> Signer:
        signer = self._opened.get(place)
        if signer is None:
            signer = self._opened[place] = self.opener.open(place)
        return signer


def _active(register: KeyRegister, owner: str) -> SigningKey:
    key = register.find_active(owner)
    if key is None:
        raise KeyFault(
            "no-active-key",
            "没有可用的签名密钥，请先执行 yici key rotate",
            "there is no key to sign with: run `yici key rotate`",
        )
    return key


_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_ALWAYS: Final = KeyEvent("activated", _LONG_AGO, "", _LONG_AGO, "")


def _unregistered(owner: str, place: KeyPlace, signer: Signer) -> SigningKey:
    return SigningKey(
        signer.kid, owner, signer.public_jwk(), place, None, (_ALWAYS,), registered=False
    )
