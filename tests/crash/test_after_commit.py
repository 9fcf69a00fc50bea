"""What fails after COMMIT is never done a second time."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg2

from certstore.keys import Signer
from exchange.access import Caller
from exchange.departments.records import SCOPES
from exchange.governance.snapshot import Governance
from exchange.lookups.batch import LookupBatches
from exchange.lookups.schemas import LookupIn
from tests.conftest import Database
from tests.hub import HEALTH, AnsweringWith, Served
from tests.lookups.asking import lookup


class KeyGone(Exception):
    """The key cannot be used."""


class Unable:
    """A signer whose key is gone."""

    def __init__(self, signer: Signer) -> None:
        self.alg = signer.alg
        self.kid = signer.kid

    def sign(self, message: bytes) -> bytes:
        raise KeyGone


def batches(served: Served, signer: Any) -> LookupBatches:
    hub = served.hub
    return LookupBatches(
        hub.engine, Governance(), hub.log, AnsweringWith(hub.keys, signer), hub.clock,
        issuer=hub.settings.public_url, holder_hmac_key=hub.settings.holder_key_bytes,
        most_waiting=hub.settings.queue_max_lookups,
    )  # fmt: skip


def test_lookups_that_were_committed_but_cannot_be_signed_are_logged_once(
    served: Served, database: Database
) -> None:
    holder = served.issue_licence()
    lookups = batches(served, Unable(served.hub.keys.answers))
    caller = Caller("system", HEALTH, HEALTH, SCOPES, key="k")
    asked = LookupIn.model_validate(lookup(holder))

    async def ask_together() -> list[Any]:
        waiting = [
            asyncio.create_task(lookups.answer(caller, (asked,), f"{n}".encode())) for n in range(3)
        ]
        await asyncio.sleep(0)  # all three are queued before the thread takes them as one batch
        lookups.start()
        return await asyncio.gather(*waiting, return_exceptions=True)

    outcomes = asyncio.run(ask_together())
    lookups.stop()
    assert [type(each) for each in outcomes] == [KeyGone] * 3
    with psycopg2.connect(database.superuser_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_records WHERE kind = 'lookup'")
        assert cursor.fetchone() == (3,)
    connection.close()
