"""A certificate's history, checked offline by somebody who trusts only the issuer's key."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certstore.base64url import b64url
from certstore.history import (
    BY_REGISTER,
    Statement,
    VerifiedHistory,
    link,
    sign_statement,
    statement_of_credential,
    succession,
    verify_history,
)
from certstore.issue import CertificateDraft, sign_certificate
from certstore.keys import Es256Signer
from certstore.life_cycle import CHANGE, REINSTATE, REVOKE, SUSPEND, UNPLAN, Condition
from certstore.trust import TrustAnchors
from tests.certstore.conftest import ISSUER

AT = datetime(2026, 2, 1, 8, tzinfo=UTC)


def day(number: int) -> datetime:
    return AT + timedelta(days=number)


@pytest.fixture
def say(draft: CertificateDraft, signer: Es256Signer) -> Any:
    """Signs the next statement after those given."""

    def sign(
        before: list[str], operation: str, state: str, on: int, *, sequence: int | None = None,
        by: Es256Signer = signer, **more: Any,
    ) -> str:  # fmt: skip
        statement = Statement(
            identifier=str(draft.identifier),
            version=1,
            sequence=len(before) if sequence is None else sequence,
            operation=operation,
            state=state,
            effective_at=day(on),
            recorded_at=day(on),
            recorded_by="licensing",
            reason_code="violation",
            reason="年检未通过",
            legal_ground="第四十六条",
            previous=link(before[-1]) if before else None,
        )
        return sign_statement(replace(statement, **more), by, issuer_uri=ISSUER)

    return sign


@pytest.fixture
def chain(certificate: str, say: Any) -> list[str]:
    """Issued, suspended, given back, revoked."""
    statements = [statement_of_credential(certificate)]
    for operation, state, on in ((SUSPEND, "02", 10), (REINSTATE, "01", 20), (REVOKE, "07", 30)):
        statements.append(say(statements, operation, state, on))
    return statements


def codes(found: VerifiedHistory) -> list[tuple[int, str]]:
    for fault in found.faults:
        assert fault.zh and fault.en.isascii()
    return [(fault.position, fault.code) for fault in found.faults]


def test_a_whole_history_holds_and_tells_every_state(chain: list[str], trust: TrustAnchors) -> None:
    found = verify_history(chain, trust)
    assert found.holds
    assert found.life is not None
    assert [found.life.at(day(n)).condition for n in (1, 10, 20, 30)] == [  # type: ignore[union-attr]
        Condition.VALID, Condition.SUSPENDED, Condition.VALID, Condition.REVOKED,
    ]  # fmt: skip


def test_it_begins_with_a_credential_or_with_its_signed_part(
    certificate: str, chain: list[str], trust: TrustAnchors
) -> None:
    assert verify_history([certificate, *chain[1:]], trust).holds
    shown_in_part = "~".join(certificate.split("~")[:2]) + "~"
    assert verify_history([shown_in_part, *chain[1:]], trust).holds


@pytest.mark.parametrize("position", [0, 1, 2, 3])
def test_an_altered_statement_is_named(
    chain: list[str], trust: TrustAnchors, position: int
) -> None:
    head, payload, signature = chain[position].split(".")
    middle = len(payload) // 2
    swapped = "A" if payload[middle] != "A" else "B"
    chain[position] = f"{head}.{payload[:middle]}{swapped}{payload[middle + 1 :]}.{signature}"
    ((where, code),) = codes(verify_history(chain, trust))
    assert where == position
    assert code in ("altered", "malformed", "not-trusted")


def test_an_altered_reason_is_named_as_altered(chain: list[str], trust: TrustAnchors) -> None:
    head, payload, signature = chain[2].split(".")
    claims = json.loads(__import__("base64").urlsafe_b64decode(payload + "=="))
    claims["reason"] = "另一理由"
    forged = b64url(json.dumps(claims, sort_keys=True).encode()).decode()
    chain[2] = f"{head}.{forged}.{signature}"
    assert codes(verify_history(chain, trust)) == [(2, "altered")]


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_dropped_statement_is_named(chain: list[str], trust: TrustAnchors, position: int) -> None:
    del chain[position]
    assert (position, "dropped") in codes(verify_history(chain, trust))


def test_the_end_of_a_history_is_not_told_by_the_chain(
    chain: list[str], trust: TrustAnchors
) -> None:
    assert verify_history(chain[:3], trust).holds


@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 3), (0, 1)])
def test_statements_that_changed_places_are_named(
    chain: list[str], trust: TrustAnchors, one: int, other: int
) -> None:
    chain[one], chain[other] = chain[other], chain[one]
    assert (other, "reordered") in codes(verify_history(chain, trust))


def test_a_statement_told_twice_is_named(chain: list[str], trust: TrustAnchors) -> None:
    assert (2, "reordered") in codes(verify_history([*chain[:2], *chain[1:]], trust))


def test_another_statement_of_the_same_place_is_named(
    chain: list[str], trust: TrustAnchors, say: Any
) -> None:
    """The issuer itself signs a second history: what follows was signed after the first one."""
    chain[1] = say(chain[:1], SUSPEND, "02", 11)
    assert codes(verify_history(chain, trust)) == [(2, "replaced")]


def test_another_bodys_signature_is_not_trusted(
    chain: list[str], trust: TrustAnchors, say: Any, other_signer: Es256Signer
) -> None:
    chain[3] = say(chain[:3], REVOKE, "07", 30, by=other_signer)
    assert codes(verify_history(chain, trust)) == [(3, "not-trusted")]


def test_another_certificates_statement_is_named(
    chain: list[str], trust: TrustAnchors, say: Any, draft: CertificateDraft
) -> None:
    other = replace(draft.identifier, serial="20260000002")
    chain[3] = say(chain[:3], REVOKE, "07", 30, identifier=str(other))
    assert codes(verify_history(chain, trust)) == [(3, "other-certificate")]


@pytest.mark.parametrize(
    ("operation", "state", "on"),
    [(REINSTATE, "01", 40), (SUSPEND, "02", 40), (REVOKE, "07", 40), ("77", "01", 40),
     (UNPLAN, "07", 40)],
    ids=["given-back", "suspended", "revoked-twice", "unknown", "nothing-planned"],
)  # fmt: skip
def test_what_the_state_did_not_allow_is_named_though_the_issuer_signed_it(
    chain: list[str], trust: TrustAnchors, say: Any, operation: str, state: str, on: int
) -> None:
    chain.append(say(chain, operation, state, on))
    assert codes(verify_history(chain, trust)) == [(4, "impossible")]


def test_a_state_that_is_not_the_operations_is_impossible(
    chain: list[str], trust: TrustAnchors, say: Any
) -> None:
    lenient = [*chain[:3], say(chain[:3], REVOKE, "02", 30)]
    assert codes(verify_history(lenient, trust)) == [(3, "impossible")]


def test_a_later_versions_credential_is_a_statement_of_its_own(
    chain: list[str], trust: TrustAnchors, draft: CertificateDraft, signer: Es256Signer
) -> None:
    upto = chain[:3]
    came = succession(sequence=3, operation=CHANGE, effective_at=day(40), previous=link(upto[-1]))
    second = sign_certificate(
        replace(draft, identifier=draft.identifier.next_version(), history=came),
        signer,
        issuer_uri=ISSUER,
        issued_at=day(40),
    )
    found = verify_history([*upto, statement_of_credential(second)], trust)
    assert found.holds
    assert found.life is not None and found.life.begins_at(2) == day(40)
    left_out = verify_history([upto[0], statement_of_credential(second)], trust)
    assert codes(left_out) == [(1, "dropped")]


def test_what_a_register_states_is_taken_as_it_stands(
    certificate: str, trust: TrustAnchors, say: Any
) -> None:
    statements = [statement_of_credential(certificate)]
    statements.append(say(statements, REVOKE, "07", -400, recorded_by=f"{BY_REGISTER}1"))
    found = verify_history(statements, trust)
    assert found.holds
    assert found.life is not None
    assert found.life.at(AT).condition is Condition.REVOKED  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("statements", "code"),
    [([], "empty"), (["x"], "malformed"), (["a.b.c"], "malformed"), (["é" * 9], "malformed"),
     (["e30.e30.e30"], "not-trusted"), (["x"] * 10_001, "too-many")],
    ids=["none", "no-jws", "no-base64", "no-ascii", "nobody", "ten-thousand"],
)  # fmt: skip
def test_nonsense_is_a_fault_not_an_error(
    statements: list[str], code: str, trust: TrustAnchors
) -> None:
    assert codes(verify_history(statements, trust))[0][1] == code


def test_an_unsigned_statement_is_refused(chain: list[str], trust: TrustAnchors) -> None:
    _, payload, _ = chain[1].split(".")
    none = b64url(b'{"alg":"none","typ":"yici-event+jwt"}').decode()
    chain[1] = f"{none}.{payload}."
    assert codes(verify_history(chain, trust)) == [(1, "altered")]


@pytest.mark.parametrize(
    ("term", "faults"),
    [
        ({"retired_at": "2026-02-25T00:00:00Z"}, [(3, "key-retired")]),
        ({"retired_at": "2027-01-01T00:00:00Z"}, []),
        ({"not_before": "2026-02-05T00:00:00Z"}, [(0, "key-not-yet")]),
        (
            {"compromised_from": "2026-02-15T00:00:00Z"},
            [(0, "key-compromised-later"), (1, "key-compromised-later"),
             (2, "key-compromised"), (3, "key-compromised")],
        ),
    ],
    ids=["retired", "retired-later", "not-yet", "compromised"],
)  # fmt: skip
def test_each_statement_is_held_against_the_term_of_its_key(
    chain: list[str], trust_document: dict[str, Any], term: dict[str, str],
    faults: list[tuple[int, str]],
) -> None:  # fmt: skip
    trust_document["issuers"][0]["jwks"]["keys"][0] |= term
    assert codes(verify_history(chain, TrustAnchors.from_json(trust_document))) == faults
