"""The embedded installation's folder: where things stand in it, and its generated secrets.

Everything secret is made here once, at random, and written with mode 0600. Nothing in the
repository knows any of it.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certstore.keys import write_private
from exchange.client.credentials import Credentials, PrivateKey
from exchange.demo.cast import Algorithm, SampleSystem

_KEPT = ("YICI_PUBLIC_URL", "YICI_LOG_ORIGIN", "YICI_KEYS_PASSPHRASE", "YICI_HOLDER_KEY")
_FIRST_PORT = 8120


@dataclass(frozen=True, slots=True)
class Account:
    """A sample applicant's account. ``played``: a run of the story has used, or used up, it."""

    account: str
    password: str = field(repr=False)
    holder_name: str
    played: bool = False


@dataclass(frozen=True, slots=True)
class Installation:
    """One folder with everything: database, objects, keys, registers, and what the story leaves."""

    var: Path

    @property
    def postgres(self) -> Path:
        """The embedded PostgreSQL's folder."""
        return self.var / "postgres"

    @property
    def environment_file(self) -> Path:
        """The settings of the server and the worker; may be sourced by a shell."""
        return self.var / "yici.env"

    @property
    def logs(self) -> Path:
        """What server and worker print."""
        return self.var / "log"

    @property
    def demo(self) -> Path:
        """What the story leaves to look at."""
        return self.var / "demo"

    @property
    def generated(self) -> Path:
        """The registers that the project generates."""
        return self.var / "registers"

    def environment(self) -> dict[str, str]:
        """The settings as they were last written; empty before the first time."""
        if not self.environment_file.exists():
            return {}
        lines = self.environment_file.read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines if line.startswith("YICI_"))

    def write_environment(
        self, *, database_url: str, owner_database_url: str, registers: Path
    ) -> dict[str, str]:
        """Write the settings; what must never change is made once and kept."""
        known = self.environment()
        made = {
            "YICI_PUBLIC_URL": f"http://127.0.0.1:{free_port(_FIRST_PORT)}",
            "YICI_LOG_ORIGIN": f"localhost/yici-{secrets.token_hex(4)}",
            "YICI_KEYS_PASSPHRASE": secrets.token_urlsafe(32),
            "YICI_HOLDER_KEY": secrets.token_hex(32),
        }
        values = {name: known.get(name, made[name]) for name in _KEPT} | {
            "YICI_DATABASE_URL": database_url,
            "YICI_OWNER_DATABASE_URL": owner_database_url,
            "YICI_KEYS_DIR": str(self.var / "keys"),
            "YICI_OBJECTS_DIR": str(self.var / "objects"),
            "YICI_REGISTERS_DIR": str(registers),
            "YICI_LOG_LEVEL": "INFO",
        }
        if values != known:
            text = "".join(f"{name}={value}\n" for name, value in sorted(values.items()))
            write_private(self.environment_file, text.encode())
        return values

    def credentials(self, system: SampleSystem) -> Credentials:
        """The private key of a sample system, made on first use."""
        path = self.demo / "keys" / f"{system.client_id}.pem"
        if not path.exists():
            write_private(path, _new_key(system.algorithm))
        return Credentials.of(path)

    def accounts(self) -> list[Account]:
        """The sample applicants' accounts, the oldest first."""
        path = self.demo / "accounts.json"
        if not path.exists():
            return []
        return [Account(**each) for each in json.loads(path.read_bytes())]

    def account(self, account: str, holder_name: str, *, played: bool) -> Account:
        """The account of that name, made with a random password where there is none."""
        known = {each.account: each for each in self.accounts()}
        made = known.pop(account, Account(account, secrets.token_urlsafe(12), holder_name))
        made = replace(made, played=played or made.played)
        listed = [asdict(each) for each in (*known.values(), made)]
        write_private(
            self.demo / "accounts.json", json.dumps(listed, ensure_ascii=False, indent=1).encode()
        )
        return made


def child_environment(values: Mapping[str, str]) -> dict[str, str]:
    """The surroundings of a child process: ours, without any other YICI_ setting in them."""
    inherited = {name: each for name, each in os.environ.items() if not name.startswith("YICI_")}
    return inherited | dict(values)


@contextmanager
def in_environment(values: Mapping[str, str]) -> Iterator[None]:
    """Within the block this process, too, sees exactly these settings."""
    before = {name: each for name, each in os.environ.items() if name.startswith("YICI_")}
    for name in before:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name, None)
        os.environ.update(before)


def free_port(wanted: int) -> int:
    """The first port from ``wanted`` on that nobody on this machine listens at."""
    for port in range(wanted, wanted + 400):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _new_key(algorithm: Algorithm) -> bytes:
    key: PrivateKey
    if algorithm == "ES256":
        key = generate_private_key(SECP256R1())
    elif algorithm == "EdDSA":
        key = Ed25519PrivateKey.generate()
    else:
        key = generate_rsa(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
