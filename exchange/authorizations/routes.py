"""``/v1/authorizations`` for departments, ``/v1/me/authorizations`` for the holders they ask."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query

from exchange.access import Allowed, Permitted
from exchange.authorizations.schemas import (
    AuthorizationOut,
    AuthorizationsOut,
    GrantIn,
    RequestIn,
)
from exchange.authorizations.terms import Asked
from exchange.http import HubOf, problems

router = APIRouter(tags=["authorizations"])

_Asking = Annotated[Permitted, Depends(Allowed("request-authorization"))]
_Reading = Annotated[Permitted, Depends(Allowed("read-own", own=True))]
_Deciding = Annotated[Permitted, Depends(Allowed("decide-authorization", own=True))]
_Withdrawing = Annotated[Permitted, Depends(Allowed("withdraw-authorization", own=True))]


@router.post(
    "/v1/authorizations",
    status_code=201,
    summary="Ask the holder for authorizations 请求授权",
    responses=problems(400, 401, 403, 404, 409, 503),
)
def request_authorizations(
    hub: HubOf,
    permitted: _Asking,
    wanted: Annotated[
        RequestIn,
        Body(
            examples=[
                {
                    "case": "01890a5d-ac96-774b-bcce-b302099a8057",
                    "requests": [
                        {
                            "material": "business-licence",
                            "uses": 1,
                            "days": 30,
                            "basis": "holder",
                        }
                    ],
                }
            ]
        ),
    ],
) -> AuthorizationsOut:
    """Ask for one authorization per material; what the item does not list is refused."""
    found = hub.authorizations.request(
        permitted,
        wanted.case,
        [
            Asked(
                each.material,
                each.uses,
                each.days,
                each.basis,
                each.way,
                frozenset(each.fields) if each.fields is not None else None,
            )
            for each in wanted.requests
        ],
    )
    return AuthorizationsOut(authorizations=[AuthorizationOut.of(each) for each in found])


@router.get(
    "/v1/authorizations/{authorization}",
    summary="An authorization asked for 查询授权",
    responses=problems(400, 401, 403, 404, 503),
)
def read_authorization(hub: HubOf, permitted: _Asking, authorization: UUID) -> AuthorizationOut:
    """One that the caller's department asked for, with the signed grant once there is one."""
    return AuthorizationOut.of(hub.authorizations.get(permitted, authorization))


@router.get(
    "/v1/me/authorizations",
    summary="What was asked of me 我的授权",
    responses=problems(400, 401, 403, 503),
)
def list_own(
    hub: HubOf,
    permitted: _Reading,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> AuthorizationsOut:
    """Every request about the applicant in plain words, newest first."""
    found = hub.authorizations.own(permitted, before=before, limit=limit)
    return AuthorizationsOut(
        authorizations=[AuthorizationOut.of(each) for each in found],
        next=found[-1].authorization.id if len(found) == limit else None,
    )


@router.post(
    "/v1/me/authorizations/{authorization}/grant",
    summary="Agree, wholly or to less 同意授权",
    responses=problems(400, 401, 403, 404, 409, 503),
)
def grant(
    hub: HubOf,
    permitted: _Deciding,
    authorization: UUID,
    agreed: Annotated[GrantIn, Body(examples=[{}, {"fields": ["name"], "uses": 1, "days": 7}])],
) -> AuthorizationOut:
    """Agree to what was asked or to less, never to more. The answer carries the signed grant."""
    return AuthorizationOut.of(
        hub.authorizations.grant(
            permitted, authorization, fields=agreed.fields, uses=agreed.uses, days=agreed.days
        )
    )


@router.post(
    "/v1/me/authorizations/{authorization}/refuse",
    summary="Refuse 拒绝授权",
    responses=problems(400, 401, 403, 404, 409, 503),
)
def refuse(hub: HubOf, permitted: _Deciding, authorization: UUID) -> AuthorizationOut:
    """Refuse what was asked."""
    return AuthorizationOut.of(hub.authorizations.refuse(permitted, authorization))


@router.post(
    "/v1/me/authorizations/{authorization}/withdraw",
    summary="Withdraw 撤回授权",
    responses=problems(400, 401, 403, 404, 409, 503),
)
def withdraw(hub: HubOf, permitted: _Withdrawing, authorization: UUID) -> AuthorizationOut:
    """Withdraw a grant; it counts no more from the next lookup on."""
    return AuthorizationOut.of(hub.authorizations.withdraw(permitted, authorization))
