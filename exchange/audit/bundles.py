"""Entry bundles of an exported or mirrored log, compared with the leaves that verify proved."""

from __future__ import annotations

from collections.abc import Iterator

from exchange.audit import findings as name
from exchange.audit.errors import LogUnusable
from exchange.audit.evidence import Evidence
from exchange.audit.findings import Finding
from exchange.audit.merkle import leaf_hash, root_of
from exchange.audit.tiles import WIDTH, parse_entries
from exchange.audit.verdict import Verdict


def bundle_findings(evidence: Evidence, verdict: Verdict) -> Iterator[Finding]:
    """Name each bundle that is missing, of another width, or not what its leaves stand for."""
    bundles = evidence.bundles()
    if bundles is None:
        return
    expected = len(verdict.roots) + (1 if verdict.tail else 0)
    seen = set()
    for tile, content in bundles:
        number = tile.number
        width = WIDTH if number < len(verdict.roots) else len(verdict.tail)
        if number >= expected or tile.width != width:
            yield name.tile_unexpected(0, number)
            continue
        seen.add(number)
        try:
            leaves = [leaf_hash(entry) for entry in parse_entries(content, width)]
        except LogUnusable:
            leaves = []
        true = verdict.roots[number] if width == WIDTH else root_of(verdict.tail)
        if root_of(leaves) != true:
            yield name.entries_altered(number)
    for number in range(expected):
        if number not in seen:
            yield name.entries_altered(number)
