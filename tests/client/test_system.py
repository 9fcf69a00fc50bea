"""The SDK against a real hub over HTTP: what it sends, proves, gives out and refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa

from exchange.client import (
    Applicant,
    Credentials,
    Holder,
    Lookup,
    Operator,
    Trust,
    Yici,
    YiciProblem,
    YiciUnproven,
)
from exchange.client.cases import Request
from exchange.client.credentials import KeyUnusable
from exchange.departments.records import System
from exchange.items.definitions import load_definitions
from tests.client.signed import SigningHub
from tests.hub import AUDIT_OFFICE, CULTURE, HEALTH, MARKET, SERVICE_CENTRE, Served

LICENCE = "business-licence"
PLAN = "premises-floor-plan"
CLERK = Operator("window-03", "窗口甲", "综合窗口3号")
PDF = b"%PDF-1.4\n1 0 obj\n<< >>\nendobj\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 1 >>\nstartxref\n31\n%%EOF\n"  # noqa: E501


def item_of(department: str) -> str:
    return next(
        each["code"]
        for each in load_definitions()
        if each["department"] == department and each["materials"][0]["code"] == LICENCE
    )


class Connections:
    """SDK connections of departments to one served hub."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self._open: list[Yici | Applicant] = []

    def yici(self, department: str, key: Any = None, **more: Any) -> Yici:
        credentials = Credentials.of(key or generate_private_key(SECP256R1()))
        client_id = f"{department}-sdk"
        self.served.hub.publishing.register_system(
            System(
                client_id,
                department,
                "SDK",
                {"keys": [credentials.public_jwk()]},
                frozenset({"lookups", "cases", "certificates", "registers", "audit"}),
                None,
            )
        )
        connection = Yici(
            self.served.url,
            client_id=client_id,
            key=credentials,
            issuer=self.served.hub.settings.public_url,
            clock=self.served.clock,
            **more,
        )
        self._open.append(connection)
        return connection

    def applicant(self, holder: str) -> Applicant:
        self.served.register_applicant(holder, "001", holder, "某企业")
        connection = Applicant.sign_in(self.served.url, holder, self.served.accounts[holder])
        self._open.append(connection)
        return connection

    def close(self) -> None:
        for connection in self._open:
            connection.close()


@pytest.fixture
def sdk(served: Served) -> Iterator[Connections]:
    connections = Connections(served)
    yield connections
    connections.close()


@pytest.fixture
def holder(served: Served) -> str:
    return served.issue_licence()


def by_duty(holder: str, **changes: Any) -> Lookup:
    lookup = Lookup(
        certificate_type=LICENCE,
        fields=["name", "credit_code"],
        holder=Holder("001", holder),
        item=item_of(HEALTH),
        case="2026-1",
        basis="statutory",
        operator=CLERK,
    )
    return replace(lookup, **changes)


KEYS = {
    "ES256": lambda: generate_private_key(SECP256R1()),
    "EdDSA": Ed25519PrivateKey.generate,
    "PS256": lambda: generate_rsa(public_exponent=65537, key_size=2048),
}


@pytest.mark.parametrize("alg", KEYS)
def test_a_system_authenticates_with_each_algorithm(
    sdk: Connections, holder: str, alg: str
) -> None:
    key = KEYS[alg]()
    assert Credentials.of(key).alg == alg
    assert sdk.yici(HEALTH, key).look_up(by_duty(holder)).found


def test_a_key_of_another_kind_is_refused_before_anything_is_sent() -> None:
    for key in (generate_private_key(SECP384R1()), "no key", b"\xff", {"kty": "oct", "k": "AA"}):
        with pytest.raises(KeyUnusable):
            Credentials.of(key)


def test_an_answer_is_proven_before_it_is_given_out(sdk: Connections, holder: str) -> None:
    result = sdk.yici(HEALTH).look_up(by_duty(holder))
    assert result.certificates[0].fields["credit_code"] == holder
    assert (result.record["kind"], result.record["outcome"]) == ("lookup", "released")


def test_no_such_record_is_an_answer(sdk: Connections) -> None:
    result = sdk.yici(HEALTH).look_up(by_duty("91440101MA5XXXXXXX"))
    assert (result.found, result.certificates) == (False, ())


