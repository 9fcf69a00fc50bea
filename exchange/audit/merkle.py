"""RFC 6962 Merkle trees: hashing, growing, and proofs of inclusion and consistency.

Pure: hashes are 32 bytes (SHA-256), nothing is read or written. A tree's *node* is named by
(level, number): it covers the leaves `number << level` up to `(number + 1) << level`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from exchange.audit.errors import ProofRefused

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()

Proof = tuple[bytes, ...]
Subtree = Callable[[int, int], bytes]
"""(level, number) -> hash of that complete node."""


def leaf_hash(record: bytes) -> bytes:
    """SHA-256(0x00 ‖ record), RFC 6962 section 2.1."""
    return sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right), RFC 6962 section 2.1."""
    return sha256(b"\x01" + left + right).digest()


def _paired(row: Sequence[bytes]) -> list[bytes]:
    """The row above; an odd last node moves up unchanged."""
    above = [
        sha256(b"\x01" + left + right).digest()
        for left, right in zip(row[::2], row[1::2], strict=False)
    ]
    if len(row) & 1:
        above.append(row[-1])
    return above


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes from left to right; the empty tree's is SHA-256 of nothing."""
    if not leaf_hashes:
        return EMPTY_ROOT
    row = leaf_hashes
    while len(row) > 1:
        row = _paired(row)
    return row[0]


def _fold(hashes: Sequence[bytes]) -> bytes:
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree's size and the hashes of its complete subtrees, the largest (leftmost) first.

    One hash per 1-bit of `size`, so 32 bytes × at most 63; enough to go on growing the tree.
    """

    size: int = 0
    hashes: Proof = ()

    def __post_init__(self) -> None:
        if self.size < 0 or self.size.bit_count() != len(self.hashes):
            raise ValueError("a frontier has one hash per 1-bit of its size")

    @classmethod
    def decode(cls, size: int, stored: bytes) -> Frontier:
        """Undo `encode`. Raises ValueError if the length does not fit the size."""
        if size < 0 or len(stored) != size.bit_count() * HASH_SIZE:
            raise ValueError("the stored frontier does not fit the size")
        return cls(size, split_hashes(stored))

    def encode(self) -> bytes:
        """The hashes one after the other."""
        return b"".join(self.hashes)

    def root(self) -> bytes:
        """The root of the whole tree."""
        return _fold(self.hashes) if self.hashes else EMPTY_ROOT

    def subtrees(self) -> Iterator[tuple[int, int, bytes]]:
        """(level, first leaf, hash) of every complete subtree, from left to right."""
        first = 0
        remaining = iter(self.hashes)
        for level in range(self.size.bit_length() - 1, -1, -1):
            if self.size >> level & 1:
                yield level, first, next(remaining)
                first += 1 << level

    def appended(self, leaf_hashes: Sequence[bytes]) -> Frontier:
        """The frontier after more leaves."""
        return append_batch(self, leaf_hashes).frontier


@dataclass(frozen=True, slots=True)
class Growth:
    """What appending a batch gave.

    `proofs[i]` proves the i-th new leaf in the new tree. `rows[level]` is (number of the first
    node, nodes) of all nodes of that level at the right edge; the last one may be incomplete.
    """

    frontier: Frontier
    root: bytes
    proofs: tuple[Proof, ...]
    rows: tuple[tuple[int, Sequence[bytes]], ...] = field(repr=False)

    def node(self, level: int, number: int) -> bytes:
        """The hash of a complete node this batch completed. Raises KeyError otherwise."""
        if level < len(self.rows):
            first, nodes = self.rows[level]
            if first <= number < self.frontier.size >> level:
                return nodes[number - first]
        raise KeyError((level, number))


def append_batch(frontier: Frontier, leaf_hashes: Sequence[bytes]) -> Growth:
    """Grow the tree by leaves and prove each of them in the grown tree.

    The frontier alone suffices: every sibling to the left of a new leaf's path is the root of
    one of its complete subtrees. Each inner node is hashed once, each step of a path shared.
    """
    if not leaf_hashes:
        return Growth(frontier, frontier.root(), (), ())
    size = frontier.size + len(leaf_hashes)
    rows, hashes = _grown_rows(frontier, leaf_hashes, size)
    proofs = _paths(rows)
    known = frontier.size - rows[0][0]
    return Growth(
        Frontier(size, tuple(reversed(hashes))),
        rows[-1][1][0],
        tuple(proofs[known:]),
        tuple(rows),
    )


def _grown_rows(
    frontier: Frontier, leaf_hashes: Sequence[bytes], size: int
) -> tuple[list[tuple[int, Sequence[bytes]]], list[bytes]]:
    """The rows of the right edge, each starting at an even number, and the new frontier."""
    left = list(frontier.hashes)
    row: Sequence[bytes] = leaf_hashes
    first = frontier.size
    rows: list[tuple[int, Sequence[bytes]]] = []
    hashes: list[bytes] = []
    level = 0
    while True:
        if first & 1:
            row = [left.pop(), *row]
            first -= 1
        rows.append((first, row))
        if size >> level & 1:
            hashes.append(row[(size >> level) - 1 - first])
        if first == 0 and len(row) == 1:
            return rows, hashes
        row = _paired(row)
        first >>= 1
        level += 1


def _paths(rows: Sequence[tuple[int, Sequence[bytes]]]) -> list[Proof]:
    """The audit path of every node of the lowest row, built from the root downwards."""
    above: list[Proof] = [()]
    above_first = 0
    for first, row in reversed(rows[:-1]):
        paths: list[Proof] = []
        parent = (first >> 1) - above_first
        for at in range(0, len(row) - 1, 2):
            rest = above[parent]
            paths.append((row[at + 1], *rest))
            paths.append((row[at], *rest))
            parent += 1
        if len(row) & 1:
            paths.append(above[parent])
        above = paths
        above_first = first
    return above


def split_hashes(joined: bytes) -> Proof:
    """Cut concatenated hashes. Raises ValueError if the length is no multiple of 32."""
    if len(joined) % HASH_SIZE:
        raise ValueError("not a sequence of 32-byte hashes")
    return tuple(joined[at : at + HASH_SIZE] for at in range(0, len(joined), HASH_SIZE))


def subtrees_of(leaf_hashes: Sequence[bytes]) -> Subtree:
    """A `Subtree` over leaf hashes held in memory."""

    def subtree(level: int, number: int) -> bytes:
        return root_of(leaf_hashes[number << level : (number + 1) << level])

    return subtree


def range_root(subtree: Subtree, first: int, end: int) -> bytes:
    """The hash over leaves first … end-1, where `first` is where such a node may start."""
    count = end - first
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return subtree(level, first >> level)
    middle = first + _left_width(count)
    return node_hash(range_root(subtree, first, middle), range_root(subtree, middle, end))


def _left_width(count: int) -> int:
    """The largest power of two smaller than `count` (count > 1)."""
    return 1 << ((count - 1).bit_length() - 1)


def tree_root(subtree: Subtree, size: int) -> bytes:
    """The root of the tree's first `size` leaves."""
    return range_root(subtree, 0, size) if size else EMPTY_ROOT


