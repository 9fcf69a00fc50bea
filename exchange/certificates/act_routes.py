"""``/v1/certificates``: what a department's systems do to its own certificates."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import AwareDatetime

from certstore.identifiers import CertificateIdentifier
from certstore.life_cycle import REINSTATE, SUSPEND, TRANSFER_OUT
from exchange.access import Allowed, Permitted
from exchange.certificates.act_schemas import (
    ActIn,
    CallingOffIn,
    IssueIn,
    RevocationIn,
    VersionIn,
)
from exchange.certificates.routes import IdentifierPath, issuer_in_path
from exchange.certificates.standing_schemas import StandingOut
from exchange.certificates.transitions import REVOCATIONS
from exchange.http import HubOf, problems

router = APIRouter(tags=["certificates"])


@router.post(
    "/v1/certificates",
    summary="Issue a certificate 颁发证照",
    status_code=201,
    responses=problems(400, 401, 403, 404, 409, 503),
)
def issue_certificate(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("issue-certificate"))],
    body: IssueIn,
    response: Response,
) -> StandingOut:
    """Issue one certificate, or take one over that another body transferred out. The same request
    again answers with the same certificate."""
    origin = body.transferred_from
    transferred = CertificateIdentifier.parse(origin) if origin is not None else None
    standing = hub.certificates.issue(
        permitted, body.type, body.draft(transferred), serial=body.serial
    )
    response.headers["Location"] = f"/v1/certificates/{standing.certificate.identifier}"
    return StandingOut.of(standing)


@router.post(
    "/v1/certificates/{identifier}/versions",
    summary="Renew or change 延续、变更",
    status_code=201,
    responses=problems(400, 401, 403, 404, 409, 503),
)
def revise_certificate(
    hub: HubOf,
    permitted: Annotated[
        Permitted, Depends(Allowed("revise-certificate", resource=issuer_in_path))
    ],
    identifier: IdentifierPath,
    body: VersionIn,
    response: Response,
) -> StandingOut:
    """Issue the next version of the same certificate: it replaces this one, at once or on the day
    named. The same request again answers with the same version."""
    wanted = CertificateIdentifier.parse(identifier)
    standing = hub.certificates.revise(permitted, wanted, body.operation_code, body.draft())
    response.headers["Location"] = f"/v1/certificates/{standing.certificate.identifier}"
    return StandingOut.of(standing)


@router.get(
    "/v1/certificates/{identifier}",
    summary="A certificate of one's own department 本部门证照",
    responses=problems(400, 401, 403, 404, 503),
)
def read_certificate(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("read-certificate"))],
    identifier: IdentifierPath,
    on: Annotated[
        date | None, Query(description="How it stood at the end of this day (UTC+8)")
    ] = None,
    known_at: Annotated[
        AwareDatetime | None, Query(description="… as it was known at this moment")
    ] = None,
) -> StandingOut:
    """State, versions and signed history. Another department's certificate is not found."""
    wanted = CertificateIdentifier.parse(identifier)
    return StandingOut.of(hub.certificates.get(permitted, wanted, on=on, known_at=known_at))


@router.post(
    "/v1/certificates/{identifier}/revocation",
    summary="Revoke 撤销、注销、失效或吊销",
    responses=problems(400, 401, 403, 404, 409, 503),
)
def revoke_certificate(
    hub: HubOf,
    permitted: Annotated[
        Permitted, Depends(Allowed("revoke-certificate", resource=issuer_in_path))
    ],
    identifier: IdentifierPath,
    body: RevocationIn,
) -> StandingOut:
    """End a certificate. The next lookup, status list and verification say so."""
    wanted = CertificateIdentifier.parse(identifier)
    act = body.wanted(REVOCATIONS[body.state])
    return StandingOut.of(hub.certificates.act(permitted, wanted, act, body.request))


@router.post(
    "/v1/certificates/{identifier}/transfer",
    summary="Transfer out 办理转出",
    responses=problems(400, 401, 403, 404, 409, 503),
)
def transfer_certificate(
    hub: HubOf,
    permitted: Annotated[
        Permitted, Depends(Allowed("revoke-certificate", resource=issuer_in_path))
    ],
    identifier: IdentifierPath,
    body: ActIn,
) -> StandingOut:
    """Hand a certificate over to the body in charge now, which then issues its own."""
    wanted = CertificateIdentifier.parse(identifier)
    act = body.wanted(TRANSFER_OUT)
    return StandingOut.of(hub.certificates.act(permitted, wanted, act, body.request))


@router.post(
    "/v1/certificates/{identifier}/suspension",
    summary="Suspend 暂扣",
    responses=problems(400, 401, 403, 404, 409, 503),
)
def suspend_certificate(
    hub: HubOf,
    permitted: Annotated[
        Permitted, Depends(Allowed("suspend-certificate", resource=issuer_in_path))
    ],
    identifier: IdentifierPath,
    body: ActIn,
) -> StandingOut:
    """Take a certificate away for a time."""
    wanted = CertificateIdentifier.parse(identifier)
    act = body.wanted(SUSPEND)
    return StandingOut.of(hub.certificates.act(permitted, wanted, act, body.request))


@router.post(
    "/v1/certificates/{identifier}/reinstatement",
    summary="Reinstate 暂扣发还",
    responses=problems(400, 401, 403, 404, 409, 503),
)
def reinstate_certificate(
    hub: HubOf,
    permitted: Annotated[
        Permitted, Depends(Allowed("suspend-certificate", resource=issuer_in_path))
    ],
    identifier: IdentifierPath,
    body: ActIn,
) -> StandingOut:
    """Give a suspended certificate back."""
    wanted = CertificateIdentifier.parse(identifier)
    act = body.wanted(REINSTATE)
    return StandingOut.of(hub.certificates.act(permitted, wanted, act, body.request))


@router.post(
    "/v1/certificates/{identifier}/events/{sequence}/withdrawal",
    summary="Call off what is planned 撤回预定操作",
    responses=problems(400, 401, 403, 404, 409, 503),
)
def call_off_event(
    hub: HubOf,
    permitted: Annotated[
        Permitted, Depends(Allowed("revise-certificate", resource=issuer_in_path))
    ],
    identifier: IdentifierPath,
    sequence: Annotated[int, Path(ge=0, le=1_000_000, examples=[1])],
    body: CallingOffIn,
) -> StandingOut:
    """Call off an event of the history that is still to come. It stays in the history."""
    wanted = CertificateIdentifier.parse(identifier)
    return StandingOut.of(
        hub.certificates.call_off(
            permitted,
            wanted,
            sequence,
            reason=body.reason,
            legal_ground=body.legal_ground,
            reason_code=body.reason_code,
            request=body.request,
        )
    )
