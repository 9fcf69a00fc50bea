"""``/v1/cases``: a department's cases, their checklists and materials."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query, Response

from exchange.access import Allowed, Permitted
from exchange.audit.records import Operator
from exchange.cases.schemas import (
    CaseIn,
    CaseOut,
    CasesOut,
    CertificateGivenIn,
    GivenIn,
    SavingsOut,
)
from exchange.http import HubOf, problems

router = APIRouter(prefix="/v1/cases", tags=["cases"])


@router.post(
    "",
    status_code=201,
    summary="Open a case 受理办件",
    responses={
        **problems(400, 401, 403, 409, 503),
        200: {"model": CaseOut, "description": "The case was open already"},
    },
)
def open_case(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("open-case"))],
    case: CaseIn,
    response: Response,
) -> CaseOut:
    """Open a case and get its checklist. Repeating the same request gives the same case."""
    file, opened = hub.cases.open(
        permitted,
        item=case.item,
        case_number=case.case_number,
        holder_id_type=case.holder.id_type,
        holder_id=case.holder.id,
        operator=Operator(case.operator.account, case.operator.unit),
    )
    if not opened:
        response.status_code = 200
    return CaseOut.of(file)


@router.get(
    "", summary="Find a case by its number 按编号查办件", responses=problems(400, 401, 403, 503)
)
def find_cases(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("read-case"))],
    case_number: Annotated[str, Query(min_length=1, max_length=100, examples=["SLZX-2026-000123"])],
) -> CasesOut:
    """The department's case of that number: one, or none."""
    found = hub.cases.find_by_number(permitted, case_number)
    return CasesOut(cases=[CaseOut.of(found)] if found else [])


@router.get("/savings", summary="Submissions saved 减免提交统计", responses=problems(401, 403, 503))
def read_savings(
    hub: HubOf, permitted: Annotated[Permitted, Depends(Allowed("read-case"))]
) -> SavingsOut:
    """How the department's cases got their materials, per item: what was saved."""
    return SavingsOut.of(permitted.department, hub.cases.savings(permitted))


@router.get(
    "/{case}",
    summary="A case with its checklist 办件及材料清单",
    responses=problems(400, 401, 403, 404, 503),
)
def read_case(
    hub: HubOf, permitted: Annotated[Permitted, Depends(Allowed("read-case"))], case: UUID
) -> CaseOut:
    """One of the department's own cases, its checklist computed afresh."""
    return CaseOut.of(hub.cases.get(permitted, case))


@router.post(
    "/{case}/materials/{material}",
    summary="Put a material to a case 提供材料",
    responses=problems(400, 401, 403, 404, 409, 503),
)
def give_material(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("upload-material"))],
    case: UUID,
    material: str,
    given: Annotated[
        GivenIn,
        Body(
            examples=[
                {"how": "certificate", "lookup": "01890a5d-ac96-774b-bcce-b302099a8057"},
                {
                    "how": "shared",
                    "material": "01890a5d-ac96-774b-bcce-b302099a8058",
                    "authorization": "01890a5d-ac96-774b-bcce-b302099a8059",
                },
            ]
        ),
    ],
) -> CaseOut:
    """Put to a case what a lookup released for it, or a document that was given earlier.

    The same again changes nothing. A reuse takes one use of the holder's authorization.
    """
    if isinstance(given, CertificateGivenIn):
        file = hub.cases.giving.by_certificate(permitted, case, material, lookup=given.lookup)
    else:
        file = hub.cases.giving.by_reuse(
            permitted, case, material, document=given.material, authorization=given.authorization
        )
    return CaseOut.of(file)


@router.get(
    "/{case}/materials/{material}/content",
    summary="A material's content 材料内容",
    response_class=Response,
    responses={
        **problems(400, 401, 403, 404, 503),
        200: {
            "description": "The document as it was given",
            "content": {
                media_type: {"schema": {"type": "string", "format": "binary"}}
                for media_type in ("application/pdf", "image/png", "image/jpeg")
            },
        },
    },
)
def read_content(
    hub: HubOf,
    permitted: Annotated[Permitted, Depends(Allowed("read-material"))],
    case: UUID,
    material: str,
) -> Response:
    """The document that stands for a material. Each reading stands in the log."""
    document, content = hub.cases.giving.content(permitted, case, material)
    return Response(
        content,
        media_type=document.media_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(document.file_name)}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "no-store",
        },
    )
