"""The root at work: it certifies departments' keys, and takes that back.

Where the root's key lies elsewhere, on a machine without a network, requests go there as PKCS #10
files, certificates and revocation lists come back as files, and are checked before they count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography import x509

from certstore.certificate_path import check_crl, check_path
from certstore.certification import (
    Revoked,
    certify,
    department_of,
    make_crl,
    make_request,
    make_root,
)
from certstore.errors import KeyFault
from certstore.keys import Signer
from exchange.clock import Clock
from exchange.errors import BadRequest, Conflict
from exchange.keyring.changing import Change, Happening, KeyChanges, get, not_from
from exchange.keyring.records import OWN, Event, KeyPlace, KeyRegister, Root, SigningKey
from exchange.keyring.service import Keyring
from exchange.unit_of_work import UnitOfWork

ROOT_DAYS: Final = 20 * 365
KEY_DAYS: Final = 3 * 365
CRL_DAYS: Final = 90
ELSEWHERE: Final = "elsewhere"
ROOT_PLACES: Final[Mapping[str, KeyPlace]] = {
    "file": KeyPlace("file", "root"),
    "pkcs11": KeyPlace("pkcs11", "yici-root"),
}


class Certifying:
    """What the root does; ``crl_url`` is where its revocation list is published."""

    def __init__(self, changes: KeyChanges, *, crl_url: str) -> None:
        self.changes = changes
        self._keyring = changes.keyring
        self._crl_url = crl_url

    def prepare(self, name: str, *, kind: str = "file") -> tuple[Root, list[SigningKey]]:
        """Register what lies in the folder, make a root of that name unless there is one, and
        have it certify what it has not yet. The root, and the keys certified.

        Where the root's key lies elsewhere, nothing is certified.
        """
        self.changes.take_up()
        root = self._keyring.current().root or self.make_root(name, kind=kind)
        return root, [] if root.place.kind == ELSEWHERE else self.certify_all()

    def make_root(self, name: str, *, kind: str = "file") -> Root:
        """Make the root's key and take the root into use, with an empty revocation list.

        Raises:
            Conflict: there is a root.
            KeyFault, CertificationFault: the key cannot be made; the name does not fit.
        """
        self._no_root_yet(self._keyring.current())
        place = ROOT_PLACES[kind]
        signer = self._root_key(place)
        now = self.changes.now()
        certificate = make_root(
            signer, name=name, valid_from=now, valid_until=now + timedelta(days=ROOT_DAYS)
        )
        return self._take(Root(1, certificate, place), _list(certificate, signer, (), 1, now))

    def register_root(
        self, certificate: x509.Certificate, crl: x509.CertificateRevocationList
    ) -> Root:
        """Take a root into use whose key lies elsewhere, with its first revocation list.

        Raises:
            Conflict: there is a root.
            CertificationFault: the list is not the root's, or not current.
        """
        check_crl(crl, certificate, at=self.changes.now())
        return self._take(Root(1, certificate, KeyPlace(ELSEWHERE, "-")), crl)

    def certify(self, kid: str) -> x509.Certificate:
        """Have the root certify a department's key, again where its certificate runs out.

        Raises:
            BadRequest: there is no such key, or it is the hub's own.
            Conflict: there is no root, its key lies elsewhere, or the key is no longer in use.
            KeyFault, CertificationFault: a key cannot be opened; a name does not fit.
        """
        self.changes.take_up()
        register = self._keyring.current()
        root = self._root_here(register)
        signer = self._keyring.opener.open(root.place)
        key = get(register, kid)
        certificate = self._certified(root, signer, key)
        self.changes.apply(lambda _: (Change(certificates=[(key, certificate)]), None))
        return certificate

    def request(self, kid: str) -> x509.CertificateSigningRequest:
        """A request for a root that lies elsewhere. Raises like :meth:`certify`."""
        self.changes.take_up()
        return self._request(get(self._keyring.current(), kid))

    def _certified(self, root: Root, signer: Signer, key: SigningKey) -> x509.Certificate:
        now = self.changes.now()
        return certify(
            root.certificate,
            signer,
            self._request(key),
            department=key.owner,
            name=self.changes.name_of(key.owner),
            valid_from=now,
            valid_until=min(now + timedelta(days=KEY_DAYS), root.certificate.not_valid_after_utc),
            crl_url=self._crl_url,
        )

    def _request(self, key: SigningKey) -> x509.CertificateSigningRequest:
        if key.owner in OWN:
            raise BadRequest(
                "根证书只认证部门的密钥。", "The root certifies departments' keys alone."
            )
        if key.state not in ("made", "active"):
            raise not_from(key, "made", "active")
        signer = self._keyring.opener.open(key.place)
        return make_request(signer, department=key.owner, name=self.changes.name_of(key.owner))

    def install(self, certificate: x509.Certificate) -> SigningKey:
        """Keep a certificate that came from a root elsewhere.

        Raises:
            BadRequest: it is for no key of this hub, or for another department.
            CertificationFault: it does not lead to the root.
        """
        self.changes.take_up()

        def decide(register: KeyRegister) -> tuple[Change, SigningKey]:
            root = _get_root(register)
            check_path([certificate], [root.certificate], at=self.changes.now(), crl=root.crl)
            for key in register.keys.values():
                if self._keyring.verifying(key).public_key == certificate.public_key():
                    if key.owner != department_of(certificate.subject):
                        break
                    return Change(certificates=[(key, certificate)]), key
            raise BadRequest(
                "证书不属于本枢纽该部门的密钥。",
                "The certificate is for no key that this hub has for that department.",
            )

        return self.changes.apply(decide)

    def make(self, owner: str, *, kind: str = "file") -> SigningKey:
        """Make a key, and certify it where the root is at hand; it signs nothing yet.

        Raises like :meth:`KeyChanges.make` and :meth:`certify`.
        """
        key = self.changes.make(owner, kind=kind)
        root = self._keyring.current().root
        if owner not in OWN and root is not None and root.place.kind != ELSEWHERE:
            self.certify(key.kid)
        return key

    def rotate(self, owner: str, *, kind: str = "file") -> SigningKey:
        """Make a key and take it into use. Raises like :meth:`make`."""
        return self.changes.activate(self.make(owner, kind=kind).kid)

    def certify_all(self) -> list[SigningKey]:
        """Certify every department's active key that has no certificate yet; those certified."""
        register = self._keyring.current()
        waiting = [
            key
            for key in register.keys.values()
            if key.registered
            and key.owner not in OWN
            and key.state == "active"
            and key.certificate is None
        ]
        if waiting:
            root = self._root_here(register)
            signer = self._keyring.opener.open(root.place)
            certified = [(key, self._certified(root, signer, key)) for key in waiting]
            self.changes.apply(lambda _: (Change(certificates=certified), None))
        return waiting

    def compromised(self, kid: str, *, since: datetime, reason: str) -> SigningKey:
        """Declare that a key may have been in other hands since a moment.

        Said again with an earlier moment, that one counts.

        Raises:
            BadRequest: there is no such key, or the moment is in the future.
            Conflict: it was declared from an earlier moment already.
        """
        now = self.changes.now()
        if since > now:
            raise BadRequest("时间在将来。", "The moment is in the future.")
        self.changes.take_up()

        def decide(register: KeyRegister) -> tuple[Change, SigningKey]:
            key = get(register, kid)
            if key.compromised_from is not None and key.compromised_from <= since:
                raise not_from(key, "made", "active", "retired")
            return self._taken_back(register, [(key, "compromised", since, reason)], now), key

        return self.changes.apply(decide)

    def cut_off(self, department: str, *, reason: str) -> Sequence[SigningKey]:
        """Trust nothing any more that a department's keys ever signed. A key made for it later
        may be certified again.

        Raises:
            Conflict: it has no key that is not cut off already.
        """
        now = self.changes.now()
        self.changes.take_up()

        def decide(register: KeyRegister) -> tuple[Change, Sequence[SigningKey]]:
            keys = [key for key in register.of(department) if key.cut_off_at is None]
            if department in OWN or not keys:
                raise Conflict(
                    "该部门没有尚受信任的密钥。", "The department has no key that is trusted."
                )
            happening: list[Happening] = [(key, "cut-off", now, reason) for key in keys]
            return self._taken_back(register, happening, now), keys

        return self.changes.apply(decide)

    def publish_crl(self) -> x509.CertificateRevocationList:
        """Sign the revocation list anew, before the last one runs out. Raises Conflict."""

        def decide(register: KeyRegister) -> tuple[Change, x509.CertificateRevocationList]:
            self._root_here(register)
            change = self._taken_back(register, (), self.changes.now())
            assert change.crl is not None  # noqa: S101  # the root is here
            return change, change.crl

        return self.changes.apply(decide)

    def install_crl(self, crl: x509.CertificateRevocationList) -> None:
        """Publish a list that came from a root elsewhere.

        Raises:
            BadRequest: it leaves out what was revoked, or is older than the one published.
            CertificationFault: it is not the root's, or not current.
        """

        def decide(register: KeyRegister) -> tuple[Change, None]:
            root = _get_root(register)
            check_crl(crl, root.certificate, at=self.changes.now())
            listed = {each.serial_number for each in crl}
            if not {each.serial for each in revocations(register)} <= listed:
                raise BadRequest(
                    "吊销列表缺少应列入的证书。", "The list leaves out what was revoked."
                )
            if _number(crl) <= _number(root.crl):
                raise BadRequest(
                    "吊销列表的序号不大于已发布的。",
                    "The list is not newer than the one published.",
                )
            return Change(crl=crl), None

        self.changes.apply(decide)

    def _take(self, root: Root, crl: x509.CertificateRevocationList) -> Root:
        def decide(register: KeyRegister) -> tuple[Change, Root]:
            self._no_root_yet(register)
            return Change(root=root, crl=crl), root

        return self.changes.apply(decide)

    def _taken_back(
        self, register: KeyRegister, happening: Sequence[Happening], now: datetime
    ) -> Change:
        """What is written of it, with a new list where the root's key is at hand."""
        root = register.root
        if root is None or root.place.kind == ELSEWHERE:
            return Change(events=happening)
        signer = self._keyring.opener.open(root.place)
        lines = revocations(register, happening)
        crl = _list(root.certificate, signer, lines, _number(root.crl) + 1, now)
        return Change(events=happening, crl=crl)

    def _root_here(self, register: KeyRegister) -> Root:
        root = _get_root(register)
        if root.place.kind == ELSEWHERE:
            raise Conflict(
                "根密钥不在本机：请用 yici key request 导出申请文件，再用 install 收取。",
                "The root's key is elsewhere: export a request, then install what comes back.",
            )
        return root

    def _root_key(self, place: KeyPlace) -> Signer:
        try:
            # Made before, and not written down: the process ended in between.
            return self._keyring.opener.open(place)
        except KeyFault as fault:
            if fault.code != "key-missing":
                raise
        return self._keyring.opener.make_at(place)

    @staticmethod
    def _no_root_yet(register: KeyRegister) -> None:
        if register.root is not None:
            raise Conflict("已有根证书。", "There is a root already.")


