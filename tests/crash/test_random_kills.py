"""Everything is killed again and again while people use it; what was acknowledged still holds."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from os import environ, kill
from random import Random

import pytest

from exchange.certificates.records import Issuable
from exchange.certificates.signing import SigningHere
from tests.crash.people import REGISTERS, Acknowledged, People
from tests.crash.proving import Proof
from tests.crash.standing import Standing, standing, wait_for
from tests.hub import MARKET, credit_code

pytestmark = pytest.mark.slow
KILLS = (
    ["child"] * 6
    + ["servers"] * 3
    + ["worker"] * 6
    + ["postgres at once"] * 4
    + ["first postgres process"] * 3
)
LICENCES = 60
USES = (5, 40, 150, 1000)
ACCOUNT = ("applicant", "a long enough password")


@dataclass
class Ordeal:
    """What came of it: what was acknowledged, what is there, and the last pulls."""

    noted: Acknowledged
    proof: Proof
    last_pulls: list[tuple[int, int, int, int]]


@pytest.fixture(scope="module")
def ordeal(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Ordeal]:
    """One installation, killed at 22 random moments."""
    seed = int(environ.get("CRASH_SEED", "0")) or time.time_ns() % 100_000
    say(request, f"CRASH_SEED={seed}")
    die = Random(seed)
    with standing(tmp_path_factory.mktemp("killed")) as installation:
        holders = prepare(installation)
        installation.start()
        people = People(installation, holders, ACCOUNT)
        people.authorize(USES)
        people.start(seed)
        try:
            for what in die.sample(KILLS, len(KILLS)):
                time.sleep(die.uniform(0.1, 1.0))  # the random moment
                strike(installation, what, die)
        finally:
            people.stop()
        finish_pulls(installation)
        last = [pull_once_more(installation, people, register) for register in REGISTERS]
        trust = people.system(MARKET).trust.document
        proof = Proof(installation, people.noted, trust)
        say(request, summary(people.noted, proof))
        yield Ordeal(people.noted, proof, last)


def say(request: pytest.FixtureRequest, line: str) -> None:
    """Print a line also where the tests' output is kept back."""
    plugins = request.config.pluginmanager
    with plugins.getplugin("capturemanager").global_and_fixture_disabled():
        plugins.getplugin("terminalreporter").write_line(f"\n{line}")


def prepare(installation: Standing) -> list[str]:
    """Licences to look up, an applicant, and the registers. The holders' ids."""
    hub = installation.hub
    holders = [credit_code(number) for number in range(1, LICENCES + 1)]
    counts = hub.certificates.issue_records(
        MARKET,
        "business-licence",
        [_licence(holder, number) for number, holder in enumerate(sorted(holders))],
        signing=SigningHere(hub.keys.issuer(MARKET)),
    )
    assert sum(each.issued for each in counts) == LICENCES
    hub.tokens.register_applicant(*ACCOUNT, id_type="001", holder_id=holders[0], name="某公司")
    installation.generate_registers(scale=8)
    return holders


def _licence(holder: str, number: int) -> Issuable:
    fields = {
        "name": f"第{number}号有限公司", "credit_code": holder, "business_scope": "食品销售",
        "region": "广州", "registered_on": "2020-01-15",
    }  # fmt: skip
    return Issuable(
        source_key=f"given {holder}", source_hash=f"{number:064x}", serial=holder,
        holder_id_type="001", holder_id=holder, holder_name=fields["name"], fields=fields,
        valid_from=date(2020, 1, 15), valid_until=None, issued_on=date(2020, 1, 15),
        state="01", state_since=None, row_number=number,
    )  # fmt: skip


def strike(installation: Standing, what: str, die: Random) -> None:
    """Kill something, start it again, and see that requests may be sent."""
    if what == "child":
        children = installation.server.children("spawn_main")
        if children:
            kill(die.choice(children), signal.SIGKILL)
    elif what == "servers":
        installation.server.kill()
        installation.server.start()
    elif what == "worker":
        installation.worker.kill()
    else:
        strike_postgres(installation, what)
    if installation.worker.has_ended:  # as whatever supervises it would
        installation.worker.start()
    installation.wait_until_ready()
    wait_for(lambda: len(installation.server.children("spawn_main")) == 2, "both children run")


def strike_postgres(installation: Standing, what: str) -> None:
    """PostgreSQL goes and comes back; the servers say so meanwhile, and are not started again."""
    server = installation.server.pid
    sign = signal.SIGQUIT if what == "postgres at once" else signal.SIGKILL
    installation.kill_postgres(sign)
    wait_for(lambda: installation.readiness() == 503, "it says that it is not ready", patience=10)
    installation.start_postgres()
    installation.wait_until_ready()
    assert installation.server.pid == server and not installation.server.has_ended


