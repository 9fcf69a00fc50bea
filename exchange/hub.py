"""The hub put together: every room's service with what it needs, built once per process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from certstore.objects import ObjectStore
from exchange.access import Access
from exchange.applicants.service import Applicants
from exchange.audit.gate import LogGate
from exchange.audit.log import Log
from exchange.audit.service import Audit
from exchange.authorizations.service import Authorizations
from exchange.bulk.foreign import ForeignIssuers
from exchange.bulk.service import Bulk
from exchange.bulk.tables import bulk_files, bulk_objects
from exchange.cases.service import Cases
from exchange.cases.tables import materials
from exchange.certificate_types.service import CertificateTypes
from exchange.certificates.places import Places
from exchange.certificates.public import PublicAnswers
from exchange.certificates.service import Certificates
from exchange.certificates.visitors import Visitors, networks
from exchange.clock import Clock, SystemClock
from exchange.database import make_engine, unsafe_for_evidence
from exchange.documents.making import Maker
from exchange.documents.service import Documents
from exchange.documents.tables import documents
from exchange.errors import SettingsFault
from exchange.governance.service import Publishing
from exchange.governance.snapshot import Governance
from exchange.items.service import Items
from exchange.keyring.certifying import certifying
from exchange.keyring.opening import KeyOpener
from exchange.keyring.records import SigningKey
from exchange.keyring.service import Keyring
from exchange.keys import load_log_key
from exchange.lookups.batch import LookupBatches
from exchange.migrating import missing_migrations
from exchange.presentations.binding import Binding
from exchange.presentations.nonces import Nonces
from exchange.presentations.recalling import is_document, is_imported
from exchange.presentations.service import Presentations
from exchange.registers.service import Registers
from exchange.settings import Settings, load_settings
from exchange.stores.checking import StoreCheck
from exchange.stores.named import NamesObjects, ObjectColumns
from exchange.stores.opening import check_store, signed_links
from exchange.stores.opening import object_store as object_store
from exchange.stores.service import Linked
from exchange.tokens.service import Tokens
from exchange.unit_of_work import UnitOfWork
from exchange.witnessing import Witnessing, configure

NAMED: tuple[NamesObjects, ...] = (
    ObjectColumns(materials.c.sha256, materials.c.size, materials.c.media_type),
    ObjectColumns(
        documents.c.sha256,
        documents.c.size,
        documents.c.media_type,
        retain_until=documents.c.retain_until,
    ),
    ObjectColumns(bulk_files.c.sha256, bulk_files.c.size),
    ObjectColumns(bulk_objects.c.sha256, bulk_objects.c.size, bulk_objects.c.media_type),
)
"""Every table whose rows name objects of the store; `yici check-store` asks them all."""


@dataclass(frozen=True, slots=True)
class Hub:
    """What routes and commands reach the rooms through."""

    settings: Settings
    clock: Clock
    engine: sa.Engine
    work: UnitOfWork[Any, Any]
    keys: Keyring
    log: Log
    access: Access
    tokens: Tokens
    publishing: Publishing
    items: Items
    certificate_types: CertificateTypes
    certificates: Certificates
    public_answers: PublicAnswers
    registers: Registers
    cases: Cases
    authorizations: Authorizations
    applicants: Applicants
    lookups: LookupBatches
    presentations: Presentations
    documents: Documents
    binding: Binding
    audit: Audit
    bulk: Bulk
    foreign_issuers: ForeignIssuers
    objects: ObjectStore
    linked: Linked
    store_check: StoreCheck
    witnessing: Witnessing
    gate: LogGate


@dataclass(frozen=True, slots=True)
class _Ground:
    """What every room stands on."""

    settings: Settings
    clock: Clock
    engine: sa.Engine
    log: Log
    work: UnitOfWork[Any, Any]
    keys: Keyring
    governance: Governance
    access: Access
    objects: ObjectStore
    witnessing: Witnessing
    gate: LogGate

    @property
    def issuer(self) -> str:
        return self.settings.public_url.rstrip("/")

    @property
    def holder_key(self) -> bytes:
        return self.settings.holder_key_bytes


def build_hub(settings: Settings, clock: Clock, *, durable: bool = True) -> Hub:
    """Put a hub together. Nothing is connected to yet.

    Only tests whose database never syncs turn ``durable`` off.

    Raises:
        SettingsFault: the keys cannot be used.
    """
    on = _ground(settings, clock, durable)
    work, access, governance, objects = on.work, on.access, on.governance, on.objects
    publishing = Publishing(work, governance)
    foreign = ForeignIssuers(work, f"{on.issuer}/")
    certificates = _certificates(on, foreign)
    nonces = Nonces(on.holder_key)
    return Hub(
        settings=settings,
        clock=clock,
        engine=on.engine,
        work=work,
        keys=on.keys,
        log=on.log,
        access=access,
        tokens=_tokens(on),
        publishing=publishing,
        items=Items(work, access),
        certificate_types=CertificateTypes(publishing, access),
        certificates=certificates,
        public_answers=_public_answers(on, certificates),
        registers=Registers(work, clock),
        cases=Cases(work, governance, access, clock, objects, holder_hmac_key=on.holder_key),
        authorizations=Authorizations(work, governance, access, clock, on.keys, issuer=on.issuer),
        applicants=Applicants(work, governance),
        lookups=_lookups(on),
        documents=_documents(on),
        presentations=Presentations(work, access, clock, certificates, key=on.holder_key),
        binding=Binding(work, clock, certificates, on.keys, nonces, audience=on.issuer),
        audit=Audit(work, access, on.holder_key),
        bulk=_bulk(on),
        foreign_issuers=foreign,
        objects=objects,
        linked=Linked(objects, signed_links(settings), clock),
        store_check=StoreCheck(work, clock, objects, NAMED),
        witnessing=on.witnessing,
        gate=on.gate,
    )


def _ground(settings: Settings, clock: Clock, durable: bool) -> _Ground:
    passphrase = settings.keys_passphrase.get_secret_value()
    log_key = load_log_key(settings.keys_dir, passphrase, settings.log_origin)
    engine = make_engine(settings.database_url.get_secret_value())
    log = Log(settings.log_origin, log_key)
    work: UnitOfWork[Any, Any] = UnitOfWork(engine, log, clock)
    governance = Governance()
    witnessing = configure(settings, work, log_key.verifier)
    return _Ground(
        settings=settings,
        clock=clock,
        engine=engine,
        log=log,
        work=work,
        keys=Keyring(work, KeyOpener.of(settings), log_key),
        governance=governance,
        access=Access(governance, work),
        objects=object_store(settings),
        witnessing=witnessing,
        gate=LogGate(witnessing.gate, durable=durable),
    )


def _certificates(on: _Ground, foreign: ForeignIssuers) -> Certificates:
    found = Certificates(on.work, on.access, on.clock, on.keys, Places(on.issuer), on.holder_key)
    found.verifications.know_also(
        documents=is_document, imported=is_imported, elsewhere=foreign.trusted
    )
    return found


def _public_answers(on: _Ground, certificates: Certificates) -> PublicAnswers:
    proxies = networks(on.settings.trusted_proxies)
    visitors = Visitors(on.work, on.clock, on.holder_key, proxies)
    return PublicAnswers(on.work, on.access, on.clock, certificates.verifications, visitors)


def _tokens(on: _Ground) -> Tokens:
    return Tokens(
        on.work,
        on.governance,
        on.clock,
        on.keys,
        issuer=on.issuer,
        seconds=on.settings.access_token_seconds,
        holder_hmac_key=on.holder_key,
    )


def _lookups(on: _Ground) -> LookupBatches:
    return LookupBatches(
        on.engine,
        on.governance,
        on.log,
        on.keys,
        on.clock,
        issuer=on.issuer,
        holder_hmac_key=on.holder_key,
        most_waiting=on.settings.queue_max_lookups,
        gate=on.gate,
    )


def _documents(on: _Ground) -> Documents:
    maker = Maker(
        on.keys,
        fonts=on.settings.fonts_dir,
        looks=on.settings.looks_dir,
        seals=on.settings.seals_dir,
        stamps=on.settings.timestamp_url,
    )
    return Documents(on.work, on.access, on.clock, on.objects, maker, public_url=on.issuer)


def _bulk(on: _Ground) -> Bulk:
    return Bulk(
        on.work,
        on.access,
        on.clock,
        on.objects,
        holder_hmac_key=on.holder_key,
        max_bytes=on.settings.bulk_max_bytes,
    )


def prepare_keys(hub: Hub, *, by: str) -> list[SigningKey]:
    """Register the keys that lie in the folder, make a root unless there is one, and have it
    certify departments' keys; those certified. May be done again: what is there stays."""
    at_work = certifying(hub.work, hub.clock, hub.keys, hub.settings.public_url, by=by)
    kind = "pkcs11" if hub.settings.pkcs11_module else "file"
    host = urlsplit(hub.settings.public_url).hostname or "hub"
    return at_work.prepare(f"一次 {host}"[:64], kind=kind)[1]


def build_from_environment() -> Hub:
    """The hub that the environment describes."""
    return build_hub(load_settings(), SystemClock())


def check_before_serving() -> None:
    """Refuse to start where an answer could not be proven afterwards.

    Raises:
        SettingsFault: settings, schema or the database's own settings do not allow serving.
    """
    hub = build_from_environment()
    try:
        with hub.work.read() as connection:
            if missing_migrations(connection):
                raise SettingsFault(("YICI_DATABASE_URL: run `yici migrate` first",))
            reasons = unsafe_for_evidence(connection)
        if reasons:
            raise SettingsFault(tuple(f"YICI_DATABASE_URL: {reason}" for reason in reasons))
        check_store(hub.objects)
    finally:
        hub.engine.dispose()
