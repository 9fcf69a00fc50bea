"""A process that dies by `os._exit` at one chosen act of issuing. Run by test_issuing.

Arguments: database URL, keys folder, passphrase, the act (`before-signing`, `after-signing`,
`after-commit`), and in which chunk.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import Future
from pathlib import Path

from certstore.keys import load_signer
from certstore.types import load_types
from exchange.audit.log import Log
from exchange.certificates import issuing as issuing_module
from exchange.certificates.chunks import Chunk, SignedChunk
from exchange.certificates.issuing import Issuing
from exchange.certificates.places import Places
from exchange.certificates.signing import SigningHere
from exchange.clock import SystemClock
from exchange.database import make_engine
from exchange.departments.records import Department
from exchange.keys import load_log_key
from exchange.unit_of_work import UnitOfWork
from tests.certificates.rows import enterprise
from tests.hub import MARKET

ROWS = 2500
DEAD = 7


class MortalSigning(SigningHere):
    """Signs, and ends the process at its hour."""

    act = ""
    chunk = 0
    seen = 0

    def submit(self, chunk: Chunk) -> Future[SignedChunk]:
        self.seen += 1
        if self.act == "before-signing" and self.seen == self.chunk:
            os._exit(DEAD)
        signed = super().submit(chunk)
        if self.act == "after-signing" and self.seen == self.chunk:
            os._exit(DEAD)
        return signed


def main() -> None:
    url, folder, passphrase, act, number = sys.argv[1:]
    log_key = load_log_key(Path(folder), passphrase, "hub.test/log")
    work = UnitOfWork(make_engine(url), Log("hub.test/log", log_key), SystemClock())
    issuing_module.CHUNK = 1000  # type: ignore[misc]
    issuing = Issuing(work, SystemClock(), Places("http://hub.test"), bytes.fromhex("5a" * 32))
    signing = MortalSigning(
        load_signer(Path(folder) / "issuers" / f"{MARKET}.pem", passphrase.encode())
    )
    signing.act, signing.chunk = act, int(number)
    rows = [enterprise(n) for n in range(1, ROWS + 1)]
    chunks = issuing.issue(
        Department(MARKET, "部门0", "Department 0"),
        load_types()["business-licence"],
        sorted(rows, key=lambda row: row.serial),
        signing=signing,
    )
    for done, _ in enumerate(chunks, 1):
        if act == "after-commit" and done == int(number):
            os._exit(DEAD)


if __name__ == "__main__":
    main()
