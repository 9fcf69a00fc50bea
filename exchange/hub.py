"""The hub put together: every room's service with what it needs, built once per process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from certstore.objects import ObjectStore
from exchange.access import Access
from exchange.applicants.service import Applicants
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
from exchange.certificates.service import Certificates
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


def build_hub(settings: Settings, clock: Clock) -> Hub:
    """Put a hub together. Nothing is connected to yet.

    Raises:
        SettingsFault: the keys cannot be used.
    """
    log_key = load_log_key(
        settings.keys_dir, settings.keys_passphrase.get_secret_value(), settings.log_origin
    )
    engine = make_engine(settings.database_url.get_secret_value())
    log = Log(settings.log_origin, log_key)
    work: UnitOfWork[Any, Any] = UnitOfWork(engine, log, clock)
    keys = Keyring(work, KeyOpener.of(settings), log_key)
    governance = Governance()
    access = Access(governance, work)
    publishing = Publishing(work, governance)
    issuer = settings.public_url.rstrip("/")
    holder_key = settings.holder_key_bytes
    certificates = Certificates(work, access, clock, keys, Places(issuer), holder_key)
    objects = object_store(settings)
    foreign_issuers = ForeignIssuers(work, f"{issuer}/")
    certificates.verifications.know_also(
        documents=is_document,
        imported=is_imported,
        elsewhere=foreign_issuers.trusted,
    )
    return Hub(
        settings=settings,
        clock=clock,
        engine=engine,
        work=work,
        keys=keys,
        log=log,
        access=access,
        tokens=Tokens(
            work,
            governance,
            clock,
            keys,
            issuer=issuer,
            seconds=settings.access_token_seconds,
            holder_hmac_key=holder_key,
        ),
        publishing=publishing,
        items=Items(work, access),
        certificate_types=CertificateTypes(publishing, access),
        certificates=certificates,
        registers=Registers(work, clock),
        cases=Cases(work, governance, access, clock, objects, holder_hmac_key=holder_key),
        authorizations=Authorizations(work, governance, access, clock, keys, issuer=issuer),
        applicants=Applicants(work, governance),
        lookups=LookupBatches(
            engine,
            governance,
            log,
            keys,
            clock,
            issuer=issuer,
            holder_hmac_key=holder_key,
            most_waiting=settings.queue_max_lookups,
        ),
        documents=Documents(
            work,
            access,
            clock,
            objects,
            Maker(
                keys,
                fonts=settings.fonts_dir,
                looks=settings.looks_dir,
                seals=settings.seals_dir,
                stamps=settings.timestamp_url,
            ),
            public_url=issuer,
        ),
        presentations=Presentations(work, access, clock, certificates, key=holder_key),
        binding=Binding(work, clock, certificates, keys, Nonces(holder_key), audience=issuer),
        audit=Audit(work, access),
        bulk=Bulk(
            work,
            access,
            clock,
            objects,
            holder_hmac_key=holder_key,
            max_bytes=settings.bulk_max_bytes,
        ),
        foreign_issuers=foreign_issuers,
        objects=objects,
        linked=Linked(objects, signed_links(settings), clock),
        store_check=StoreCheck(work, clock, objects, NAMED),
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
