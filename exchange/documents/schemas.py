"""What the documents room is sent."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from exchange.documents.service import Evidence

_PRINTABLE = r"^[^\x00-\x1f\x7f]+$"


class CopyIn(BaseModel):
    """Why a copy is made, and the lookup that it shows what was released by.

    Name the ``lookup`` itself, or the ``case`` and the holder's ``authorization`` it was made by.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "lookup": "01890a5d-ac96-774b-bcce-b302099a8057",
                    "reason": "办理公共场所卫生许可，核对主体资格",
                    "valid_days": 30,
                },
                {
                    "case": "SLZX-2026-000123",
                    "authorization": "01890a5d-ac96-774b-bcce-b302099a8057",
                    "reason": "存入办件档案",
                    "valid_days": 90,
                },
            ]
        },
    )

    lookup: Annotated[
        UUID | None,
        Field(
            strict=False,
            description="id of the department's own lookup, answered at most 30 days ago",
            examples=["01890a5d-ac96-774b-bcce-b302099a8057"],
        ),
    ] = None
    case: Annotated[
        str | None, Field(min_length=1, max_length=100, pattern=_PRINTABLE, examples=[None])
    ] = None
    authorization: Annotated[UUID | None, Field(strict=False, examples=[None])] = None
    reason: Annotated[
        str,
        Field(
            min_length=1,
            max_length=200,
            pattern=_PRINTABLE,
            description="printed on the copy",
            examples=["办理公共场所卫生许可，核对主体资格"],
        ),
    ]
    valid_days: Annotated[
        int,
        Field(ge=1, le=365, description="days of use, today the first", examples=[30]),
    ]

    @model_validator(mode="after")
    def _names_one_lookup(self) -> CopyIn:
        by_case = self.case is not None and self.authorization is not None
        either = (self.case is None) != (self.authorization is None)
        if either or (self.lookup is not None) == by_case:
            raise ValueError(
                "须给出 lookup,或同时给出 case 和 authorization"
                " / give `lookup`, or both `case` and `authorization`"
            )
        return self

    def evidence(self) -> Evidence:
        """Which lookup is meant."""
        return Evidence(self.lookup, self.case, self.authorization)
