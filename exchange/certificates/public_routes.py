"""``/v/{identifier}``: where the QR code on every certificate leads."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from certstore.certificate_type import Title
from exchange.certificates.public import PublicStanding
from exchange.certificates.public_page import HEADERS, headline, page_of, page_of_problem
from exchange.certificates.schemas import IDENTIFIER, CodeOut, Names, state_out
from exchange.certificates.verification_schemas import PartOut
from exchange.errors import HubError, NotFound
from exchange.http import HubOf, problems
from exchange.problems import KINDS

router = APIRouter(tags=["certificates"])

_NONE: Final = Title("查无此证", "No such certificate")


class PublicStandingOut(BaseModel):
    """How a certificate stands, for anybody; nothing of its holder and no field.

    ``usable`` is true only where it is in force, its term runs, and its signature and issuer are
    believed. ``since`` is when the state began; ``begins_at`` is set before the version takes
    over; ``superseded_by`` is the version that replaced it.
    """

    identifier: str
    check_character_sound: bool
    usable: bool
    told: Names
    state: CodeOut
    since: datetime | None
    begins_at: datetime | None
    type: str
    title: Names
    issuer: str
    issuer_name: Names
    version: int
    superseded_by: int | None
    valid_from: date | None
    valid_until: date | None
    integrity: PartOut
    issuer_trust: PartOut
    validity: PartOut
    asked_at: datetime

    @classmethod
    def of(cls, standing: PublicStanding) -> PublicStandingOut:
        """The answer's form of it."""
        _, zh, en = headline(standing)
        return cls.model_validate(
            {
                "identifier": standing.identifier,
                "check_character_sound": True,
                "usable": standing.usable,
                "told": Names(zh=zh, en=en),
                "state": state_out(standing.state),
                "since": standing.since,
                "begins_at": standing.begins_at,
                "type": standing.type_key,
                "title": Names(zh=standing.title.zh, en=standing.title.en),
                "issuer": standing.issuer,
                "issuer_name": Names(zh=standing.issuer_name.zh, en=standing.issuer_name.en),
                "version": standing.version,
                "superseded_by": standing.superseded_by,
                "valid_from": standing.valid_from,
                "valid_until": standing.valid_until,
                "integrity": PartOut.of(standing.integrity),
                "issuer_trust": PartOut.of(standing.issuer_part),
                "validity": PartOut.of(standing.validity),
                "asked_at": standing.at,
            }
        )


@router.get(
    "/v/{identifier}",
    summary="What a QR code leads to 扫码核验",
    response_model=PublicStandingOut,
    responses={
        200: {
            "description": "JSON; a page where the Accept header names text/html, as browsers do",
            "content": {"text/html": {"schema": {"type": "string"}}},
        },
        **problems(404, 429, 503),
    },
)
def read_standing(
    hub: HubOf,
    request: Request,
    identifier: Annotated[str, Path(description="GB/T 36904 标识", examples=[IDENTIFIER])],
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Public, without a token: is there such a certificate, of what type, whose, in which state
    since when, until when valid, and was the printed version superseded.

    A number of nothing and one that cannot be one are answered alike; after 30 of them within
    ten minutes a visitor has to wait. Whether a file is unaltered, ``/v1/verifications/files``
    says.
    """
    answers, page = hub.public_answers, wants_page(accept)
    peer = request.client.host if request.client else None
    visitor = answers.visitors.name_of(peer, request.headers.get("x-forwarded-for"))
    try:
        standing = answers.standing(visitor, identifier)
    except HubError as error:
        if not page:
            raise
        return _page_of_error(error, hub.settings.public_url, hub.clock.now())
    if page:
        return HTMLResponse(page_of(standing, hub.settings.public_url), headers=dict(HEADERS))
    return Response(
        PublicStandingOut.of(standing).model_dump_json(),
        media_type="application/json",
        headers={"Cache-Control": "no-store", "Vary": "Accept"},
    )


def wants_page(accept: str) -> bool:
    """Whether an Accept header names HTML, as every browser's does that goes to an address."""
    kinds = [each.partition(";") for each in accept.lower().split(",")]
    return any(
        kind.strip() in ("text/html", "application/xhtml+xml")
        and weight.replace(" ", "") not in ("q=0", "q=0.0")
        for kind, _, weight in kinds
    )


def _page_of_error(error: HubError, public_url: str, at: datetime) -> Response:
    kind = KINDS[error.code]
    title = _NONE if isinstance(error, NotFound) else Title(kind.zh, kind.en)
    return HTMLResponse(
        page_of_problem(title, Title(error.zh, error.en), public_url, at),
        status_code=kind.status,
        headers={**HEADERS, **error.headers},
    )
