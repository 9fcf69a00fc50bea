"""Issuers elsewhere whose certificates may be imported: registered by the operator, by key.

A trust document (``GET /v1/trust`` of another hub) is taken as the operator handed it over, never
fetched. Registering an issuer again replaces its keys; without an entry it is trusted no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from certstore.trust import TrustAnchors
from exchange.audit.records import prepare
from exchange.bulk.tables import foreign_issuers
from exchange.errors import BadRequest, Conflict, NotFound
from exchange.unit_of_work import UnitOfWork


def trusted_elsewhere(connection: sa.Connection) -> TrustAnchors:
    """The issuers that are trusted now, each with its newest registration."""
    f = foreign_issuers.c
    rows = connection.execute(
        sa.select(f.entry)
        .ext(distinct_on(f.issuer))
        .order_by(f.issuer, f.number.desc())
    )  # fmt: skip
    return TrustAnchors.from_json({"issuers": [row.entry for row in rows if row.entry]})


class ForeignIssuers:
    """Registers whom to trust elsewhere."""

    def __init__(self, work: UnitOfWork[Any, Any], own_prefix: str) -> None:
        self._work = work
        self._own_prefix = own_prefix

    def trusted(self) -> TrustAnchors:
        """The issuers that are trusted now."""
        with self._work.read() as connection:
            return trusted_elsewhere(connection)

    def register(self, document: bytes, *, by: str) -> list[str]:
        """Trust every issuer of a trust document. The issuers, by ``iss``.

        Raises:
            TrustError: of certstore, where the document is unusable.
            BadRequest: it names no issuer.
            Conflict: it names an issuer of this hub, whose keys the hub itself keeps.
        """
        anchors = TrustAnchors.from_json(document)
        if not anchors.issuers:
            raise BadRequest("名单中没有签发机构。", "The document names no issuer.")
        if any(issuer.startswith(self._own_prefix) for issuer in anchors.issuers):
            raise Conflict(
                "名单含本枢纽自己的签发机构。", "The document names issuers of this very hub."
            )
        for entry in orjson.loads(document)["issuers"]:
            self._add(entry["id"], entry, by)
        return sorted(anchors.issuers)

    def withdraw(self, issuer: str, *, by: str) -> None:
        """Trust an issuer no more; what was imported stays.

        Raises:
            NotFound: it is not trusted.
        """
        if issuer not in self.trusted().issuers:
            raise NotFound("该签发机构未登记。", "That issuer is not registered.")
        self._add(issuer, None, by)

    def _add(self, issuer: str, entry: Mapping[str, Any] | None, by: str) -> None:
        with self._work.begin() as work:
            work.connection.execute(
                sa.insert(foreign_issuers).values(
                    issuer=issuer, entry=entry, registered_at=work.now, registered_by=by
                )
            )
            work.record(
                prepare(
                    "foreign-issuer",
                    work.now,
                    act="trust" if entry is not None else "distrust",
                    department=entry.get("department") if entry else None,
                    source=issuer,
                    outcome="done",
                )
            )
            work.commit()