def inclusion_proof_from(subtree: Subtree, index: int, size: int) -> Proof:
    """PATH(index, D[size]) of RFC 6962 section 2.1.1, from complete nodes only."""
    if not 0 <= index < size:
        raise _refused_inclusion()
    path: list[bytes] = []
    first, end = 0, size
    while end - first > 1:
        middle = first + _left_width(end - first)
        if index < middle:
            path.append(range_root(subtree, middle, end))
            end = middle
        else:
            path.append(range_root(subtree, first, middle))
            first = middle
    return tuple(reversed(path))


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> Proof:
    """The audit path of one leaf, leaf's sibling first."""
    return inclusion_proof_from(subtrees_of(leaf_hashes), index, len(leaf_hashes))


def consistency_proof_from(subtree: Subtree, old: int, new: int) -> Proof:
    """PROOF(old, D[new]) of RFC 6962 section 2.1.2. Raises ProofRefused unless 0 < old ≤ new."""
    if not 0 < old <= new:
        raise _refused_consistency()
    path: list[bytes] = []
    first, end, whole = 0, new, True
    while end != old:
        middle = first + _left_width(end - first)
        if old <= middle:
            path.append(range_root(subtree, middle, end))
            end = middle
        else:
            path.append(range_root(subtree, first, middle))
            first = middle
            whole = False
    if not whole:
        path.append(range_root(subtree, first, end))
    return tuple(reversed(path))


def consistency_proof(leaf_hashes: Sequence[bytes], old: int) -> Proof:
    """The proof that the tree of the first `old` leaves is a prefix of the whole tree."""
    return consistency_proof_from(subtrees_of(leaf_hashes), old, len(leaf_hashes))


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Raise ProofRefused unless leaf hash `leaf` stands at `index` under `root`.

    RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size or len(leaf) != HASH_SIZE:
        raise _refused_inclusion()
    at, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise _refused_inclusion()
        if at & 1 or at == last:
            computed = node_hash(sibling, computed)
            while at and not at & 1:
                at >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, sibling)
        at >>= 1
        last >>= 1
    if last or computed != root:
        raise _refused_inclusion()


def verify_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Raise ProofRefused unless the tree (old, old_root) is a prefix of (new, new_root).

    RFC 9162 section 2.1.4.2. An empty old tree is refused: a proof from it proves nothing.
    """
    if not 0 < old <= new:
        raise _refused_consistency()
    if old == new:
        if proof or old_root != new_root:
            raise _refused_consistency()
        return
    if not proof:
        raise _refused_consistency()
    steps = list(proof)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    at, last = old - 1, new - 1
    while at & 1:
        at >>= 1
        last >>= 1
    old_computed = new_computed = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            raise _refused_consistency()
        if at & 1 or at == last:
            old_computed = node_hash(sibling, old_computed)
            new_computed = node_hash(sibling, new_computed)
            while at and not at & 1:
                at >>= 1
                last >>= 1
        else:
            new_computed = node_hash(new_computed, sibling)
        at >>= 1
        last >>= 1
    if last or old_computed != old_root or new_computed != new_root:
        raise _refused_consistency()


def _refused_inclusion() -> ProofRefused:
    return ProofRefused(
        zh="包含证明不成立：该记录不在此树根之下",
        en="the inclusion proof does not hold: the record is not under this root",
    )


def _refused_consistency() -> ProofRefused:
    return ProofRefused(
        zh="一致性证明不成立：旧树不是新树的前缀",
        en="the consistency proof does not hold: the old tree is not a prefix of the new one",
    )
