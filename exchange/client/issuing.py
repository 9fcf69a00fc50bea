"""What an issuer's system does to the certificates of its department, one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from exchange.client.certificates import Standing
from exchange.client.lookups import Holder
from exchange.client.session import Session


@dataclass(frozen=True, slots=True)
class Draft:
    """What goes into a version of a certificate.

    ``request`` is the caller's own name for it: sent again under the same name, it comes to the
    same certificate. ``effective_on`` is the day (UTC+8) from whose beginning it counts, by
    default at once.
    """

    request: str
    holder: Holder
    holder_name: str = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    valid_from: date
    valid_until: date | None = None
    effective_on: date | None = None
    reason: str | None = None
    reason_code: str | None = None
    legal_ground: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As the hub takes it."""
        term = {"valid_from": self.valid_from.isoformat()}
        if self.valid_until is not None:
            term["valid_until"] = self.valid_until.isoformat()
        return {
            "request": self.request,
            "holder": {**self.holder.as_dict(), "name": self.holder_name},
            "fields": dict(self.fields),
            "validity": term,
            **_given(
                effective_on=_day(self.effective_on),
                reason=self.reason,
                reason_code=self.reason_code,
                legal_ground=self.legal_ground,
            ),
        }


@dataclass(frozen=True, slots=True)
class Why:
    """Why an act is done, on which legal ground, and from when (a day in UTC+8; at once).

    With a ``request``, the caller's own name for the act, it may be sent again without harm.
    """

    reason: str
    legal_ground: str
    reason_code: str | None = None
    effective_on: date | None = None
    request: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As the hub takes it."""
        return {
            "reason": self.reason,
            "legal_ground": self.legal_ground,
            **_given(
                reason_code=self.reason_code,
                effective_on=_day(self.effective_on),
                request=self.request,
            ),
        }


class Issuing:
    """A department's own certificates. Every method raises YiciProblem: 400 naming each fault,
    404 for what is none of the department's, 409 where the state does not allow it then."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def issue(
        self,
        certificate_type: str,
        draft: Draft,
        *,
        serial: str | None = None,
        transferred_from: str | None = None,
    ) -> Standing:
        """Issue a certificate (新发), or take over (转入) one that another body transferred out.
        Without a serial it is given one."""
        asked = draft.as_dict() | {
            "type": certificate_type,
            **_given(serial=serial, transferred_from=transferred_from),
        }
        return self._post("/v1/certificates", asked, repeatable=True)

    def renew(self, identifier: str, draft: Draft) -> Standing:
        """Issue the next version for another term (延续)."""
        return self._next(identifier, "renewal", draft)

    def change(self, identifier: str, draft: Draft) -> Standing:
        """Issue the next version with other contents (变更)."""
        return self._next(identifier, "change", draft)

    def suspend(self, identifier: str, why: Why) -> Standing:
        """Take it away for a time (暂扣)."""
        return self._act(identifier, "suspension", why)

    def reinstate(self, identifier: str, why: Why) -> Standing:
        """Give it back (暂扣发还)."""
        return self._act(identifier, "reinstatement", why)

    def revoke(self, identifier: str, why: Why, *, state: str = "07") -> Standing:
        """End it: 03 撤销, 04 注销, 05 失效 or 07 吊销."""
        return self._act(identifier, "revocation", why, state=state)

    def transfer(self, identifier: str, why: Why) -> Standing:
        """Hand it over to the body in charge now (办理转出)."""
        return self._act(identifier, "transfer", why)

    def call_off(self, identifier: str, sequence: int, why: Why) -> Standing:
        """Call off an event that is still to come, by its ``sequence`` in the history."""
        return self._act(identifier, f"events/{sequence}/withdrawal", why)

    def standing(self, identifier: str, *, on: date | None = None) -> Standing:
        """State, versions and signed history; with ``on``, ``as_of`` says how it stood at the
        end of that day."""
        path = f"/v1/certificates/{identifier}"
        return self._session.send("GET", path, params=_given(on=_day(on))).read(Standing.of)

    def _next(self, identifier: str, operation: str, draft: Draft) -> Standing:
        asked = draft.as_dict() | {"operation": operation}
        return self._post(f"/v1/certificates/{identifier}/versions", asked, repeatable=True)

    def _act(self, identifier: str, act: str, why: Why, **more: str) -> Standing:
        return self._post(
            f"/v1/certificates/{identifier}/{act}",
            why.as_dict() | more,
            repeatable=why.request is not None,
        )

    def _post(self, path: str, asked: Mapping[str, Any], *, repeatable: bool) -> Standing:
        answer = self._session.send("POST", path, idempotent=repeatable, json=dict(asked))
        return answer.read(Standing.of)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