def finish_pulls(installation: Standing) -> None:
    """Let the worker come to the end of every pull; a fresh one takes up what was left."""
    installation.worker.kill()
    installation.worker.start()
    wait_for(lambda: not _unfinished(installation), "all pulls are finished", installation.worker)


def _unfinished(installation: Standing) -> bool:
    with installation.hub.work.read() as connection:
        statement = "SELECT count(*) FROM pulls WHERE state IN ('requested', 'running')"
        return bool(connection.exec_driver_sql(statement).scalar())


def pull_once_more(
    installation: Standing, people: People, register: str
) -> tuple[int, int, int, int]:
    """Pull a register that nobody changed since: received, issued, revised, unaccounted."""
    with people.system(REGISTERS[register]) as system:
        asked = system.pull_register(register)
        wait_for(lambda: system.pull(register, asked.id).finished, "the last pull is done")
        done = system.pull(register, asked.id)
    assert done.state == "done", done
    accounted = done.issued + done.revised + done.unchanged + done.quarantined
    return done.received, done.issued, done.revised, done.received - accounted


def summary(noted: Acknowledged, proof: Proof) -> str:
    """What was acknowledged, in one line."""
    outcomes = Counter(told.outcome for told in proof.told)
    return (
        f"{dict(outcomes)}, {len(noted.uses)} uses, {len(noted.uploads)} uploads, "
        f"{len(noted.cases)} cases, {len(noted.pulls)} pulls; statuses "
        f"{dict(sorted(noted.statuses.items()))}; slowest answer {noted.slowest:.2f} s"
    )


def test_enough_of_everything_was_acknowledged_to_mean_something(ordeal: Ordeal) -> None:
    noted = ordeal.noted
    outcomes = Counter(told.outcome for told in ordeal.proof.told)
    assert outcomes["released"] > 100 and outcomes["refused"] > 10
    assert min(len(noted.uses), len(noted.uploads), len(noted.cases)) > 20
    assert len(noted.pulls) >= 2


def test_nobody_waits_long_and_nothing_fails_in_an_unforeseen_way(ordeal: Ordeal) -> None:
    assert ordeal.noted.faults == []
    assert 500 not in ordeal.noted.statuses
    assert ordeal.noted.slowest < 10


def test_every_acknowledged_lookup_stands_in_the_log_as_it_was_told(ordeal: Ordeal) -> None:
    assert ordeal.proof.unlogged() == []


def test_no_place_in_the_log_was_told_to_two_lookups(ordeal: Ordeal) -> None:
    assert ordeal.proof.indexes_given_twice() == []


def test_no_two_roots_were_signed_for_one_size_of_the_log(ordeal: Ordeal) -> None:
    assert ordeal.proof.forked_sizes() == []


def test_the_whole_log_verifies(ordeal: Ordeal) -> None:
    report = ordeal.proof.verified_log()
    assert report.ok, report.findings[:5]
    assert report.size > len(ordeal.proof.told)


def test_more_was_never_acknowledged_than_was_logged_as_released(ordeal: Ordeal) -> None:
    acknowledged, logged = ordeal.proof.released()
    assert acknowledged <= logged


def test_an_authorization_is_never_used_more_often_than_granted(ordeal: Ordeal) -> None:
    uses = ordeal.proof.uses()
    assert sorted(granted for *_, granted in uses) == sorted(USES)
    for acknowledged, listed, counted, granted in uses:
        assert acknowledged <= listed == counted <= granted
    assert ordeal.proof.unlisted_uses() == set()
    assert any(counted == granted for *_, counted, granted in uses), "none was used up"


def test_every_acknowledged_upload_is_kept_whole(ordeal: Ordeal) -> None:
    assert ordeal.proof.lost_uploads() == []
    assert ordeal.proof.rows_without_objects() == []


def test_every_acknowledged_case_exists(ordeal: Ordeal) -> None:
    assert ordeal.proof.lost_cases() == set()


def test_every_pull_came_to_its_end_and_adds_up(ordeal: Ordeal) -> None:
    pulls = ordeal.proof.pulls()
    assert {pull.id for pull in pulls} >= {pull for _, pull in ordeal.noted.pulls}
    for pull in pulls:
        assert (pull.state, pull.received) == ("done", pull.accounted), pull


def test_nothing_was_issued_twice_and_no_version_is_missing(ordeal: Ordeal) -> None:
    assert ordeal.proof.rows_issued_twice() == []
    assert ordeal.proof.versions_with_holes() == []
    assert ordeal.proof.places_given_twice() == []


def test_pulled_once_more_everything_is_unchanged(ordeal: Ordeal) -> None:
    for received, *others in ordeal.last_pulls:
        assert received > 0
        assert others == [0, 0, 0]
