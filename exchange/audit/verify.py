"""Proves a whole log, offline: records, tiles, frontier, root, signature, older checkpoints.

What it cannot see: a log rolled back as a whole to an older state that was once signed (give an
older checkpoint or a receipt to compare with), and anything done with the log's own key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exchange.audit import findings as name
from exchange.audit.bundles import bundle_findings
from exchange.audit.errors import LogUnusable, NoteRefused
from exchange.audit.evidence import Evidence, StoredHead
from exchange.audit.findings import Finding, Place
from exchange.audit.merkle import EMPTY_ROOT, Frontier, root_of, split_hashes
from exchange.audit.notes import Checkpoint, NoteVerifier, open_checkpoint
from exchange.audit.scan import UNKNOWN, Block, Progress, Scan, scan
from exchange.audit.tiles import HEIGHT, WIDTH, completed_tiles, partial_tiles
from exchange.audit.verdict import Verdict, decide, tree_of

MOST_FINDINGS = 1_000


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome. `ok` means: every record stands as signed, none is missing, none too many."""

    ok: bool
    size: int
    root: bytes
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Anchor:
    """What everything is measured by: the signed head, or an unsigned one if that fails."""

    size: int
    root: bytes
    frontier: Frontier | None


def verify(
    evidence: Evidence,
    vkey: str,
    origin: str,
    *,
    against: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Prove the log called `origin` with the public key of its signer.

    `against` is an older signed checkpoint of the same log, kept elsewhere: the log must have
    grown out of it. Raises NoteRefused if the key or that checkpoint cannot be used,
    LogUnusable if the evidence cannot be read.
    """
    verifier = NoteVerifier.from_vkey(vkey)
    older = open_checkpoint(against, (verifier,), origin) if against is not None else None
    log_findings: list[Finding] = []
    anchor = _anchor(evidence, verifier, origin, log_findings)
    keep = older.size // WIDTH if older is not None else None
    found = scan(evidence, anchor.size, keep, progress)
    upper = _upper_tiles(evidence, anchor.size, log_findings)
    verdict = decide(found, anchor.root, anchor.frontier, _claimed_upper(upper, found))
    log_findings.extend(_tile_findings(evidence, found, verdict, upper))
    log_findings.extend(bundle_findings(evidence, verdict))
    if older is not None:
        log_findings.extend(_compare(older, anchor.size, found, verdict))
    records = sorted(_record_findings(found, verdict), key=lambda finding: finding.index or 0)
    named = (
        *name.limited(records, MOST_FINDINGS),
        *name.limited(log_findings, MOST_FINDINGS),
    )
    return Report(not named, anchor.size, anchor.root, named)


def _anchor(
    evidence: Evidence, verifier: NoteVerifier, origin: str, findings: list[Finding]
) -> _Anchor:
    head = evidence.find_head()
    last = evidence.find_last_index()
    stored = 0 if last is None else max(last + 1, 0)
    if head is None:
        if stored:
            findings.append(name.of_log("head-missing", "日志头缺失", "the head is missing"))
        return _Anchor(stored, EMPTY_ROOT, None)
    try:
        signed = open_checkpoint(head.checkpoint, (verifier,), origin)
    except NoteRefused as refused:
        findings.append(
            name.of_log(
                "checkpoint-altered",
                f"检查点不可信：{refused.zh}",
                f"the checkpoint cannot be trusted: {refused.en}",
            )
        )
        # A size nobody signed must not decide how much is read.
        size = min(head.size if head.size is not None else stored, stored)
        signed = Checkpoint(origin, max(size, 0), head.root or EMPTY_ROOT)
    return _Anchor(signed.size, signed.root, _checked_head(head, signed, findings))


def _checked_head(head: StoredHead, signed: Checkpoint, findings: list[Finding]) -> Frontier | None:
    """The stored frontier where it folds to the signed root; an export has none."""
    if head.size is None or head.frontier is None:
        return None
    if head.size != signed.size or head.root != signed.root:
        findings.append(
            name.of_log(
                "head-altered",
                "日志头的大小或树根与检查点不符",
                "the head's size or root is not the checkpoint's",
            )
        )
    try:
        frontier = Frontier.decode(signed.size, head.frontier)
        if frontier.root() == signed.root:
            return frontier
    except ValueError:
        pass
    findings.append(
        name.of_log(
            "frontier-altered",
            "日志头的前沿散列被改动",
            "the frontier in the head does not give the root",
        )
    )
    return None


_Upper = dict[tuple[int, int], bytes]


def _upper_tiles(evidence: Evidence, size: int, findings: list[Finding]) -> _Upper:
    complete = {
        (tile.level, tile.number): tile.width
        for tile in (*completed_tiles(0, size), *partial_tiles(size))
        if tile.level
    }
    tiles: _Upper = {}
    for level, number, hashes in evidence.upper_tiles():
        if (level, number) in complete:
            tiles[(level, number)] = hashes
        elif len(findings) < MOST_FINDINGS:
            findings.append(name.tile_unexpected(level, number))
    return tiles


def _claimed_upper(upper: _Upper, found: Scan) -> list[bytes]:
    """What level-1 tiles say of each block's root; empty where they say nothing."""
    claimed = [b""] * len(found.actual_roots)
    for (level, number), hashes in upper.items():
        if level == 1 and len(hashes) % 32 == 0:
            for at, root in enumerate(split_hashes(hashes), number * WIDTH):
                if at < len(claimed):
                    claimed[at] = root
    return claimed


def _tile_findings(
    evidence: Evidence, found: Scan, verdict: Verdict, upper: _Upper
) -> Iterator[Finding]:
    for number in found.missing_tiles:
        yield name.tile_missing(0, number)
    for number in found.unexpected_tiles:
        yield name.tile_unexpected(0, number)
    for number in found.damaged_tiles:
        yield name.tile_altered(0, number)
    for block in _blocks(found):
        if (
            block.from_tile
            and block.differs
            and _true_leaves(block, found, verdict) != block.claimed
        ):
            yield name.tile_altered(0, block.number)
    nodes = _nodes(verdict.roots, found.size)
    yield from _upper_findings(nodes, upper)
    yield from _root_findings(nodes, evidence)


def _nodes(roots: Sequence[bytes], size: int) -> list[list[bytes]]:
    """nodes[t][n] is the true root of complete tile n of level t."""
    nodes = [list(roots)]
    while len(nodes[-1]) >= WIDTH:
        whole = size >> HEIGHT * (len(nodes) + 1)
        below = nodes[-1]
        nodes.append([root_of(below[at * WIDTH : (at + 1) * WIDTH]) for at in range(whole)])
    return nodes


def _upper_findings(nodes: Sequence[Sequence[bytes]], upper: _Upper) -> Iterator[Finding]:
    for level, within_level in enumerate(nodes, 1):
        for first in range(0, len(within_level), WIDTH):
            number = first // WIDTH
            within = within_level[first : first + WIDTH]
            stored = upper.get((level, number))
            if stored is not None and stored != b"".join(within):
                yield name.tile_altered(level, number)
            elif stored is None and len(within) == WIDTH:
                yield name.tile_missing(level, number)


def _root_findings(nodes: Sequence[Sequence[bytes]], evidence: Evidence) -> Iterator[Finding]:
    stored = evidence.tile_roots()
    if stored is None:
        return
    expected = ((t, n, root) for t, row in enumerate(nodes) for n, root in enumerate(row))
    found = next(stored, None)
    for level, number, root in expected:
        while found is not None and found[:2] < (level, number):
            yield name.tile_unexpected(*found[:2])
            found = next(stored, None)
        if found is not None and found[:2] == (level, number):
            if found[2] != root:
                yield name.tile_root_altered(level, number)
            found = next(stored, None)
        else:
            yield name.tile_root_altered(level, number)
    while found is not None:
        yield name.tile_unexpected(*found[:2])
        found = next(stored, None)


def _blocks(found: Scan) -> Iterator[Block]:
    yield from found.deviating.values()
    if found.tail is not None:
        yield found.tail


def _true_leaves(block: Block, found: Scan, verdict: Verdict) -> list[bytes]:
    """The leaves the verdict holds for true."""
    if block is found.tail:
        return verdict.tail
    true_root = verdict.roots[block.number]
    return block.actual if true_root == found.actual_roots[block.number] else block.claimed


def _record_findings(found: Scan, verdict: Verdict) -> Iterator[Finding]:
    places = list(_places(found, verdict))
    named = name.name_deviations(places, found.next_leaves)
    if found.deviating_more:
        # The last deviating block was read without those after it: its end tells nothing.
        edge = max(found.deviating) * WIDTH
        named = [finding for finding in named if (finding.index or 0) < edge]
        yield _many(found)
    yield from named
    yield from _absences(found)
    told = {place.index for place in places if place.actual != place.expected}
    for index in found.leaf_mismatches:
        if index not in told:
            yield name.leaf_altered(index)
    for index in found.column_mismatches:
        if index not in told:
            yield name.column_altered(index)
    for first, last in verdict.unproven:
        yield name.unproven(first, last)


def _places(found: Scan, verdict: Verdict) -> Iterator[Place]:
    """Every place of the blocks that deviate from what is true."""
    for block in _blocks(found):
        true = _true_leaves(block, found, verdict)
        if block.actual == true and not block.missing:
            continue
        for at, (actual, expected) in enumerate(zip(block.actual, true, strict=True)):
            if expected != UNKNOWN:
                stored = None if at in block.missing else actual
                yield Place(block.number * WIDTH + at, stored, expected)


def _many(found: Scan) -> Finding:
    first = found.deviating_more[0] * WIDTH
    return Finding(
        "many-altered",
        first,
        f"自第 {first} 条起还有许多记录与日志不符",
        f"from record {first} on many more records deviate",
    )


def _absences(found: Scan) -> Iterator[Finding]:
    for first, last in found.gaps:
        if last == found.size - 1:
            yield name.truncated(first, last)
        else:
            yield name.deleted(first, last)
    for first, last in found.beyond:
        yield name.beyond_head(first, last)


def _compare(older: Checkpoint, size: int, found: Scan, verdict: Verdict) -> Iterator[Finding]:
    if older.size > size:
        yield name.of_log(
            "rolled-back",
            f"日志被退回：旧检查点有 {older.size} 条，现仅 {size} 条",
            f"the log was rolled back: the older checkpoint has {older.size} records, now {size}",
        )
        return
    whole, rest = divmod(older.size, WIDTH)
    leaves: list[bytes] = []
    if rest:
        block = found.kept
        if block is None:
            raise LogUnusable(zh="无法与旧检查点比较", en="cannot compare with that checkpoint")
        leaves = _true_leaves(block, found, verdict)[:rest]
    if tree_of(verdict.roots[:whole], leaves) != older.root:
        yield name.of_log(
            "rewritten",
            f"日志前 {older.size} 条与旧检查点不符：历史被改写",
            f"the first {older.size} records are not those of the older checkpoint:"
            " history was rewritten",
        )
