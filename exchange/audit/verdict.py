"""Which of the stored claims are true: those that together give the signed root.

Records and tiles may disagree; the signed root decides between them. The frontier, if it still
folds to that root, lets every complete subtree be judged by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

from exchange.audit.merkle import Frontier, node_hash, root_of
from exchange.audit.scan import Block, Scan
from exchange.audit.tiles import HEIGHT, WIDTH

MOST_COMBINATIONS = 256
MOST_SWAPS = 40_000


@dataclass(frozen=True, slots=True)
class Span:
    """The complete subtree over `count` units (blocks or leaves) from `first` on."""

    first: int
    count: int
    root: bytes


@dataclass(slots=True)
class Verdict:
    """The truest reading of the log: block roots and tail leaves, and what remains unproven.

    `unproven` are ranges of record indices that no reading leads to the signed root.
    """

    roots: list[bytes]
    tail: list[bytes]
    unproven: list[tuple[int, int]]


def tree_of(roots: Sequence[bytes], tail: Sequence[bytes]) -> bytes:
    """The root over complete blocks of 256 records and the leaves after them."""
    hashes = []
    first = 0
    for level in range(len(roots).bit_length() - 1, -1, -1):
        if len(roots) >> level & 1:
            hashes.append(root_of(roots[first : first + (1 << level)]))
            first += 1 << level
    if tail or not hashes:
        hashes.append(root_of(tail))
    root = hashes.pop()
    while hashes:
        root = node_hash(hashes.pop(), root)
    return root


def decide(found: Scan, root: bytes, frontier: Frontier | None, upper: Sequence[bytes]) -> Verdict:
    """Find the reading that gives `root`.

    `frontier` is the stored one if it folds to `root`, else None; `upper` are the block roots
    that level-1 tiles claim, with an empty entry where none does.
    """
    tail = found.tail
    tails = [tail.claimed, tail.actual] if tail else [[]]
    if frontier is not None:
        return _decide_apart(found, frontier, upper)
    for roots in _readings(found, upper, 0, len(found.actual_roots)):
        for leaves in tails:
            if tree_of(roots, leaves) == root:
                return Verdict(list(roots), list(leaves), [])
    everything = [(0, found.size - 1)] if found.size else []
    return Verdict(list(found.claimed_roots), list(tails[0]), everything)


def _decide_apart(found: Scan, frontier: Frontier, upper: Sequence[bytes]) -> Verdict:
    roots: list[bytes] = []
    unproven: list[tuple[int, int]] = []
    low: list[Span] = []
    blocks_end = len(found.actual_roots) * WIDTH
    for level, first, root in frontier.subtrees():
        if level < HEIGHT:
            low.append(Span(first - blocks_end, 1 << level, root))
            continue
        start, end = first // WIDTH, (first + (1 << level)) // WIDTH
        reading = _find_reading(found, upper, start, end, root)
        if reading is None:
            unproven.append((first, first + (1 << level) - 1))
            reading = found.claimed_roots[start:end]
        roots.extend(reading)
    moved = {
        theirs: mine
        for block in found.deviating.values()
        for theirs, mine in zip(block.claimed, block.actual, strict=True)
        if theirs != mine
    }
    tail, wrong = _decide_tail(found.tail, found, low, moved) if found.tail else ([], [])
    unproven.extend((blocks_end + first, blocks_end + last) for first, last in wrong)
    return Verdict(roots, tail, unproven)


def _find_reading(
    found: Scan, upper: Sequence[bytes], start: int, end: int, root: bytes
) -> list[bytes] | None:
    for reading in _readings(found, upper, start, end):
        if root_of(reading) == root:
            return reading
    return None


def _readings(found: Scan, upper: Sequence[bytes], start: int, end: int) -> Iterator[list[bytes]]:
    """Block roots from `start` to `end`, the likeliest reading first."""
    claimed = found.claimed_roots[start:end]
    actual = found.actual_roots[start:end]
    yield claimed
    differing = [at for at in range(end - start) if claimed[at] != actual[at]]
    if not differing:
        return
    yield actual
    yield [
        mine if upper[start + at] == mine else theirs
        for at, (theirs, mine) in enumerate(zip(claimed, actual, strict=True))
    ]
    some = (
        chosen for count in range(1, len(differing)) for chosen in combinations(differing, count)
    )
    for chosen in islice(some, MOST_COMBINATIONS):
        reading = list(claimed)
        for at in chosen:
            reading[at] = actual[at]
        yield reading


def _decide_tail(
    tail: Block, found: Scan, spans: Sequence[Span], moved: Mapping[bytes, bytes]
) -> tuple[list[bytes], list[tuple[int, int]]]:
    """The tail's leaves, subtree by subtree, and the ranges that stay unproven.

    `moved` leads from a hash that is missing in an earlier block to the one found in its place.
    """
    leaves = list(tail.claimed)
    wrong: list[Span] = []
    for span in spans:
        part = slice(span.first, span.first + span.count)
        if root_of(tail.claimed[part]) == span.root:
            continue
        leaves[part] = tail.actual[part]
        if root_of(tail.actual[part]) != span.root:
            mixed = _mix(tail, span)
            if mixed is not None:
                leaves[part] = mixed
            else:
                leaves[part] = tail.claimed[part]
                wrong.append(span)
    wrong = _adopt(leaves, [moved.get(leaf, leaf) for leaf in leaves], wrong)
    around = [*found.last_leaves, *tail.actual, *found.next_leaves]
    start = len(found.last_leaves)
    for by in range(-start, len(found.next_leaves) + 1):
        shifted = around[start + by : start + by + len(leaves)]
        wrong = _adopt(leaves, shifted, wrong)
    swapped = _find_swap(leaves, wrong)
    if swapped is not None:
        first, second = swapped
        leaves[first], leaves[second] = leaves[second], leaves[first]
        wrong = []
    return leaves, [(span.first, span.first + span.count - 1) for span in wrong]


def _adopt(leaves: list[bytes], trial: Sequence[bytes], wrong: Sequence[Span]) -> list[Span]:
    """Take from `trial` every wrong subtree that it makes right; those that stay wrong."""
    still = []
    for span in wrong:
        if _holds(trial, span):
            leaves[span.first : span.first + span.count] = trial[
                span.first : span.first + span.count
            ]
        else:
            still.append(span)
    return still


def _mix(tail: Block, span: Span) -> list[bytes] | None:
    """Some leaf hashes from records, some from the claim."""
    part = range(span.first, span.first + span.count)
    differing = [at for at in part if tail.claimed[at] != tail.actual[at]]
    some = (
        chosen for count in range(1, len(differing)) for chosen in combinations(differing, count)
    )
    for chosen in islice(some, MOST_COMBINATIONS):
        leaves = [tail.actual[at] if at in chosen else tail.claimed[at] for at in part]
        if root_of(leaves) == span.root:
            return leaves
    return None


def _find_swap(leaves: Sequence[bytes], wrong: Sequence[Span]) -> tuple[int, int] | None:
    """Two leaves whose exchange restores every wrong subtree: then these two were swapped."""
    if not 1 <= len(wrong) <= 2:
        return None
    spots = [range(span.first, span.first + span.count) for span in wrong]
    pairs = (
        ((one, two) for one in spots[0] for two in spots[1])
        if len(wrong) == 2
        else combinations(spots[0], 2)
    )
    trial = list(leaves)
    for one, two in islice(pairs, MOST_SWAPS):
        trial[one], trial[two] = trial[two], trial[one]
        if all(_holds(trial, span) for span in wrong):
            return one, two
        trial[one], trial[two] = trial[two], trial[one]
    return None


def _holds(leaves: Sequence[bytes], span: Span) -> bool:
    within = leaves[span.first : span.first + span.count]
    return len(within) == span.count and root_of(within) == span.root
