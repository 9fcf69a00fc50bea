"""What verify finds, and how deviating records are told apart: altered, deleted, inserted, moved.

Pure. A sentence names positions only, never what a record says.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `index` is the record it concerns (None for the log itself).

    `last` is the end of a range of records, equal to `index` for a single one.
    """

    code: str
    index: int | None
    zh: str
    en: str
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """At `index` the stored record hashes to `actual`, while the proven tree has `expected`.

    `actual` is None where no record is stored.
    """

    index: int
    actual: bytes | None
    expected: bytes


@dataclass(frozen=True, slots=True)
class _Sorted:
    altered: list[int]
    inserted: list[int]
    deleted: list[int]
    moved: list[tuple[int, int]]


def name_deviations(places: Sequence[Place], beyond: Sequence[bytes] = ()) -> list[Finding]:
    """Say of each place that deviates what was done to which record.

    `places` rise by index and hold all of each stretch that deviates anywhere; `beyond` are the
    hashes of records stored after the end of the log.

    A record whose hash is expected elsewhere was moved; one that is expected nowhere was
    altered or inserted; a hash that no record has any more was altered or deleted. Records that
    only make room for an insertion or close a gap keep their order and are not named.
    """
    found = _sort(places, beyond)
    return [
        *(_altered(index) for index in found.altered),
        *(_inserted(index) for index in found.inserted),
        *(deleted(index, index) for index in found.deleted),
        *(_reordered(at, belongs) for at, belongs in found.moved),
    ]


def _sort(places: Sequence[Place], beyond: Sequence[bytes]) -> _Sorted:
    belongs = {place.expected: place.index for place in places}
    stored = [place for place in places if place.actual is not None]
    present = {place.actual for place in stored}.union(beyond)
    strange = {place.index for place in stored if place.actual not in belongs}
    # A place where nothing stands is told of by the gap itself.
    gone = {place.index for place in stored if place.expected not in present}
    order = [(p.index, belongs[p.actual]) for p in stored if p.actual in belongs]
    altered = strange & gone
    inserted, lost = strange - gone, gone - strange
    moved = _out_of_order(order) if inserted or lost else [(a, b) for a, b in order if a != b]
    return _Sorted(sorted(altered), sorted(inserted), sorted(lost), moved)


def _out_of_order(moved: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those that are not on the longest rising run: the rest was only shifted."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for position, (_, belongs) in enumerate(moved):
        at = bisect_left(tails, belongs)
        before.append(ends[at - 1] if at else -1)
        if at == len(tails):
            tails.append(belongs)
            ends.append(position)
        else:
            tails[at], ends[at] = belongs, position
    kept = set()
    position = ends[-1] if ends else -1
    while position >= 0:
        kept.add(position)
        position = before[position]
    return [pair for position, pair in enumerate(moved) if position not in kept]


def _altered(index: int) -> Finding:
    return Finding("altered", index, f"第 {index} 条记录被改动", f"record {index} was altered")


def _inserted(index: int) -> Finding:
    return Finding(
        "inserted",
        index,
        f"第 {index} 条是后来插入的记录",
        f"record {index} was inserted: the log never held it",
    )


def _reordered(at: int, belongs: int) -> Finding:
    return Finding(
        "reordered",
        at,
        f"第 {at} 条处是原第 {belongs} 条记录：顺序被改动",
        f"record {belongs} stands at {at}: the order was changed",
    )


def _span(first: int, last: int) -> tuple[str, str]:
    if first == last:
        return f"第 {first} 条", f"record {first}"
    return f"第 {first} 至 {last} 条", f"records {first} to {last}"


def deleted(first: int, last: int) -> Finding:
    """Records are gone."""
    zh, en = _span(first, last)
    verb = "was" if first == last else "were"
    return Finding("deleted", first, f"{zh}记录被删除", f"{en} {verb} deleted", last)


def truncated(first: int, last: int) -> Finding:
    """The end of the log is gone."""
    zh, en = _span(first, last)
    return Finding(
        "truncated", first, f"日志尾部被截断：缺{zh}", f"the log was cut off: {en} missing", last
    )


def beyond_head(first: int, last: int) -> Finding:
    """Records stand where the signed head says there are none."""
    zh, en = _span(first, last)
    return Finding(
        "beyond-head",
        first,
        f"日志头之后仍有{zh}记录：日志头被退回，或记录系伪造",
        f"{en} beyond the head: the head was rolled back or the records are forged",
        last,
    )


def unproven(first: int, last: int) -> Finding:
    """Nothing stored proves these records, and no change that would restore the root was found."""
    zh, en = _span(first, last)
    return Finding(
        "unproven",
        first,
        f"{zh}记录与已签名的树根不符，无法指出具体哪一条",
        f"{en} do not lead to the signed root; which of them is wrong cannot be told",
        last,
    )


def leaf_altered(index: int) -> Finding:
    """The record is as it was, its stored leaf hash is not."""
    return Finding(
        "leaf-altered",
        index,
        f"第 {index} 条记录的叶散列列被改动（记录本身完好）",
        f"the leaf column of record {index} was altered (the record itself is intact)",
    )


def column_altered(index: int) -> Finding:
    """The record is as it was, a column that repeats part of it is not."""
    return Finding(
        "column-altered",
        index,
        f"第 {index} 条记录的索引列与记录内容不符",
        f"the columns beside record {index} disagree with the record",
    )


def tile_altered(level: int, number: int) -> Finding:
    """A tile is not what the tree says."""
    return Finding(
        "tile-altered",
        None,
        f"瓦片 {level}/{number} 被改动",
        f"tile {level}/{number} was altered",
    )


def tile_missing(level: int, number: int) -> Finding:
    """A complete tile is gone."""
    return Finding(
        "tile-missing", None, f"瓦片 {level}/{number} 缺失", f"tile {level}/{number} is missing"
    )


def tile_root_altered(level: int, number: int) -> Finding:
    """The root stored for a tile is not the tile's, or is gone."""
    return Finding(
        "tile-root-altered",
        None,
        f"瓦片 {level}/{number} 的根散列被改动或缺失",
        f"the root stored for tile {level}/{number} was altered or is missing",
    )


def tile_unexpected(level: int, number: int) -> Finding:
    """A tile that a log of this size does not have yet."""
    return Finding(
        "tile-unexpected",
        None,
        f"瓦片 {level}/{number} 超出日志大小",
        f"tile {level}/{number} lies beyond the size of the log",
    )


def entries_altered(number: int) -> Finding:
    """An entry bundle does not hold the entries of its leaf tile, or is gone."""
    return Finding(
        "entries-altered",
        None,
        f"条目包 {number} 被改动或缺失",
        f"entry bundle {number} was altered or is missing",
    )


def of_log(code: str, zh: str, en: str) -> Finding:
    """Something about the log as a whole."""
    return Finding(code, None, zh, en)


def limited(findings: Iterable[Finding], most: int) -> list[Finding]:
    """At most `most` findings, and one that says how many more there are."""
    kept: list[Finding] = []
    more = 0
    for finding in findings:
        if len(kept) < most:
            kept.append(finding)
        else:
            more += 1
    if more:
        kept.append(of_log("more", f"另有 {more} 项", f"and {more} more findings"))
    return kept
