"""Runs a check of the object store from name to name, repairs, and writes both into the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import Any, Final

from certstore.objects import ObjectStore
from exchange.audit.records import prepare
from exchange.clock import Clock
from exchange.errors import HubError
from exchange.stores.comparing import Examined, Measure, Pair, examine, settled, side_by_side
from exchange.stores.findings import Finding, Tally
from exchange.stores.named import NamesObjects, named_anywhere, named_objects
from exchange.stores.repairing import Repair
from exchange.unit_of_work import UnitOfWork

BATCH: Final = 256
THREADS: Final = 8
SHORTEST_GRACE: Final = timedelta(hours=2)
"""Twice as long as an object counts as newly put: what is discarded no upload can still need."""
DEFAULT_GRACE: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked for: see ``Measure`` and ``Repair``."""

    repair: bool = False
    one_in: int = 1
    grace: timedelta = DEFAULT_GRACE
    other: ObjectStore | None = None

    def __post_init__(self) -> None:
        if self.one_in < 1 or self.grace < SHORTEST_GRACE:
            raise ValueError("one_in is at least 1, grace at least two hours")


Report = Callable[[Finding], None]
Reached = Callable[[Tally], None]


class StoreCheck:
    """The room's service for the check; used from the command line."""

    def __init__(
        self,
        work: UnitOfWork[Any, Any],
        clock: Clock,
        store: ObjectStore,
        sources: Sequence[NamesObjects],
    ) -> None:
        self._work = work
        self._clock = clock
        self._store = store
        self._sources = tuple(sources)

    def run(self, options: Options, tally: Tally, *, report: Report, reached: Reached) -> None:
        """Compare every name after ``tally.after``, counting in ``tally``.

        ``report`` gets every finding, ``reached`` the tally after each batch: a run that was cut
        off goes on from there. Start and end of a run that repairs, the end of any other, and
        every repair stand in the log.

        Raises:
            StoreFault: the store cannot be used; Unavailable: the database cannot.
        """
        self._store.check()
        act = "repair" if options.repair else "check"
        if options.repair:
            self._record(act, "pending")
        try:
            self._compare(options, tally, report, reached)
        except BaseException:
            with suppress(HubError):  # a log that cannot be reached either must not hide the cause
                self._record(act, "failed", tally)
            raise
        self._record(act, "done", tally)

    def _compare(self, options: Options, tally: Tally, report: Report, reached: Reached) -> None:
        now = self._clock.now()
        measure = Measure(now, options.grace, options.one_in)
        repair = Repair(self._store, options.other, now, options.grace)
        if options.repair:
            tally.swept += self._store.sweep(now=now, older_than=options.grace)
        pairs = side_by_side(
            named_objects(self._work, self._sources, after=tally.after),
            self._store.listed(after=tally.after),
        )
        with ThreadPoolExecutor(THREADS) as threads:
            for batch in _batches(pairs):
                examined = self._without_named(self._examined(batch, measure, threads))
                if options.repair:
                    examined = self._mended(examined, repair, threads)
                _count(tally, examined, report)
                reached(tally)

    def _examined(
        self, batch: list[Pair], measure: Measure, threads: ThreadPoolExecutor
    ) -> list[Examined]:
        """Each pair of a batch examined; what takes time is done at once by several threads."""

        def begin(pair: Pair) -> Callable[[], Examined]:
            decided = settled(pair, measure)
            if decided is not None or pair.named is None:
                return lambda: decided or Examined(pair)
            return threads.submit(examine, self._store, pair, pair.named, measure).result

        return [result() for result in [begin(pair) for pair in batch]]

    def _without_named(self, examined: list[Examined]) -> list[Examined]:
        """Drop litter that is none: a row may have come after the page of rows was read."""
        litter = [
            each.pair.sha256
            for each in examined
            if any(finding.kind == "litter" for finding in each.findings)
        ]
        named = named_anywhere(self._work, self._sources, litter)
        return [
            replace(each, findings=()) if each.pair.sha256 in named else each for each in examined
        ]

    def _mended(
        self, examined: list[Examined], repair: Repair, threads: ThreadPoolExecutor
    ) -> list[Examined]:
        wrong = [(each.pair, finding) for each in examined for finding in each.findings]
        if not wrong:
            return examined
        mended = list(threads.map(lambda w: repair.mend(w[1], w[0].named), wrong))
        self._record_repairs([finding for finding in mended if finding.repaired])
        left = iter(mended)
        return [
            replace(each, findings=tuple(islice(left, len(each.findings)))) for each in examined
        ]

    def _record_repairs(self, repaired: list[Finding]) -> None:
        """One record for each object that came back or was locked, one for a batch of litter:
        its ``result`` is the SHA-256 over the names, each with a line feed."""
        litter = sorted(each.sha256 for each in repaired if each.kind == "litter")
        with self._work.begin() as work:
            note = partial(prepare, "store-check", work.now, outcome="done")
            for each in repaired:
                if each.kind != "litter":
                    act = "retain" if each.kind == "not-locked" else "restore"
                    work.record(note(act=act, result=each.sha256))
            if litter:
                names = "".join(f"{name}\n" for name in litter)
                result = sha256(names.encode()).hexdigest()
                work.record(note(act="discard", count=len(litter), result=result))
            work.commit()

    def _record(self, act: str, outcome: str, tally: Tally | None = None) -> None:
        counts = None if tally is None else tally.counts()
        with self._work.begin() as work:
            work.record(prepare("store-check", work.now, act=act, outcome=outcome, counts=counts))
            work.commit()


def _batches(pairs: Iterator[Pair]) -> Iterator[list[Pair]]:
    while batch := list(islice(pairs, BATCH)):
        yield batch


def _count(tally: Tally, examined: Sequence[Examined], report: Report) -> None:
    for each in examined:
        tally.named += each.pair.named is not None
        tally.stored += each.pair.listed is not None
        tally.hashed += each.hashed
        tally.young += each.young
        tally.after = each.pair.sha256
        for finding in each.findings:
            tally.add(finding)
            report(finding)
