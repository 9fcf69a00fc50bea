"""The hub put together: every room's service with what it needs, built once per process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from certstore.objects import ObjectStore
from exchange.access import Access
from exchange.applicants.service import Applicants
from exchange.audit.gate import LogGate
from exchange.audit.log import Log
from exchange.audit.service import Audit
from exchange.authorizations.service import Authorizations
from exchange.cases.service import Cases
from exchange.cases.tables import materials
from exchange.certificate_types.service import CertificateTypes
from exchange.certificates.places import Places
from exchange.certificates.service import Certificates
from exchange.clock import Clock, SystemClock
from exchange.database import make_engine, unsafe_for_evidence
from exchange.errors import SettingsFault
from exchange.governance.service import Publishing
from exchange.governance.snapshot import Governance
from exchange.items.service import Items
from exchange.keyring.opening import KeyOpener
from exchange.keyring.service import Keyring
from exchange.keys import load_log_key
from exchange.lookups.batch import LookupBatches
from exchange.migrating import missing_migrations
from exchange.presentations.binding import Binding
from exchange.presentations.nonces import Nonces
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
    binding: Binding
    audit: Audit
    witnessing: Witnessing
    gate: LogGate
    objects: ObjectStore
    linked: Linked
    store_check: StoreCheck


def build_hub(settings: Settings, clock: Clock, *, durable: bool = True) -> Hub:
    """Put a hub together. Nothing is connected to yet.

    Only tests whose database never syncs turn ``durable`` off.

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
    witnessing = configure(settings, work, log_key.verifier)
    gate = LogGate(witnessing.gate, durable=durable)
    governance = Governance()
    access = Access(governance, work)
    publishing = Publishing(work, governance)
    issuer = settings.public_url.rstrip("/")
    holder_key = settings.holder_key_bytes
    certificates = Certificates(work, access, clock, keys, Places(issuer), holder_key)
    objects = object_store(settings)
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
            gate=gate,
        ),
        presentations=Presentations(work, access, clock, certificates, key=holder_key),
        binding=Binding(work, clock, certificates, keys, Nonces(holder_key), audience=issuer),
        audit=Audit(work, access),
        witnessing=witnessing,
        gate=gate,
        objects=objects,
        linked=Linked(objects, signed_links(settings), clock),
        store_check=StoreCheck(work, clock, objects, NAMED),
    )


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
