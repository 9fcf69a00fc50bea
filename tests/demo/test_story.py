"""`yici demo` as a person runs it: it holds, it can be repeated, killed, joined and stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from exchange import embedded
from exchange.demo.installation import Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
YICI = [sys.executable, "-m", "exchange"]


@dataclass(frozen=True)
class Told:
    code: int
    text: str


@dataclass(frozen=True)
class Home:
    """One embedded installation, and the commands run in it with an otherwise empty HOME."""

    folder: Path

    @property
    def var(self) -> Path:
        return self.folder / "var"

    @property
    def place(self) -> Installation:
        return Installation(self.var)

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        # What the surroundings set for another hub must not reach this one.
        return {**kept, "HOME": str(self.folder), "YICI_S3_ENDPOINT": "elsewhere:9000"}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*YICI, *arguments, "--var", str(self.var)],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def run(self, *arguments: str) -> Told:
        with self.start(*arguments) as process:
            text = process.communicate(timeout=300)[0]
        return Told(process.returncode, text)

    def pids(self) -> list[int]:
        """Server, worker and PostgreSQL, as far as they have left their ids."""
        notes = (self.place.logs / f"{name}.pid" for name in ("server", "worker"))
        found = [json.loads(note.read_text())["pid"] for note in notes if note.exists()]
        postmaster = self.place.postgres / "data" / "postmaster.pid"
        if postmaster.exists():
            found.append(int(postmaster.read_text().split()[0]))
        return found

    def nothing_runs(self) -> bool:
        return not any(Path(f"/proc/{pid}").exists() for pid in self.pids())


def until(process: subprocess.Popen[str], mark: str) -> str:
    """What a process says up to and including the first line with the mark."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if mark in line:
            return said
    raise AssertionError(f"it never said {mark!r}:\n{said}")


def finish(process: subprocess.Popen[str]) -> Told:
    text = process.communicate(timeout=300)[0]
    return Told(process.returncode, text)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("home"))
    yield home
    home.run("stop", "--embedded")


@pytest.fixture(scope="module")
def first(home: Home) -> Told:
    """The first run of the story on generated registers."""
    return home.run("demo")


def test_every_step_of_the_story_holds(first: Told) -> None:
    assert first.code == 0, first.text
    headings = re.findall(r"^([a-h])  ", first.text, re.MULTILINE)
    assert headings == list("abcdefgh")
    assert "全部成立  all of it held" in first.text


def test_afterwards_nothing_runs_and_every_secret_is_for_its_owner_only(
    home: Home, first: Told
) -> None:
    assert home.nothing_runs() and not embedded.is_running(home.place.postgres)
    secrets = [home.place.environment_file, home.place.demo / "accounts.json"]
    secrets += (home.place.demo / "keys").glob("*.pem")
    secrets += (home.var / "keys").rglob("*.pem")
    assert len(secrets) == 2 + 7 + 8
    assert {path.stat().st_mode & 0o077 for path in secrets} == {0}


def test_the_story_leaves_evidence_that_still_proves_itself(home: Home, first: Told) -> None:
    [evidence] = home.place.demo.glob("*/lookup.json")
    done = program("exchange.client.offline", str(evidence), *trusting(home))
    assert done.returncode == 0, done.stderr


def test_the_licence_left_as_a_file_is_whole_certified_by_the_root_and_revoked(
    home: Home, first: Told
) -> None:
    [sealed] = home.place.demo.glob("*/business-licence.pdf")
    status = str(sealed.with_name("status-list.jwt"))
    root = str(home.place.demo / "root.pem")
    command = ["verify", str(sealed), *trusting(home), "--root", root, "--status", status]
    done = program("certstore", *command, "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert [found[part]["code"] for part in ("integrity", "issuer", "status", "validity")] == [
        "seal-holds", "seal-trusted", "status-invalid", "within-validity",
    ]  # fmt: skip