def test_an_answer_of_a_hub_that_is_not_trusted_is_not_given_out(
    sdk: Connections, holder: str
) -> None:
    stranger = SigningHub.new().document()
    with pytest.raises(YiciUnproven):
        sdk.yici(HEALTH, trust=stranger).look_up(by_duty(holder))


def test_a_refusal_names_its_rule_and_its_record_and_is_proven_too(
    sdk: Connections, holder: str
) -> None:
    with pytest.raises(YiciProblem) as refused:
        sdk.yici(CULTURE).look_up(by_duty(holder))
    problem = refused.value
    assert (problem.status, problem.code, problem.rules) == (403, "refused", ("no-rule",))
    assert problem.evidence is not None
    receipt = sdk.yici(AUDIT_OFFICE).receipt(problem.record or 0)
    assert json.loads(receipt.record)["reason"] == "no-rule"


def test_a_batch_is_proven_with_refusals_among_the_results(sdk: Connections, holder: str) -> None:
    asked = [by_duty(holder), by_duty(holder, operator=None), by_duty("91440101MA5XXXXXXX")]
    for receipts in (False, True):
        batch = sdk.yici(HEALTH).look_up_many(asked, receipts=receipts)
        assert [each.outcome for each in batch.lookups] == ["released", "refused", "not-found"]
        assert batch.lookups[1].reasons[0].rule == "no-operator"
        assert [each.index - batch.lookups[0].index for each in batch.lookups] == [0, 1, 2]
    assert sdk.yici(HEALTH).look_up_many(asked[:1]).lookups[0].outcome == "released"


def test_kept_evidence_is_proven_by_another_process(
    sdk: Connections, holder: str, tmp_path: Path
) -> None:
    system = sdk.yici(HEALTH)
    result = system.look_up(by_duty(holder))
    evidence, trust = tmp_path / "evidence.json", tmp_path / "trust.json"
    evidence.write_text(json.dumps(result.evidence()), "utf-8")
    trust.write_text(json.dumps(dict(system.trust.document)), "utf-8")
    command = [sys.executable, "-m", "exchange.client.offline", evidence, "--trust", trust]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["index"] == result.index


def test_a_token_is_renewed_when_it_has_run_out(
    sdk: Connections, holder: str, served: Served
) -> None:
    system = sdk.yici(HEALTH)
    assert system.look_up(by_duty(holder)).found
    served.clock.advance(hours=1)
    assert system.look_up(by_duty(holder)).found


def test_a_token_the_hub_takes_no_longer_is_renewed_once(
    sdk: Connections, holder: str, served: Served
) -> None:
    system = sdk.yici(HEALTH)
    system._session._token, system._session._renew_at = "stale", float("inf")
    assert system.look_up(by_duty(holder)).found


def test_a_disabled_system_is_told_so(sdk: Connections, holder: str, served: Served) -> None:
    system = sdk.yici(HEALTH)
    assert system.look_up(by_duty(holder)).found
    served.hub.publishing.disable_system(system.client_id)
    with pytest.raises(YiciProblem) as refused:
        system.look_up(by_duty(holder))
    assert refused.value.status == 401


def test_a_case_from_the_counter_to_completion(sdk: Connections, holder: str) -> None:
    centre, applicant = sdk.yici(SERVICE_CENTRE), sdk.applicant(holder)
    item = item_of(SERVICE_CENTRE)
    case = centre.open_case(item, "C-1", Holder("001", holder), CLERK)
    assert centre.open_case(item, "C-1", Holder("001", holder), CLERK).id == case.id
    assert centre.find_case("C-1") == centre.case(case.id)
    assert centre.find_case("C-2") is None
    assert case.get_line(LICENCE).state == "needs-authorization"

    [asked] = centre.request_authorizations(case.id, [Request(LICENCE, uses=3)])
    [waiting] = applicant.requests(case.id)
    assert (waiting.id, waiting.state) == (asked.id, "requested")
    granted = applicant.grant(asked.id, uses=1, days=7)
    assert (granted.uses, granted.days, granted.standing) == (1, 7, "valid")
    assert centre.authorization(asked.id).artefact == granted.artefact

    line = centre.case(case.id).get_line(LICENCE)
    lookup = by_duty(
        holder,
        item=item,
        case="C-1",
        fields=line.fields,
        basis=line.basis,
        authorization=line.authorization,
    )
    result = centre.look_up(lookup)
    with pytest.raises(YiciProblem) as used_up:
        centre.look_up(lookup)
    assert used_up.value.rules[0] == "authorization-used-up"
    case = centre.attach_certificate(case.id, LICENCE, result.lookup)
    assert case.get_line(LICENCE).how == "certificate"

    for line in case.materials:
        if line.state == "to-be-given":
            document, case = applicant.upload(
                case.id, line.material, PDF, file_name="x.pdf", media_type="application/pdf"
            )
            assert centre.read_document(case.id, line.material) == PDF
    assert case.complete and document in list(applicant.documents())
    assert [each.complete for each in applicant.cases()] == [True]
    assert centre.savings().saved == 1
    seen = {each.index: each for each in applicant.lookups()}
    assert seen[result.index].department == SERVICE_CENTRE
    assert seen[used_up.value.record or 0].reason == "authorization-used-up"


