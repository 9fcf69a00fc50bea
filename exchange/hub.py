"""The hub put together: every room's service with what it needs, built once per process."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from certstore.objects import ObjectStore
from exchange.access import Access
from exchange.audit.log import Log
from exchange.authorizations.service import Authorizations
from exchange.cases.service import Cases
from exchange.certificates.service import Certificates
from exchange.clock import Clock
from exchange.governance.service import Publishing
from exchange.governance.snapshot import Governance
from exchange.items.service import Items
from exchange.keys import Keyring
from exchange.lookups.batch import LookupBatches
from exchange.registers.service import Registers
from exchange.settings import Settings
from exchange.tokens.service import Tokens


@dataclass(frozen=True, slots=True)
class Hub:
    """What routes and commands reach the rooms through."""

    settings: Settings
    clock: Clock
    engine: sa.Engine
    keys: Keyring
    log: Log
    governance: Governance
    access: Access
    objects: ObjectStore
    tokens: Tokens
    publishing: Publishing
    items: Items
    certificates: Certificates
    registers: Registers
    cases: Cases
    authorizations: Authorizations
    lookups: LookupBatches


def build_hub(settings: Settings, clock: Clock) -> Hub:
    """Put a hub together.

    Raises:
        SettingsFault: a setting, key or definition cannot be used; all faults at once.
    """
    keys = load_keyring(
        settings.keys_dir, settings.keys_passphrase.get_secret_value(), settings.log_origin
    )
    engine = make_engine(settings.database_url.get_secret_value())
    log = Log(settings.log_origin, keys.log)
    work = UnitOfWork(engine, log, clock)
    governance = Governance(load_types())
    access = Access(governance, work)
    raise NotImplementedError