def certifying(
    work: UnitOfWork[Any, Any], clock: Clock, keyring: Keyring, public_url: str, *, by: str
) -> Certifying:
    """The root of a hub at work for an operator."""
    changes = KeyChanges(work, clock, keyring, by=by)
    return Certifying(changes, crl_url=f"{public_url.rstrip('/')}/v1/crl")


def revocations(register: KeyRegister, happening: Sequence[Happening] = ()) -> list[Revoked]:
    """What a revocation list has to name, with what is about to be written down."""
    told: dict[str, dict[Event, datetime]] = {}
    for key in register.keys.values():
        for event in key.events:
            _earliest(told, key.kid, event.event, event.effective_at)
    for key, kind, at, _ in happening:
        _earliest(told, key.kid, kind, at)
    lines = []
    for key in register.keys.values():
        for certificate in key.certificates:
            line = _line(certificate.serial_number, told.get(key.kid, {}))
            lines += [line] if line is not None else []
    return lines


def next_number(register: KeyRegister) -> int:
    """The number of the next revocation list."""
    return _number(_get_root(register).crl) + 1


def _earliest(told: dict[str, dict[Event, datetime]], kid: str, event: Event, at: datetime) -> None:
    known = told.setdefault(kid, {})
    known[event] = min(at, known.get(event, at))


def _line(serial: int, told: Mapping[Event, datetime]) -> Revoked | None:
    if "cut-off" in told:
        return Revoked(serial, told["cut-off"], "cut-off")
    if "compromised" in told:
        return Revoked(serial, told["compromised"], "compromised", told["compromised"])
    return None


def _list(
    root: x509.Certificate, signer: Signer, lines: Sequence[Revoked], number: int, now: datetime
) -> x509.CertificateRevocationList:
    return make_crl(
        root, signer, lines, number=number, issued_at=now, next_at=now + timedelta(days=CRL_DAYS)
    )


def _number(crl: x509.CertificateRevocationList | None) -> int:
    if crl is None:
        return 0
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0


def _get_root(register: KeyRegister) -> Root:
    if register.root is None:
        raise Conflict(
            "尚无根证书，请先执行 yici key root。", "There is no root: run `yici key root` first."
        )
    return register.root
