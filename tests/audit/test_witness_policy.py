"""Witness policies: what is read, what is refused, and when enough have cosigned."""

from __future__ import annotations

import pytest

from exchange.audit.errors import WitnessPolicyRefused
from exchange.audit.witness_policy import parse_policy
from tests.audit.test_cosignatures import CHECKPOINT, NOTE, ORIGIN, SIGNER, key

KEYS = {f"K{number}": key(number).cosigner.vkey for number in range(1, 6)}
TWO_OF_THREE_AND_ONE_OF_TWO = """
# two operators
log {log} https://hub.example/log
witness X1 {K1} https://x1.example/
witness X2 {K2}
 witness\tX3  {K3}
group X 2 X1 X2 X3
witness Y1 {K4}
witness Y2 {K5}
group Y any Y1 Y2
group both all X Y
quorum both
"""


def read(text: str) -> object:
    return parse_policy(text.format(log=SIGNER.verifier.vkey, **KEYS))


def note(*signed: tuple[int, int]) -> str:
    return NOTE + "".join(key(n).signature_line(CHECKPOINT.text(), at) for n, at in signed)


def test_logs_witnesses_and_groups_are_read() -> None:
    policy = parse_policy(TWO_OF_THREE_AND_ONE_OF_TWO.format(log=SIGNER.verifier.vkey, **KEYS))
    assert policy.find_log(ORIGIN) == (SIGNER.verifier,)
    assert policy.find_log("other") == ()
    assert [each.url for each in policy.witnesses] == ["https://x1.example", *[None] * 4]
    assert [(each.name, each.threshold) for each in policy.groups] == [
        ("X", 2), ("Y", 1), ("both", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("signed", "since"),
    [
        ([], None),
        ([(1, 10), (2, 20), (3, 30)], None),
        ([(4, 10), (5, 10)], None),
        ([(1, 10), (4, 50)], None),
        ([(1, 10), (2, 20), (4, 50)], 10),
        ([(1, 10), (2, 20), (3, 30), (4, 50)], 20),
        ([(1, 70), (2, 60), (3, 30), (4, 5), (5, 50)], 50),
    ],
    ids=["none", "one-group", "other-group", "too-few", "just-enough", "newest-two", "newest-one"],
)
def test_the_quorum_stands_since_the_newest_time_that_enough_share(
    signed: list[tuple[int, int]], since: int | None
) -> None:
    policy = parse_policy(TWO_OF_THREE_AND_ONE_OF_TWO.format(log=SIGNER.verifier.vkey, **KEYS))
    assert policy.find_time(note(*signed)) == since


def test_no_quorum_asks_for_nobody() -> None:
    assert parse_policy("quorum none").find_time(NOTE) == 0


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("quorum A", 1),
        ("quorum none\nquorum none", 2),
        ("witness A {K1}\nwitness A {K2}\nquorum A", 2),
        ("witness A {K1}\nwitness B {K1}\nquorum A", 2),
        ("witness none {K1}\nquorum none", 1),
        ("witness A {log}\nquorum A", 1),
        ("log {K1}\nquorum none", 1),
        ("log {log}\nlog {log}\nquorum none", 2),
        ("group G any A\nwitness A {K1}\nquorum G", 1),
        ("witness A {K1}\ngroup G 2 A\nquorum G", 2),
        ("witness A {K1}\ngroup G 0 A\nquorum G", 2),
        ("witness A {K1}\ngroup G 01 A\nquorum G", 2),
        ("witness A {K1}\ngroup G any\nquorum G", 2),
        ("witness A {K1}\ngroup G any A\ngroup H any A\nquorum H", 3),
        ("witness A {K1} ftp://a\nquorum A", 1),
        ("witness A {K1} https://a b\nquorum A", 1),
        ("quorum none\r", 1),
        ("whatever\nquorum none", 1),
    ],
)
def test_what_is_no_policy_is_refused_by_its_line(text: str, line: int) -> None:
    with pytest.raises(WitnessPolicyRefused, match=f"line {line}:"):
        read(text)
