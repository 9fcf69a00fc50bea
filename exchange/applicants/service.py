"""Who an applicant is, and who looked at the applicant's data."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from exchange.access import Permitted
from exchange.applicants import repository
from exchange.applicants.records import Seen
from exchange.errors import Unauthenticated
from exchange.governance.snapshot import Governance, Snapshot
from exchange.tokens.repository import Applicant, find_applicant_by_id
from exchange.unit_of_work import UnitOfWork


class Applicants:
    """The room's service."""

    def __init__(self, work: UnitOfWork[Any, Any], governance: Governance) -> None:
        self._work = work
        self._governance = governance

    def get(self, permitted: Permitted) -> Applicant:
        """The acting applicant.

        Raises:
            Unauthenticated: the account is gone.
        """
        with self._work.read() as connection:
            found = find_applicant_by_id(connection, UUID(permitted.caller.subject))
        if found is None:
            raise Unauthenticated("账号不存在。", "There is no such account.")
        return found

    def seen(
        self, permitted: Permitted, *, before: int | None, limit: int
    ) -> tuple[list[Seen], Snapshot]:
        """Every lookup of the acting applicant's data, newest first, with what names things."""
        with self._work.read() as connection:
            return (
                repository.seen(connection, permitted.holder_key, before=before, limit=limit),
                self._governance.current(connection),
            )
