"""Showing one's own certificates: ``/v1/me/…`` for holders, ``/v1/presentations`` for counters."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from certstore.identifiers import CertificateIdentifier
from exchange.access import Allowed, Permitted
from exchange.certificates.routes import SD_JWT, IdentifierPath
from exchange.certificates.schemas import IDENTIFIER
from exchange.http import HubOf, problems
from exchange.lookups.routes import single
from exchange.lookups.schemas import BasisIn, LookupIn, LookupOut, PurposeIn
from exchange.presentations.schemas import (
    EXAMPLE_JWK,
    EXAMPLE_PROOF,
    BindIn,
    MadeOut,
    NonceOut,
    PresentationIn,
    PresentationOut,
    PresentationsOut,
    RedeemIn,
)

router = APIRouter(tags=["presentations"])

_Binding = Annotated[Permitted, Depends(Allowed("bind-certificate", own=True))]
_Showing = Annotated[Permitted, Depends(Allowed("present-certificate", own=True))]
_Reading = Annotated[Permitted, Depends(Allowed("read-own", own=True))]
_Redeeming = Annotated[Permitted, Depends(Allowed("use-lookups"))]
_NO_STORE = {"Cache-Control": "no-store"}


@router.post(
    "/v1/me/binding-nonces",
    status_code=201,
    summary="A nonce to bind a certificate with 获取绑定随机数",
    responses=problems(401, 403, 503),
)
def make_nonce(hub: HubOf, permitted: _Binding, response: Response) -> NonceOut:
    """What the proof of possession for a bound copy is made over; good for five minutes."""
    response.headers.update(_NO_STORE)
    challenge = hub.binding.challenge(permitted)
    return NonceOut(
        nonce=challenge.nonce.text,
        audience=challenge.audience,
        expires_at=challenge.nonce.expires_at,
    )


@router.post(
    "/v1/me/certificates/{identifier}/bound-copies",
    status_code=201,
    summary="Bind one's own certificate to one's own key 绑定持有人密钥",
    response_class=Response,
    responses={
        201: {
            "description": "The certificate as an SD-JWT VC whose `cnf` is the given key",
            "content": {SD_JWT: {"schema": {"type": "string"}}},
        },
        **problems(400, 401, 403, 404, 409, 503),
    },
)
def bind_certificate(
    hub: HubOf,
    permitted: _Binding,
    identifier: IdentifierPath,
    wanted: Annotated[BindIn, Body(examples=[{"jwk": EXAMPLE_JWK, "proof": EXAMPLE_PROOF}])],
) -> Response:
    """A copy of the newest version, signed anew. Shown with key binding, it proves its holder."""
    own = CertificateIdentifier.parse(identifier)
    copy = hub.binding.bind(permitted, own, jwk=wanted.jwk, proof=wanted.proof)
    return Response(copy, status_code=201, media_type=SD_JWT, headers=_NO_STORE)


@router.post(
    "/v1/me/presentations",
    status_code=201,
    summary="Show some fields by a one-time code 生成用证码",
    responses=problems(400, 401, 403, 404, 409, 503),
)
def make_presentation(
    hub: HubOf,
    permitted: _Showing,
    wanted: Annotated[
        PresentationIn,
        Body(
            examples=[
                {"identifier": IDENTIFIER, "fields": ["name", "credit_code"], "seconds": 120},
                {
                    "identifier": IDENTIFIER,
                    "fields": ["name"],
                    "audience": "11440000MB2F03456K",
                },
            ]
        ),
    ],
    response: Response,
) -> MadeOut:
    """A code for the next counter: short-lived, good once, for the chosen fields and no other."""
    response.headers.update(_NO_STORE)
    made = hub.presentations.make(
        permitted,
        CertificateIdentifier.parse(wanted.identifier),
        fields=wanted.fields,
        seconds=wanted.seconds,
        audience=wanted.audience,
    )
    return MadeOut.of_made(made, hub.clock.now(), hub.access.snapshot())


@router.get(
    "/v1/me/presentations",
    summary="What I showed 我的用证记录",
    responses=problems(400, 401, 403, 503),
)
def list_presentations(
    hub: HubOf,
    permitted: _Reading,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> PresentationsOut:
    """The applicant's codes and what became of each, newest first. No code is told again."""
    found = hub.presentations.own(permitted, before=before, limit=limit)
    now, snapshot = hub.clock.now(), hub.access.snapshot()
    return PresentationsOut(
        presentations=[PresentationOut.of(each, now, snapshot) for each in found],
        next=found[-1].id if len(found) == limit else None,
    )


@router.post(
    "/v1/me/presentations/{presentation}/withdraw",
    summary="Withdraw a code 撤回用证码",
    responses=problems(400, 401, 403, 404, 409, 503),
)
def withdraw_presentation(hub: HubOf, permitted: _Showing, presentation: UUID) -> PresentationOut:
    """From now on the code is refused."""
    ended = hub.presentations.withdraw(permitted, presentation)
    return PresentationOut.of(ended, hub.clock.now(), hub.access.snapshot())


@router.post(
    "/v1/presentations/redeem",
    summary="Redeem a one-time code 核用证码",
    response_model=LookupOut,
    responses=problems(400, 401, 403, 404, 429, 503),
)
async def redeem(
    request: Request,
    hub: HubOf,
    permitted: _Redeeming,
    scanned: Annotated[
        RedeemIn,
        Body(
            examples=[
                {
                    "code": "YICI:GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
                    "item": "11440000MB2G07890B2000123008000",
                    "case": "2026-000123",
                    "operator": {
                        "account": "zhang.wei",
                        "name": "张伟",
                        "unit": "综合窗口3号",
                    },
                }
            ]
        ),
    ],
) -> Response:
    """The fields the holder chose, signed and with its receipt as any lookup; basis ``holder``.

    A code is good once: of two scans at the same time one is answered, the other refused. A
    refusal names its rule (``code-used``, ``code-expired``, ``code-withdrawn``,
    ``code-of-another-department``, or one of those of lookups) and uses nothing up.
    """
    shown = await run_in_threadpool(hub.presentations.find_redeemable, permitted, scanned.code)
    lookup = LookupIn(
        certificate_type=shown.certificate_type,
        identifier=shown.identifier,
        fields=sorted(shown.fields),
        purpose=PurposeIn(item=scanned.item, case=scanned.case),
        basis=BasisIn(kind="holder", authorization=shown.id),
        operator=scanned.operator,
    )
    body = await request.body()
    answered = await hub.lookups.answer(permitted.caller, (lookup,), body, code=shown.code_hash)
    return single(answered)
