"""What must hold of the log before a lookup is answered, looked at again while serving."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from exchange.audit.stored import Cursor
from exchange.audit.witnessing import WitnessGate
from exchange.database import unsafe_session
from exchange.errors import HubError, Unavailable, Unwitnessed

EVERY = timedelta(seconds=10)
log = structlog.get_logger()


class LogGate:
    """Refuses to go on where records could be lost or changed, or where nobody else sees them.

    ``durable`` is left out only over the throw-away server of tests, which never syncs.
    """

    def __init__(self, witnesses: WitnessGate, *, durable: bool = True) -> None:
        self._witnesses = witnesses
        self._durable = durable
        self._safe_until: datetime | None = None

    def find_refusal(self, cursor: Cursor, now: datetime) -> HubError | None:
        """The error to answer with, or None. Costs nothing between one look and the next."""
        if self._durable and (self._safe_until is None or now >= self._safe_until):
            self._safe_until = None
            reasons = unsafe_session(cursor)
            if reasons:
                log.critical("the database may not carry the log", reasons=reasons)
                return _unsafe()
            self._safe_until = now + EVERY
        try:
            self._witnesses.require(cursor, now)
        except Unwitnessed as refused:
            return refused
        return None


def _unsafe() -> HubError:
    return Unavailable(
        "数据库的设置不足以保存审计记录，因此不作答复，请联系运维人员。",
        "The database is not set up to keep records safely, so no answer is given. "
        "The operator must look into it.",
        headers={"Retry-After": "60"},
    )
