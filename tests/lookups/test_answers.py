"""A lookup's answer and receipt hold offline, and whatever is changed about them is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from certstore.errors import JwsError
from certstore.public_keys import TrustedKeys
from exchange.audit.errors import ReceiptRefused
from exchange.lookups.answers import AnswerRefused, verify_answer_and_receipt
from tests.hub import HEALTH, Served
from tests.lookups.asking import lookup


@pytest.fixture
def answered(served: Served) -> tuple[Served, bytes, dict[str, Any]]:
    """A served hub, the bytes that were sent and the response that came."""
    body = json.dumps(lookup(served.issue_licence())).encode()
    with served.as_system(HEALTH) as system:
        response = system.post("/v1/lookups", content=body)
    assert response.status_code == 200, response.text
    return served, body, response.json()


def verify(served: Served, body: bytes, response: dict[str, Any], audience: str = HEALTH):
    keys = TrustedKeys.from_jwks({"keys": [served.hub.keys.answers.public_jwk()]})
    return verify_answer_and_receipt(
        response, keys, served.hub.log.vkey, request=body, audience=audience
    )


def test_an_answer_and_its_receipt_verify_with_public_keys_alone(answered: Any) -> None:
    served, body, response = answered
    answer, receipt = verify(served, body, response)
    assert answer.index == receipt.index
    record = json.loads(receipt.record)
    assert record["department"] == HEALTH
    assert record["outcome"] == "released"
    assert record["operator"] == {"account": "zhang.wei", "unit": "综合窗口3号"}


def test_no_personal_data_stands_in_the_record(answered: Any) -> None:
    served, body, response = answered
    _, receipt = verify(served, body, response)
    holder = json.loads(body)["holder"]["id"]
    assert holder.encode() not in receipt.record
    assert "张伟".encode() not in receipt.record
    assert "有限公司".encode() not in receipt.record


@pytest.mark.parametrize(
    ("defect", "code"),
    [
        ("another request", "request-mismatch"),
        ("another caller", "other-caller"),
        ("a changed field", "result-mismatch"),
        ("a certificate left out", "result-mismatch"),
    ],
)
def test_an_answer_with(answered: Any, defect: str, code: str) -> None:
    served, body, response = answered
    audience = HEALTH
    if defect == "another request":
        body = body.replace(b"zhang.wei", b"zhang.wai")
    elif defect == "another caller":
        audience = "somebody-else"
    elif defect == "a changed field":
        response["certificates"][0]["fields"]["name"] = "别的公司"
    else:
        response["certificates"] = []
    with pytest.raises(AnswerRefused) as refused:
        verify(served, body, response, audience)
    assert refused.value.code == code


def test_a_receipt_of_another_lookup_is_refused(answered: Any) -> None:
    served, body, response = answered
    with served.as_system(HEALTH) as system:
        other = system.post("/v1/lookups", content=body).json()
    response["receipt"] = other["receipt"]
    with pytest.raises(AnswerRefused) as refused:
        verify(served, body, response)
    assert refused.value.code == "index-mismatch"


def test_a_receipt_with_one_altered_hash_is_refused(answered: Any) -> None:
    served, body, response = answered
    lines = response["receipt"].split("\n")
    place = next(n for n, line in enumerate(lines) if line.startswith("index ")) + 1
    lines[place] = ("A" if lines[place][0] != "A" else "B") + lines[place][1:]
    response["receipt"] = "\n".join(lines)
    with pytest.raises(ReceiptRefused):
        verify(served, body, response)


def test_an_answer_signed_by_another_key_is_refused(answered: Any) -> None:
    served, body, response = answered
    keys = TrustedKeys.from_jwks({"keys": [served.hub.keys.tokens.public_jwk()]})
    with pytest.raises(JwsError):
        verify_answer_and_receipt(
            response, keys, served.hub.log.vkey, request=body, audience=HEALTH
        )
