"""A hub installed as docs/operations.md has it: PostgreSQL, a real S3 server, its commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

import httpx
import psycopg2
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from certstore.objects import S3Store
from exchange.client import Applicant, Credentials, Holder, Lookup, Operator, Yici
from exchange.client.cases import Request
from exchange.demo import cast
from exchange.demo.registers import Manifest, generate
from exchange.items.definitions import DEFINITIONS
from tests.cases.documents import pdf
from tests.crash.programs import Program, free_port
from tests.crash.standing import wait_for
from tests.deployment.installed import (
    Postgres,
    initialise,
    make_roles,
    psql,
    running,
    surroundings,
    yici,
)
from tests.s3_server import S3Server, running_s3_server

pytestmark = pytest.mark.slow
PLAN = "premises-floor-plan"
LICENCE = "business-licence"
PASSWORD = "a long enough password"


@dataclass(frozen=True)
class Installed:
    """What stands: settings, database, store, and the registers to pull."""

    environment: dict[str, str]
    postgres: Postgres
    s3: S3Server
    manifest: Manifest
    folder: Path


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A new database with its roles, a store; migrated and set up, which makes the bucket with its
    lock; not served."""
    folder = tmp_path_factory.mktemp("installed")
    postgres = initialise(folder / "postgres")
    with running_s3_server(folder / "s3") as s3, running(postgres):
        make_roles(postgres)
        environment = {
            "YICI_DATABASE_URL": postgres.url("yici_app"),
            "YICI_PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
            "YICI_KEYS_DIR": str(folder / "keys"),
            "YICI_KEYS_PASSPHRASE": token_hex(32),
            "YICI_HOLDER_KEY": token_hex(32),
            "YICI_LOG_ORIGIN": "hub.test/log",
            "YICI_S3_ENDPOINT": s3.endpoint,
            "YICI_S3_BUCKET": "yici",
            "YICI_S3_ACCESS_KEY": s3.access_key,
            "YICI_S3_SECRET_KEY": s3.secret_key,
            "YICI_S3_SECURE": "false",
            "YICI_REGISTERS_DIR": str(folder / "registers"),
            "YICI_LOG_LEVEL": "warning",
        }
        owner = {"YICI_OWNER_DATABASE_URL": postgres.url("yici_owner")}
        early = yici("serve", environment=environment)
        assert early.returncode == 2, "nothing is served before it is migrated and set up"
        for command, more in (("migrate", owner), ("setup", {}), ("migrate", owner), ("setup", {})):
            done = yici(command, environment=environment | more)
            assert done.returncode == 0, done.stderr
        yield Installed(environment, postgres, s3, generate(folder / "registers"), folder)


@pytest.fixture(scope="module")
def keys(installed: Installed) -> dict[str, Credentials]:
    """Departments, items and systems, registered by commands. The systems' private keys."""
    made = {}
    for department in (cast.CENTRE, cast.HEALTH):
        names = ("--zh", department.name_zh, "--en", department.name_en)
        run(installed, "department", department.code, *names)
    for definition in sorted(DEFINITIONS.glob("*.toml")):
        run(installed, "item", str(definition))
    for system in (cast.MARKET_SYSTEM, cast.CENTRE_SYSTEM, cast.HEALTH_SYSTEM):
        made[system.client_id] = Credentials.of(generate_private_key(SECP256R1()))
        jwks = installed.folder / f"{system.client_id}.json"
        jwks.write_text(json.dumps({"keys": [made[system.client_id].public_jwk()]}))
        scopes = [word for scope in sorted(system.scopes) for word in ("--scope", scope)]
        run(
            installed, "system", "add", system.client_id, "--department", system.department.code,
            "--name", system.name, "--jwks", str(jwks), *scopes,
        )  # fmt: skip
    holder = installed.manifest.enterprises.holders[0]
    answers = f"{holder.holder_id}\n{PASSWORD}\n{PASSWORD}\n"
    who = ("--id-type", holder.holder_id_type, "--name", holder.holder_name)
    run(installed, "applicant", "account", *who, stdin=answers)
    return made


