"""What the figures are held against, taken in the same run on the same server.

- ``pgbench``: one indexed SELECT and one INSERT per transaction, 8 clients.
- raw ES256 signatures and verifications of one core.
- the naive design: one transaction per lookup, a hash chain under a row lock.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import psycopg2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from exchange import embedded

ROWS = 10_000
_ES256 = ec.ECDSA(hashes.SHA256())
SCRIPT = """\
\\set n random(1, {rows})
BEGIN;
SELECT content FROM bench_rows WHERE number = :n;
INSERT INTO bench_records (number, body) VALUES (:n, repeat('x', 600));
COMMIT;
"""


def prepare(server: embedded.EmbeddedPostgres) -> None:
    """The tables of pgbench's script and of the naive design."""
    with psycopg2.connect(server.url("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_rows (number int PRIMARY KEY, content text);"
            "INSERT INTO bench_rows SELECT n, repeat('y', 600) FROM generate_series(1, %s) n;"
            "CREATE TABLE bench_records (id bigserial PRIMARY KEY, number int, body text);"
            "CREATE TABLE bench_chain (id int PRIMARY KEY, size bigint, hash bytea);"
            "INSERT INTO bench_chain VALUES (1, 0, '')",
            (ROWS,),
        )
    connection.close()


def pgbench(server: embedded.EmbeddedPostgres, seconds: int, *, protocol: str = "simple") -> float:
    """Transactions per second."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.sql"
        script.write_text(SCRIPT.format(rows=ROWS))
        done = subprocess.run(
            [
                str(embedded.binaries() / "pgbench"), "-n", "-c", "8", "-j", "2", "-T",
                str(seconds), "-M", protocol, "-f", str(script), server.url("postgres"),
            ],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


def naive(server: embedded.EmbeddedPostgres, seconds: float, clients: int = 8) -> float:
    """Lookups per second of one transaction per lookup with a row-locked hash chain, no HTTP."""
    counts = [0] * clients
    until = time.perf_counter() + seconds

    def run(place: int) -> None:
        connection = psycopg2.connect(server.url("postgres"))
        cursor = connection.cursor()
        while time.perf_counter() < until:
            cursor.execute("SELECT content FROM bench_rows WHERE number = %s", (place + 1,))
            body = cursor.fetchone()[0]
            cursor.execute("SELECT size, hash FROM bench_chain WHERE id = 1 FOR UPDATE")
            size, previous = cursor.fetchone()
            link = sha256(bytes(previous) + body.encode()).digest()
            cursor.execute(
                "INSERT INTO bench_records (number, body) VALUES (%s, %s)", (place, body)
            )
            cursor.execute(
                "UPDATE bench_chain SET size = %s, hash = %s WHERE id = 1", (size + 1, link)
            )
            connection.commit()
            counts[place] += 1
        connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def raw_es256(seconds: float) -> tuple[float, float]:
    """Signatures and verifications per second of one core, through the cryptography library."""
    key, data = ec.generate_private_key(ec.SECP256R1()), b"x" * 700
    return _rate(lambda: key.sign(data, _ES256), seconds), _rate(raw_verification(), seconds)


def raw_verification() -> Callable[[], None]:
    """One verification of a signature over 700 bytes."""
    key, data = ec.generate_private_key(ec.SECP256R1()), b"x" * 700
    public, signature = key.public_key(), key.sign(data, _ES256)
    return lambda: public.verify(signature, data, _ES256)


def _rate(act: Callable[[], object], seconds: float) -> float:
    count, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        for _ in range(100):
            act()
        count += 100
    return count / elapsed