def test_the_end_of_the_story_names_every_file_to_look_at(home: Home, first: Told) -> None:
    [folder] = (path.parent for path in home.place.demo.glob("*/lookup.json"))
    end = first.text.partition("全部成立")[2]
    assert str(folder) in end
    listed = re.findall(r"^   ([a-z-]+(?:\.[a-z]+)?)  ", end, re.MULTILINE)
    named = [name for name in listed if (folder / name).exists()]
    assert named == [
        "business-licence.pdf",
        "business-licence-copy.pdf",
        "business-licence.sdjwt",
        "one-time-code.svg",
        "history.json",
        "lookup.json",
        "log",
    ]


def trusting(home: Home) -> list[str]:
    return ["--trust", str(home.place.demo / "trust.json")]


def program(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def killed(home: Home, mark: str, *, with_everything: bool = False) -> str:
    """Play until the mark, kill, and give what was said until then."""
    process = home.start("demo")
    said = until(process, mark)
    for pid in (process.pid, *(home.pids() if with_everything else ())):
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    return said


def test_killed_again_and_again_it_recovers_says_so_and_another_enterprise_plays(
    home: Home, first: Told
) -> None:
    killed(home, "the database is at")
    second = killed(home, "b  审批系统")
    assert "found PostgreSQL running" in second
    assert "processes it left behind were stopped" not in second
    third = killed(home, "f  吊销")
    assert "processes it left behind were stopped" in third
    fourth = killed(home, "a  三个登记簿", with_everything=True)
    assert "found PostgreSQL running" in fourth
    last = home.run("demo")
    assert last.code == 0, last.text
    assert "PostgreSQL had been killed; it recovered from its log" in last.text
    assert "证照先前已签发，本次未变" in last.text
    applicant = re.compile(r"本次的申请人：(\S+)（")
    assert applicant.findall(last.text) != applicant.findall(first.text)
    assert home.nothing_runs()


def test_two_at_once_do_not_fight_and_a_signal_takes_everything_down(
    home: Home, first: Told
) -> None:
    process = home.start("demo")
    until(process, "准备")
    second = home.run("demo")
    assert second.code == 1
    assert "另一个演示正在进行" in second.text
    until(process, "c  申请人")
    process.terminate()
    ended = finish(process)
    assert (ended.code, "已中断" in ended.text) == (130, True)
    assert home.nothing_runs()


def test_while_it_is_being_served_the_story_plays_there_and_stop_ends_it(
    home: Home, first: Told, tmp_path: Path
) -> None:
    server = home.start("serve", "--embedded")
    assert "/docs" in until(server, "Ctrl-C")
    played = home.run("demo")
    assert played.code == 0, played.text
    assert "a service runs already" in played.text
    elsewhere = home.run("demo", "--registers", str(tmp_path))
    assert (elsewhere.code, "另一套登记簿" in elsewhere.text) == (1, True)
    assert home.run("serve", "--embedded").code == 1
    assert home.run("stop", "--embedded").code == 0
    assert finish(server).code == 0
    assert home.nothing_runs()


def test_registers_that_are_not_there_end_the_story_with_a_sentence(tmp_path: Path) -> None:
    home = Home(tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    for registers in (empty, tmp_path / "missing"):
        told = home.run("demo", "--registers", str(registers))
        assert told.code == 1
        assert "✗" in told.text and "Traceback" not in told.text
    assert home.nothing_runs()


def test_on_the_real_registers_every_row_is_accounted_for(shared_dir: Path, tmp_path: Path) -> None:
    home = Home(tmp_path)
    told = home.run("demo", "--registers", str(shared_dir / "data"))
    assert told.code == 0, told.text
    rows = re.findall(r"^   .+?((?:\s+\d+){5})\s*$", told.text, re.MULTILINE)
    counts = [[int(each) for each in row.split()] for row in rows]
    assert [received for received, *_ in counts] == [5544, 561, 5530]
    assert all(received == sum(rest) for received, *rest in counts)
    assert sum(quarantined for *_, quarantined in counts) < 20