@pytest.fixture(scope="module")
def url(installed: Installed, keys: dict[str, Credentials]) -> Iterator[str]:
    """The address at which two processes serve, beside a worker."""
    address = installed.environment["YICI_PUBLIC_URL"]
    environment = surroundings(installed.environment) | {"TMPDIR": str(installed.folder)}
    server = Program(
        "serve", "--port", address.rpartition(":")[2], "--processes", "2",
        environment=environment, log=installed.folder / "server.log",
    )  # fmt: skip
    worker = Program("worker", environment=environment, log=installed.folder / "worker.log")
    server.start()
    worker.start()
    try:
        wait_for(lambda: is_ready(address), "the server is ready", server)
        yield address
        assert server.stop() == worker.stop() == 0, "SIGTERM ends both in order"
    finally:
        server.kill()
        worker.kill()


def run(installed: Installed, *arguments: str, stdin: str = "") -> str:
    done = yici(*arguments, environment=installed.environment, stdin=stdin)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def test_one_upload_serves_two_departments_and_a_lookup_is_proven(
    installed: Installed, keys: dict[str, Credentials], url: str
) -> None:
    def system(name: str) -> Yici:
        return Yici(url, client_id=name, key=keys[name])

    holder = installed.manifest.enterprises.holders[0]
    clerk, who = Operator("w1", "窗口", "综合窗口"), Holder("001", holder.holder_id)
    with system("market-register") as market:
        pull = market.pull_register("market-regulator")
        wait_for(lambda: market.pull("market-regulator", pull.id).finished, "the pull is done")
        assert (
            market.pull("market-regulator", pull.id).issued == installed.manifest.enterprises.clean
        )

    items = {path.stem: path for path in DEFINITIONS.glob("*.toml")}
    assert len(items) >= 3
    content = pdf("floor plan")
    with (
        system("centre-approval") as centre,
        system("health-approval") as health,
        Applicant.sign_in(url, "account", PASSWORD) as applicant,
    ):
        codes = {item["department"]: str(item["code"]) for item in centre.items()}
        first = centre.open_case(codes[cast.CENTRE.code], "C-1", who, clerk)
        document, _ = applicant.upload(
            first.id, PLAN, content, file_name="plan.pdf", media_type="application/pdf"
        )
        second = health.open_case(codes[cast.HEALTH.code], "H-1", who, clerk)
        [asked] = health.request_authorizations(second.id, [Request(PLAN)])
        granted = applicant.grant(asked.id)
        shared = health.attach_document(second.id, PLAN, document.id, granted.id)
        assert shared.get_line(PLAN).how == "shared"
        assert health.read_document(second.id, PLAN) == content

        fields = ["name", "credit_code"]
        found = health.look_up(
            Lookup(
                LICENCE, fields, who, item=second.item, case="H-1", basis="statutory",
                operator=clerk,
            )
        )  # fmt: skip
        assert [each.fields["name"] for each in found.certificates] == [holder.holder_name]

    store = S3Store(
        installed.s3.endpoint, installed.s3.access_key, installed.s3.secret_key, "yici",
        secure=False,
    )  # fmt: skip
    assert list(store) == [sha256(content).hexdigest()], "the document is in S3, once"
    assert store.get(document.sha256) == content
    assert "日志完好" in run(installed, "audit", "verify")
    assert "nothing found" in run(installed, "check-store")


def test_a_bucket_without_object_lock_is_refused_at_start(installed: Installed) -> None:
    refused = yici("serve", environment=installed.environment | {"YICI_S3_BUCKET": "nowhere"})
    assert refused.returncode == 2
    assert "YICI_S3_BUCKET" in refused.stderr and "yici setup" in refused.stderr


