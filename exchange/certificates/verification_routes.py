"""``/v1/verifications``: anyone verifies what was shown; systems compare facts."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends

from exchange.access import Caller
from exchange.certificates.judging import Expected
from exchange.certificates.routes import caller_or_visitor
from exchange.certificates.verification_schemas import VerificationIn, VerificationOut
from exchange.http import HubOf, problems

router = APIRouter(tags=["certificates"])


@router.post(
    "/v1/verifications",
    summary="Verify a certificate 核验证照",
    # Without a token too; comparing facts alone needs one.
    openapi_extra={"security": [{}, {"bearer": []}]},
    responses=problems(400, 401, 403, 429, 503),
)
def verify_certificate(
    hub: HubOf,
    caller: Annotated[Caller, Depends(caller_or_visitor)],
    body: VerificationIn,
) -> VerificationOut:
    """The verdict in parts: integrity, issuer, status, validity, holder match, record.

    Anyone may verify a certificate at hand, what its QR code says, or ask after an identifier.
    Comparing facts needs a system's token with the scope ``lookups``; facts that differ are
    counted, and too many of them end it. No data is given out but what was presented.
    """
    act = "use-lookups" if body.facts is not None else "verify-certificate"
    permitted = hub.access.permit(caller, act, resource_department=caller.department)
    verifications = hub.certificates.verifications
    if body.credential is not None:
        expected = None
        if body.audience is not None and body.nonce is not None:
            expected = Expected(body.audience, body.nonce, timedelta(seconds=body.max_age_seconds))
        return VerificationOut.of(verifications.of_credential(permitted, body.credential, expected))
    if body.qr is not None:
        return VerificationOut.of(verifications.of_text(permitted, body.qr))
    return VerificationOut.of(
        verifications.of_identifier(permitted, body.identifier or "", body.facts)
    )
