"""A server that dies by ``os._exit`` at one chosen act. Run by test_named_points.

Reads the hub's settings from the environment. Arguments: the act, and the instant its clock
stands at. Prints its port, then serves until it dies.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO

from certstore.keys import Signer
from certstore.objects import ObjectRef, ObjectStore
from exchange.access import Access
from exchange.audit.log import Appended, Log
from exchange.audit.records import PreparedRecord
from exchange.cases.service import Cases
from exchange.governance.snapshot import Governance
from exchange.hub import Hub, build_hub, object_store
from exchange.lookups.batch import LookupBatches
from exchange.settings import load_settings
from tests.hub import AnsweringWith, SetClock, serving

DEAD = 7


class MortalLog(Log):
    """Dies before a record is written, or when all is written but not committed."""

    def __init__(self, log: Log, act: str) -> None:
        self._inner = log
        self._act = act
        self.origin = log.origin

    def append(self, cursor: Any, records: Sequence[PreparedRecord], now: datetime) -> Appended:
        if self._act == "before-insert":
            os._exit(DEAD)
        appended = self._inner.append(cursor, records, now)
        if self._act == "before-commit":
            os._exit(DEAD)
        return appended


class MortalSigner:
    """Dies when it should sign: everything is committed, nothing was answered."""

    def __init__(self, signer: Signer) -> None:
        self.alg = signer.alg
        self.kid = signer.kid

    def sign(self, message: bytes) -> bytes:
        os._exit(DEAD)


class MortalStore:
    """Dies when an object is kept."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, content: bytes | BinaryIO, media_type: str) -> ObjectRef:
        self._store.put(content, media_type)
        os._exit(DEAD)


def mortal(hub: Hub, act: str) -> Hub:
    """The hub with the one part exchanged that dies at this act."""
    governance = Governance()
    access = Access(governance, hub.work)
    settings = hub.settings
    if act == "after-object":
        store: Any = MortalStore(object_store(settings))
        cases = Cases(
            hub.work, governance, access, hub.clock, store,
            holder_hmac_key=settings.holder_key_bytes,
        )  # fmt: skip
        return replace(hub, cases=cases)
    signer: Any = MortalSigner(hub.keys.answers) if act == "after-commit" else hub.keys.answers
    lookups = LookupBatches(
        hub.engine, governance, MortalLog(hub.log, act), AnsweringWith(hub.keys, signer),
        hub.clock,
        issuer=settings.public_url, holder_hmac_key=settings.holder_key_bytes,
        most_waiting=settings.queue_max_lookups,
    )  # fmt: skip
    return replace(hub, lookups=lookups)


def main() -> None:
    act, at = sys.argv[1:]
    clock = SetClock(datetime.fromisoformat(at))
    hub = mortal(build_hub(load_settings(), clock, durable=False), act)
    with serving(hub) as url:
        print(url, flush=True)  # noqa: T201  # how the test learns where it is
        threading.Event().wait(60)


if __name__ == "__main__":
    main()
