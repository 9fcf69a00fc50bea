"""``/v1/certificates``, one's own certificates, status lists, trust and verification."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Path, Request, Response

from certstore.identifiers import CertificateIdentifier
from exchange.access import Allowed, Caller, Permitted, bearer
from exchange.certificates.published import TTL
from exchange.certificates.schemas import (
    IDENTIFIER,
    ActIn,
    OwnCertificatesOut,
    RevocationIn,
    StandingOut,
    TrustOut,
    VerificationIn,
    VerificationOut,
)
from exchange.http import HubOf, problems

router = APIRouter(tags=["certificates"])

SD_JWT: Final = "application/dc+sd-jwt"
STATUS_LIST: Final = "application/statuslist+jwt"

IdentifierPath = Annotated[
    str, Path(max_length=300, description="GB/T 36904 标识", examples=[IDENTIFIER])
]


def issuer_in_path(request: Request) -> str:
    """The department that the identifier in the path names as its issuer.

    Raises certstore's IdentifierError for what is no identifier.
    """
    return CertificateIdentifier.parse(request.path_params["identifier"]).issuer


def caller_or_visitor(request: Request) -> Caller:
    """Who stands behind the token, or a visitor where there is none."""
    if "authorization" not in request.headers:
        return Caller("visitor", "visitor", None, frozenset())
    caller: Caller = request.app.state.hub.tokens.caller(bearer(request))
    return caller


@router.get(
    "/v1/certificates/{identifier}",
    summary="A certificate of one's own department 本部门证照",
    responses=problems(400, 401, 403, 404, 503),
)
def read_certificate(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("read-certificate"))],
    identifier: IdentifierPath,
) -> StandingOut:
    """State, versions and history. Another department's certificate is not found."""
    wanted = CertificateIdentifier.parse(identifier)
    return StandingOut.of(hub.certificates.get(permitted, wanted))


@router.post(
    "/v1/certificates/{identifier}/revocation",
    summary="Revoke 撤销、注销或吊销",
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
    return StandingOut.of(
        hub.certificates.revoke(
            permitted,
            wanted,
            state=body.state,
            reason=body.reason,
            legal_ground=body.legal_ground,
        )
    )


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
    return StandingOut.of(
        hub.certificates.suspend(
            permitted, wanted, reason=body.reason, legal_ground=body.legal_ground
        )
    )


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
    return StandingOut.of(
        hub.certificates.reinstate(
            permitted, wanted, reason=body.reason, legal_ground=body.legal_ground
        )
    )


@router.get(
    "/v1/me/certificates",
    summary="One's own certificates 本人证照",
    responses=problems(401, 403, 503),
)
def list_own_certificates(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("read-own", own=True))],
) -> OwnCertificatesOut:
    """The newest version of each certificate the signed-in applicant holds."""
    types = hub.access.snapshot().types
    return OwnCertificatesOut.of(hub.certificates.own(permitted), types)


@router.get(
    "/v1/me/certificates/{identifier}",
    summary="Download one's own certificate 下载本人证照",
    response_class=Response,
    responses={
        200: {
            "description": "The certificate as an SD-JWT VC (RFC 9901) with all disclosures",
            "content": {SD_JWT: {"schema": {"type": "string"}}},
        },
        **problems(400, 401, 403, 404, 503),
    },
)
def download_own_certificate(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("read-own", own=True))],
    identifier: IdentifierPath,
) -> Response:
    """The signed file, to be kept, shown in part, or verified offline by anybody."""
    wanted = CertificateIdentifier.parse(identifier)
    certificate = hub.certificates.own_file(permitted, wanted)
    return Response(
        certificate.credential,
        media_type=SD_JWT,
        headers={
            "Content-Disposition": f'attachment; filename="{certificate.identifier}.sdjwt"',
            "Cache-Control": "no-store",
        },
    )


@router.get(
    "/v1/status-lists/{issuer}/{number}",
    summary="A status list 状态列表",
    response_class=Response,
    responses={
        200: {
            "description": "A Token Status List of two bits, signed by the issuer's key",
            "content": {STATUS_LIST: {"schema": {"type": "string"}}},
        },
        304: {"description": "Not modified since the ETag sent"},
        **problems(400, 404, 503),
    },
)
def read_status_list(
    hub: HubOf,
    issuer: Annotated[str, Path(pattern="^[0-9A-Z]{18}$", examples=["11440000MB2D01234C"])],
    number: Annotated[int, Path(ge=1, le=999_999_999, examples=[1])],
    if_none_match: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """Public. Shows every change committed before the request came."""
    published = hub.certificates.status_list(issuer, number)
    headers = {
        "ETag": published.etag,
        "Cache-Control": f"public, max-age={int(TTL.total_seconds())}",
    }
    if if_none_match is not None and published.etag in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(published.token, media_type=STATUS_LIST, headers=headers)


@router.get("/v1/trust", summary="Whom to trust 可信名单", responses=problems(503))
def read_trust(hub: HubOf) -> TrustOut:
    """Public: the issuers' and the hub's public keys and the log's, for verifying offline."""
    return TrustOut.model_validate(hub.certificates.trust())


@router.post(
    "/v1/verifications",
    summary="Verify a certificate 核验证照",
    # Without a token too; comparing facts alone needs one.
    openapi_extra={"security": [{}, {"bearer": []}]},
    responses=problems(400, 401, 403, 503),
)
def verify_certificate(
    hub: HubOf,
    caller: Annotated[Caller, Depends(caller_or_visitor)],
    body: VerificationIn,
) -> VerificationOut:
    """The verdict in parts: integrity, issuer, status, validity.

    Anyone may verify a certificate at hand or ask after an identifier. Comparing facts needs a
    system's token with the scope ``lookups``. No data is given out but what was presented.
    """
    act = "use-lookups" if body.facts is not None else "verify-certificate"
    permitted = hub.access.permit(caller, act, resource_department=caller.department)
    verifications = hub.certificates.verifications
    if body.credential is not None:
        return VerificationOut.of(
            verifications.of_credential(permitted, body.credential), asked=None
        )
    wanted = CertificateIdentifier.parse(body.identifier or "")
    return VerificationOut.of(
        verifications.of_identifier(permitted, wanted, body.facts), asked=str(wanted)
    )
