"""RFC 6962 trees, against other people's vectors and a naive recursive tree."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.audit.errors import ProofRefused
from exchange.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    append_batch,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    subtrees_of,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

CLASSIC_LEAVES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                  "606162636465666768696a6b6c6d6e6f")  # fmt: skip


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word, over leaf hashes."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:])).digest()


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(str(number).encode()) for number in range(count)]


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def probes(shared_dir: Path, kind: str) -> list[dict[str, Any]]:
    found = [
        json.loads(path.read_text())
        for path in sorted((shared_dir / "vectors" / "merkle" / kind).rglob("*.json"))
    ]
    assert len(found) > 80
    return found


def test_the_classic_eight_leaves_give_their_known_roots(shared_dir: Path) -> None:
    known = (shared_dir / "vectors" / "README.md").read_text()
    leaves = [leaf_hash(bytes.fromhex(leaf)) for leaf in CLASSIC_LEAVES]
    for size in range(9):
        root = root_of(leaves[:size]).hex()
        assert root in known
        assert Frontier().appended(leaves[:size]).root().hex() == root
    assert root_of([]) == EMPTY_ROOT


def test_every_inclusion_probe_is_judged_as_its_author_wants(shared_dir: Path) -> None:
    for probe in probes(shared_dir, "inclusion"):
        proof = [decoded(step) for step in probe["proof"] or []]
        given_ = (decoded(probe["leafHash"]), probe["leafIdx"], probe["treeSize"], proof)
        try:
            verify_inclusion(*given_, decoded(probe["root"]))
            refused = False
        except ProofRefused:
            refused = True
        assert refused is probe["wantErr"], probe["desc"]


def test_every_consistency_probe_is_judged_as_its_author_wants(shared_dir: Path) -> None:
    for probe in probes(shared_dir, "consistency"):
        proof = [decoded(step) for step in probe["proof"] or []]
        roots = decoded(probe["root1"]), decoded(probe["root2"])
        try:
            verify_consistency(probe["size1"], probe["size2"], proof, *roots)
            refused = False
        except ProofRefused:
            refused = True
        assert refused is probe["wantErr"], probe["desc"]


@settings(max_examples=60, deadline=None)
@given(old=st.integers(0, 600), more=st.integers(0, 300))
def test_a_batch_grows_the_tree_that_the_rfc_defines(old: int, more: int) -> None:
    leaves = leaves_of(old + more)
    growth = append_batch(Frontier().appended(leaves[:old]), leaves[old:])
    assert growth.root == growth.frontier.root() == naive_root(leaves)
    assert growth.frontier == Frontier.decode(old + more, growth.frontier.encode())
    assert len(growth.proofs) == more
    for index, proof in enumerate(growth.proofs, old):
        verify_inclusion(leaves[index], index, old + more, proof, growth.root)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_proofs_hold_for_their_place_only(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1))
    leaves = leaves_of(size)
    proof, root = inclusion_proof(leaves, index), root_of(leaves)
    verify_inclusion(leaves[index], index, size, proof, root)
    if other != index:
        with pytest.raises(ProofRefused):
            verify_inclusion(leaves[other], index, size, proof, root)
        with pytest.raises(ProofRefused):
            verify_inclusion(leaves[index], other, size, proof, root)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_consistency_holds_between_prefixes_only(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 300))
    old = data.draw(st.integers(1, new))
    leaves = leaves_of(new)
    proof, root = consistency_proof(leaves, old), root_of(leaves)
    verify_consistency(old, new, proof, root_of(leaves[:old]), root)
    forged = [*leaves[: old - 1], leaf_hash(b"forged")]
    with pytest.raises(ProofRefused):
        verify_consistency(old, new, proof, root_of(forged), root)


def test_an_empty_old_tree_proves_nothing() -> None:
    with pytest.raises(ProofRefused):
        consistency_proof(leaves_of(3), 0)
    with pytest.raises(ProofRefused):
        verify_consistency(0, 3, [], EMPTY_ROOT, root_of(leaves_of(3)))


def test_a_batch_says_which_nodes_it_completed() -> None:
    leaves = leaves_of(600)
    growth = append_batch(Frontier().appended(leaves[:250]), leaves[250:])
    assert growth.node(8, 0) == root_of(leaves[:256])
    assert growth.node(8, 1) == root_of(leaves[256:512])
    with pytest.raises(KeyError):
        growth.node(8, 2)
    with pytest.raises(KeyError):
        growth.node(0, 249 - 100)


def test_the_frontier_names_its_subtrees_from_left_to_right() -> None:
    leaves = leaves_of(11)
    subtrees = list(Frontier().appended(leaves).subtrees())
    assert [(level, first) for level, first, _ in subtrees] == [(3, 0), (1, 8), (0, 10)]
    assert [root for _, _, root in subtrees] == [
        root_of(leaves[:8]), root_of(leaves[8:10]), leaves[10]
    ]  # fmt: skip
    assert tree_root(subtrees_of(leaves), 11) == root_of(leaves)


def test_a_frontier_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="frontier"):
        Frontier.decode(3, bytes(32))
    with pytest.raises(ValueError, match="frontier"):
        Frontier(2, ())


def test_a_proof_that_stops_short_of_the_root_is_refused() -> None:
    leaves = leaves_of(8)
    with pytest.raises(ProofRefused):
        verify_inclusion(leaves[0], 0, 8, inclusion_proof(leaves[:4], 0), root_of(leaves[:4]))
    with pytest.raises(ProofRefused):
        verify_consistency(2, 8, consistency_proof(leaves[:4], 2), root_of(leaves[:2]),
                           root_of(leaves[:4]))  # fmt: skip
    # A single step that repeats both roots would pass, were size 0 not refused.
    with pytest.raises(ProofRefused):
        verify_consistency(0, 1, [leaves[0]], leaves[0], leaves[0])