def test_a_check_of_a_store_that_is_not_there_could_not_run(installed: Installed) -> None:
    gone = {"YICI_S3_ENDPOINT": "127.0.0.1:1"}
    failed = yici("check-store", environment=installed.environment | gone)
    assert failed.returncode == 2
    assert "unavailable" in failed.stderr and "Traceback" not in failed.stderr


def test_a_system_of_an_unknown_department_is_refused_in_a_sentence(
    installed: Installed, keys: dict[str, Credentials]
) -> None:
    jwks = installed.folder / "centre-approval.json"
    refused = yici(
        "system", "add", "x", "--department", cast.CULTURE.code, "--name", "x",
        "--jwks", str(jwks), "--scope", "cases", environment=installed.environment,
    )  # fmt: skip
    assert refused.returncode == 2
    assert "not registered" in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.parametrize("right", ["UPDATE", "DELETE", "TRUNCATE"])
def test_a_role_that_may_change_evidence_is_refused_at_start(
    installed: Installed, right: str
) -> None:
    psql(installed.postgres, f"GRANT {right} ON audit_records, certificates TO yici_app")
    try:
        refused = yici("serve", environment=installed.environment)
    finally:
        psql(installed.postgres, f"REVOKE {right} ON audit_records, certificates FROM yici_app")
    assert refused.returncode == 2
    named = [line for line in refused.stderr.splitlines() if f"has {right} on" in line]
    assert len(named) == 2, refused.stderr


def test_the_application_cannot_change_the_schema_or_the_log(installed: Installed) -> None:
    for statement in (
        "UPDATE audit_records SET body = ''",
        "DELETE FROM certificate_events",
        "TRUNCATE authorization_uses",
        "DROP TABLE audit_tiles",
        "CREATE TABLE mine (id integer)",
        "ALTER TABLE audit_records DISABLE TRIGGER ALL",
        "CREATE SCHEMA mine",
    ):
        connection = psycopg2.connect(installed.postgres.url("yici_app"))
        with pytest.raises(psycopg2.errors.InsufficientPrivilege), connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()


def test_everything_missing_is_named_at_once() -> None:
    refused = yici("serve", environment={})
    assert refused.returncode == 2
    for name in ("DATABASE_URL", "PUBLIC_URL", "KEYS_DIR", "KEYS_PASSPHRASE", "HOLDER_KEY",
                 "LOG_ORIGIN"):  # fmt: skip
        assert f"YICI_{name}" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_no_value_of_a_wrong_setting_is_repeated(installed: Installed) -> None:
    wrong = {"YICI_HOLDER_KEY": "secret-but-no-hex", "YICI_DATABASE_URL": "mysql://hidden@x/y"}
    refused = yici("serve", environment=installed.environment | wrong)
    assert refused.returncode == 2
    assert "YICI_HOLDER_KEY" in refused.stderr and "YICI_DATABASE_URL" in refused.stderr
    assert "secret-but" not in refused.stderr and "hidden" not in refused.stderr


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_server_that_may_lose_what_it_acknowledged_is_refused_at_start(
    installed: Installed, setting: str, tmp_path: Path
) -> None:
    scope = "DATABASE yici" if setting == "synchronous_commit" else "SYSTEM"
    psql(installed.postgres, f"ALTER {scope} SET {setting} = off")
    psql(installed.postgres, "SELECT pg_reload_conf()")
    try:
        refused = yici("serve", environment=installed.environment)
    finally:
        psql(installed.postgres, f"ALTER {scope} RESET {setting}")
        psql(installed.postgres, "SELECT pg_reload_conf()")
    assert refused.returncode == 2
    assert f"{setting} is off" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_database_that_is_away_is_said_in_a_sentence(installed: Installed) -> None:
    away = installed.environment | {
        "YICI_DATABASE_URL": f"postgresql://yici_app:x@127.0.0.1:{free_port()}/yici"
    }
    for command in ("serve", "worker"):
        refused = yici(command, environment=away)
        assert refused.returncode == 2, refused.stderr
        assert "Traceback" not in refused.stderr
        assert "yici_app" not in refused.stderr
