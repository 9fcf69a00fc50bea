"""Who uses the hub while it is killed: each notes what was acknowledged, and nothing else."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from uuid import UUID

import httpx

from exchange.client import Applicant, Evidence, Holder, Lookup, Operator, Yici
from exchange.client.cases import Authorization, Request
from exchange.client.problems import YiciError, YiciProblem, YiciUnreachable
from exchange.client.registers import UNFINISHED
from exchange.client.transport import Transport
from tests.cases.documents import pdf
from tests.crash.standing import Standing
from tests.hub import CITY, HEALTH, MARKET, SERVICE_CENTRE, TRANSPORT
from tests.lookups.asking import hygiene_item

FOOD = f"{SERVICE_CENTRE}2000131019000"
PLAN = "premises-floor-plan"
LICENCE = "business-licence"
OPERATOR = Operator("window-01", "窗口", "综合窗口")
REGISTERS = {"market-regulator": MARKET, "licensing-office": CITY, "transport-bureau": TRANSPORT}
BATCH = 7


@dataclass
class Acknowledged:
    """What the hub said it did. Lists only grow, each from one or several threads."""

    lookups: list[Evidence] = field(default_factory=list)
    uses: list[tuple[UUID, UUID]] = field(default_factory=list)
    uploads: list[tuple[UUID, str, int]] = field(default_factory=list)
    cases: list[tuple[UUID, str]] = field(default_factory=list)
    pulls: list[tuple[str, UUID]] = field(default_factory=list)
    slowest: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Watched(httpx.BaseTransport):
    """The network, with how long each exchange took and how it ended."""

    def __init__(self, noted: Acknowledged) -> None:
        self._noted = noted
        self._network = httpx.HTTPTransport(retries=0)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        started, status = time.monotonic(), 0
        try:
            response = self._network.handle_request(request)
            status = response.status_code
            return response
        finally:
            self._noted.slowest = max(self._noted.slowest, time.monotonic() - started)
            self._noted.statuses[status] += 1

    def close(self) -> None:
        self._network.close()


class People:
    """Threads that use a hub until they are told to stop."""

    def __init__(
        self, installation: Standing, holders: list[str], account: tuple[str, str]
    ) -> None:
        self.noted = Acknowledged()
        self._installation = installation
        self._holders = holders
        self._account = account
        self._done = threading.Event()
        self._case: UUID | None = None
        self._authorizations: list[tuple[Authorization, str]] = []
        self._threads: list[threading.Thread] = []

    def system(self, department: str) -> Yici:
        """A department's system as the SDK speaks for it."""
        return Yici(
            self._installation.url,
            client_id=f"{department}-crash",
            key=self._installation.credentials[department],
            transport=self._transport(),
        )

    def applicant(self) -> Applicant:
        """The applicant, signed in."""
        return Applicant.sign_in(
            self._installation.url, *self._account, transport=self._transport()
        )

    def authorize(self, uses: tuple[int, ...]) -> None:
        """Cases of one applicant, each with an authorization of so many uses."""
        with self.system(SERVICE_CENTRE) as centre, self.applicant() as applicant:
            for number, most in enumerate(uses):
                case = centre.open_case(FOOD, f"U-{number}", self._holder(0), OPERATOR)
                [asked] = centre.request_authorizations(case.id, [Request(LICENCE, uses=most)])
                granted = applicant.grant(asked.id)
                self._authorizations.append((granted, case.case_number))

    def start(self, seed: int) -> None:
        """Start everybody. Each has a die of its own."""
        acts = [self._by_duty, self._by_duty, self._by_authorization, self._by_authorization,
                self._many, self._uploading, self._opening, self._pulling]  # fmt: skip
        for number, act in enumerate(acts):
            thread = threading.Thread(target=self._keep, args=(act, Random(seed * 100 + number)))
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Let everybody finish what they wait for."""
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _keep(self, act: Callable[[Random], Callable[[], None]], die: Random) -> None:
        go = act(die)
        while not self._done.is_set():
            try:
                go()
            except YiciUnreachable:
                self._done.wait(0.05)
            except YiciProblem as problem:
                if problem.evidence is not None:
                    self.noted.lookups.append(problem.evidence)
                elif problem.status not in (409, 503):
                    self.noted.faults.append(f"{act.__name__}: {problem.status} {problem.en}")
            except (YiciError, AssertionError) as error:
                self.noted.faults.append(f"{act.__name__}: {type(error).__name__} {error}")
            self._done.wait(0.015)

    def _by_duty(self, die: Random) -> Callable[[], None]:
        health = self.system(HEALTH)

        def go() -> None:
            found = health.look_up(self._lookup(hygiene_item(), f"D-{die.random()}", die))
            self.noted.lookups.append(found.proof)

        return go

    def _by_authorization(self, die: Random) -> Callable[[], None]:
        centre = self.system(SERVICE_CENTRE)

        def go() -> None:
            granted, case = die.choice(self._authorizations)
            found = centre.look_up(
                Lookup(
                    LICENCE, ["name"], self._holder(0), item=FOOD, case=case, basis="holder",
                    authorization=granted.id, operator=OPERATOR,
                )
            )  # fmt: skip
            self.noted.lookups.append(found.proof)
            self.noted.uses.append((granted.id, found.lookup))

        return go

    def _many(self, die: Random) -> Callable[[], None]:
        health = self.system(HEALTH)

        def go() -> None:
            asked = [self._lookup(hygiene_item(), f"B-{n}", die) for n in range(BATCH - 1)]
            asked.append(Lookup(LICENCE, ["name"], self._holder(0)))  # refused: no purpose
            found = health.look_up_many(asked, receipts=die.random() < 0.5)
            self.noted.lookups.append(found.proof)

        return go

    def _uploading(self, die: Random) -> Callable[[], None]:
        signed_in: list[Applicant] = []

        def go() -> None:
            if not signed_in:
                signed_in.append(self.applicant())
            case = self._case
            if case is None:
                return
            content = pdf(f"{case} {die.random()}")
            document, _ = signed_in[0].upload(
                case, PLAN, content, file_name="plan.pdf", media_type="application/pdf"
            )
            digest = sha256(content).hexdigest()
            assert document.sha256 == digest, "another content was kept"
            self.noted.uploads.append((document.id, digest, len(content)))

        return go

    def _opening(self, die: Random) -> Callable[[], None]:
        centre = self.system(SERVICE_CENTRE)
        number = 0

        def go() -> None:
            nonlocal number
            number += 1
            opened = centre.open_case(FOOD, f"O-{number}", self._holder(0), OPERATOR)
            self.noted.cases.append((opened.id, opened.case_number))
            self._case = opened.id

        return go

    def _pulling(self, die: Random) -> Callable[[], None]:
        systems = {register: self.system(code) for register, code in REGISTERS.items()}
        running: dict[str, UUID] = {}
        edition = 0

        def go() -> None:
            nonlocal edition
            for register, system in systems.items():
                pull = running.get(register)
                if pull is not None:
                    still = system.pull(register, pull).state in UNFINISHED
                    if still or register != "market-regulator":
                        continue
                    edition += 1
                    new_edition(self._installation, edition)
                    del running[register]  # asked for below, or at the next round
                asked = system.pull_register(register)
                running[register] = asked.id
                self.noted.pulls.append((register, asked.id))
            self._done.wait(0.1)

        return go

    def _lookup(self, item: str, case: str, die: Random) -> Lookup:
        return Lookup(
            LICENCE, ["name", "credit_code"], Holder("001", die.choice(self._holders)), item=item,
            case=case, basis="statutory", operator=OPERATOR,
        )  # fmt: skip

    def _holder(self, number: int) -> Holder:
        return Holder("001", self._holders[number])

    def _transport(self) -> Transport:
        # A killed server is tried again at once: what counts here is what it acknowledges.
        def rest(seconds: float) -> None:
            self._done.wait(min(seconds, 0.2))

        return Transport(
            self._installation.url, timeout=30, transport=Watched(self.noted), sleep=rest
        )


def new_edition(installation: Standing, edition: int) -> None:
    """The regulator writes its register anew: every third enterprise has another name."""
    path = next(installation.registers.glob("guangdong_*.csv"))
    lines = path.read_bytes().split(b"\r\n")
    for number in range(1 + edition % 3, len(lines), 3):
        name, comma, rest = lines[number].partition(b",")
        unnumbered = name.rstrip(b"0123456789")
        if unnumbered.endswith("公司".encode()):
            lines[number] = unnumbered + str(edition).encode() + comma + rest
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(b"\r\n".join(lines))
    unfinished.replace(path)


__all__ = ["FOOD", "REGISTERS", "Acknowledged", "People", "new_edition"]
