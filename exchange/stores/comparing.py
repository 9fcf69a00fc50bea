"""Compares rows with objects: two streams in the order of names, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from certstore.errors import ObjectError
from certstore.objects import Listed, ObjectStore
from exchange.stores.findings import Finding
from exchange.stores.named import Named

TOLERANCE = timedelta(seconds=1)
"""S3 keeps the end of a retention in whole seconds."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One name with what rows say of it and what the store lists; one of them may be None."""

    sha256: str
    named: Named | None
    listed: Listed | None


@dataclass(frozen=True, slots=True)
class Examined:
    """A pair, what was found wrong with it, and whether its bytes were read."""

    pair: Pair
    findings: tuple[Finding, ...] = ()
    hashed: bool = False
    young: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """What the comparison goes by.

    One object in ``one_in`` is read and hashed, those whose turn ``day`` is: on ``one_in`` days
    in a row every object is read once. An object without a row is litter after ``grace``.
    """

    now: datetime
    grace: timedelta
    one_in: int

    def is_read(self, sha256: str) -> bool:
        """Whether it is this object's turn to be hashed."""
        return int(sha256[:12], 16) % self.one_in == self.now.toordinal() % self.one_in


def side_by_side(rows: Iterable[Named], objects: Iterable[Listed]) -> Iterator[Pair]:
    """Every name of either stream once, in order. Both are in the order of names."""
    left, right = iter(rows), iter(objects)
    named, listed = next(left, None), next(right, None)
    while named is not None or listed is not None:
        if listed is None or (named is not None and named.sha256 < listed.sha256):
            assert named is not None  # noqa: S101  # one of them is there
            yield Pair(named.sha256, named, None)
            named = next(left, None)
        elif named is None or listed.sha256 < named.sha256:
            yield Pair(listed.sha256, None, listed)
            listed = next(right, None)
        else:
            yield Pair(named.sha256, named, listed)
            named, listed = next(left, None), next(right, None)


def settled(pair: Pair, measure: Measure) -> Examined | None:
    """What the two listings alone decide; None where the store must be asked about the object.
    Whether litter is litter is asked again by the caller."""
    named, listed = pair.named, pair.listed
    if named is None:
        assert listed is not None  # noqa: S101  # one of them is there
        if listed.changed_at > measure.now - measure.grace:
            return Examined(pair, young=True)
        return Examined(pair, (Finding("litter", pair.sha256),))
    as_listed = listed is not None and named.sizes == (listed.size,)
    locked = named.retain_until is not None and named.retain_until > measure.now
    if not as_listed or locked or measure.is_read(named.sha256):
        return None
    return Examined(pair)


def examine(store: ObjectStore, pair: Pair, named: Named, measure: Measure) -> Examined:
    """What is wrong with an object that rows name, by asking the store.

    Raises:
        StoreFault: the store cannot be used.
    """
    try:
        return _examine_named(store, pair, named, measure)
    except ObjectError as error:
        if error.code not in ("not-found", "bad-name"):
            raise
        return Examined(pair, (Finding("missing", pair.sha256, named.tables),))


def _examine_named(store: ObjectStore, pair: Pair, named: Named, measure: Measure) -> Examined:
    # Not listed may mean: put after the listing went by. The store itself has the last word.
    size = pair.listed.size if pair.listed is not None else store.stat(named.sha256).size
    findings: list[Finding] = []
    other_size = named.sizes != (size,)
    hashed = other_size or measure.is_read(named.sha256)
    if hashed and not is_whole(store, named.sha256):
        findings.append(Finding("altered", named.sha256, named.tables))
    elif other_size:
        findings.append(Finding("wrong-size", named.sha256, named.tables))
    if not _is_locked(store, named, measure.now):
        findings.append(Finding("not-locked", named.sha256, named.tables))
    return Examined(pair, tuple(findings), hashed=hashed)


def is_whole(store: ObjectStore, sha256: str) -> bool:
    """Whether the store's bytes of this name have this hash; all of them are read.

    Raises:
        ObjectError: ``not-found``; StoreFault: the store cannot be used.
    """
    try:
        for _ in store.stream(sha256):
            pass
    except ObjectError as error:
        if error.code == "altered":
            return False
        raise
    return True


def _is_locked(store: ObjectStore, named: Named, now: datetime) -> bool:
    if named.retain_until is None or named.retain_until <= now:
        return True
    kept = store.stat(named.sha256).retain_until
    return kept is not None and kept >= named.retain_until - TOLERANCE
