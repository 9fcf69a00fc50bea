"""Many certificates at once get the verdicts that each would get alone, in the same order."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from certstore.errors import TrustError
from certstore.keys import Es256Signer
from certstore.verify import Verifier, verify_many
from tests.certstore.conftest import NOW, STATUS_URI, status_token


def test_verdicts_come_in_order_and_are_those_of_one_alone(
    trust_document: dict[str, Any], verifier: Verifier, hub_signer: Es256Signer, certificate: str
) -> None:
    tampered = certificate.replace("~", "~WyJ4IiwieCIsIngiXQ~", 1)
    credentials = [certificate, tampered, "rubbish"] * 400
    verdicts = list(
        verify_many(
            credentials,
            trust=orjson.dumps(trust_document),
            status_tokens={STATUS_URI: status_token(hub_signer, {})},
            at=NOW,
            processes=2,
        )
    )
    alone = [verifier.verify(each, at=NOW).as_dict() for each in credentials[:3]]
    assert [verdict.as_dict() for verdict in verdicts] == alone * 400
    assert [each["integrity"]["outcome"] for each in alone] == ["valid", "invalid", "invalid"]


def test_a_trust_document_that_cannot_be_used_is_refused_before_anything_starts() -> None:
    with pytest.raises(TrustError):
        list(verify_many(["x"], trust=b"{", status_tokens={}, at=NOW))