def test_an_applicant_refuses_and_withdraws(sdk: Connections, holder: str) -> None:
    centre, applicant = sdk.yici(SERVICE_CENTRE), sdk.applicant(holder)
    case = centre.open_case(item_of(SERVICE_CENTRE), "C-1", Holder("001", holder), CLERK)
    [first] = centre.request_authorizations(case.id, [Request(LICENCE)])
    assert applicant.refuse(first.id).standing == "refused"
    [second] = centre.request_authorizations(case.id, [Request(LICENCE)])
    applicant.grant(second.id)
    assert applicant.withdraw(second.id).standing == "withdrawn"
    with pytest.raises(YiciProblem) as refused:
        applicant.grant(second.id)
    assert refused.value.status == 409


def test_a_wrong_password_is_a_problem(sdk: Connections, served: Served) -> None:
    with pytest.raises(YiciProblem) as refused:
        Applicant.sign_in(served.url, "nobody", "wrong")
    assert refused.value.status == 401


def test_an_issuer_revokes_and_everything_says_so(sdk: Connections, holder: str) -> None:
    market, health, applicant = sdk.yici(MARKET), sdk.yici(HEALTH), sdk.applicant(holder)
    [own] = applicant.certificates()
    credential = applicant.download(own.identifier)
    before = health.verify_certificate(credential)
    assert before.status is not None and before.status.outcome == "valid"
    assert market.suspend(own.identifier, reason="年检", legal_ground="条例").state.code == "02"
    assert market.reinstate(own.identifier, reason="年检", legal_ground="条例").state.code == "01"
    assert market.revoke(own.identifier, reason="虚假", legal_ground="条例").state.code == "07"
    assert health.look_up(by_duty(holder)).certificates[0].state_code == "07"
    after = health.verify_certificate(credential)
    assert after.integrity is not None and after.integrity.outcome == "valid"
    assert after.status is not None and after.status.outcome == "invalid"
    assert market.certificate(own.identifier).versions == (own.identifier,)
    with pytest.raises(YiciProblem) as refused:
        health.certificate(own.identifier)
    assert refused.value.status == 404


def test_facts_are_compared_without_giving_data_out(sdk: Connections, holder: str) -> None:
    [own] = sdk.applicant(holder).certificates()
    compared = sdk.yici(MARKET).compare(own.identifier, {"credit_code": holder, "name": "别家"})
    assert compared.facts == {"credit_code": "same", "name": "different"}


def test_auditors_read_the_log(sdk: Connections, holder: str) -> None:
    result = sdk.yici(HEALTH).look_up(by_duty(holder))
    office = sdk.yici(AUDIT_OFFICE)
    [entry] = [each for each in office.records(kind="lookup") if each.index == result.index]
    assert entry.record == result.record
    with pytest.raises(YiciProblem):
        office.receipt(10_000)


def test_registers_are_listed_and_pulls_requested(sdk: Connections) -> None:
    market = sdk.yici(MARKET)
    [register] = market.registers()
    pull = market.pull_register(register.register)
    assert (pull.state, pull.finished, pull.adds_up) == ("requested", False, True)
    assert market.pull(register.register, pull.id).id == pull.id
    with pytest.raises(YiciProblem) as running:
        market.pull_register(register.register)
    assert (running.value.status, running.value.document["pull"]) == (409, str(pull.id))
    assert list(market.quarantine(register.register)) == []


def test_trust_is_fetched_once_where_none_was_given(sdk: Connections) -> None:
    system = sdk.yici(HEALTH)
    assert system.trust is system.trust
    assert isinstance(system.trust, Trust)
