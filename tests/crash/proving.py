"""What must hold of an installation after any number of kills, each as one question."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from exchange.audit import verify as verifying
from exchange.audit.evidence import DatabaseEvidence
from exchange.audit.records import canonical
from exchange.client import Evidence, Trust, prove
from exchange.hub import object_store
from tests.crash.people import Acknowledged
from tests.crash.standing import Standing


@dataclass(frozen=True, slots=True)
class Told:
    """One lookup as its caller was told of it."""

    lookup: str
    index: int
    outcome: str
    record: bytes | None


class Proof:
    """Holds what was acknowledged against what is there.

    Every acknowledged answer and receipt is proven offline first.
    """

    def __init__(
        self, installation: Standing, noted: Acknowledged, trust: Mapping[str, Any]
    ) -> None:
        self.noted = noted
        self._installation = installation
        self._objects = object_store(installation.settings)
        self._trust = Trust.from_document(trust)
        self._roots: dict[int, set[bytes]] = defaultdict(set)
        self.told = [told for evidence in noted.lookups for told in self._prove(evidence)]

    def _prove(self, evidence: Evidence) -> Iterator[Told]:
        proven = prove(evidence, self._trust)
        self._roots[proven.size].add(proven.root)
        response = evidence.response
        for number, one in enumerate(response.get("lookups") or [response]):
            record = canonical(proven.records[number]) if proven.records else None
            yield Told(one["lookup"], proven.index + number, _outcome(one), record)

    def unlogged(self) -> list[Told]:
        """Acknowledged lookups that do not stand in the log as they were told."""
        bodies = self.bodies()
        return [
            told
            for told in self.told
            if told.index not in bodies
            or (told.record is not None and told.record != bodies[told.index])
            or (told.lookup, told.outcome)
            != tuple(json.loads(bodies[told.index]).get(name) for name in ("lookup", "outcome"))
        ]

    def indexes_given_twice(self) -> list[int]:
        """Places in the log that two lookups were told."""
        given: dict[int, set[str]] = defaultdict(set)
        for told in self.told:
            given[told.index].add(told.lookup)
        return [index for index, lookups in given.items() if len(lookups) > 1]

    def forked_sizes(self) -> list[int]:
        """Sizes of the log for which two different roots were signed and handed out."""
        report = self.verified_log()
        self._roots[report.size].add(report.root)
        return [size for size, roots in self._roots.items() if len(roots) > 1]

    def verified_log(self) -> verifying.Report:
        """The whole log, proven from the database with its public key alone."""
        evidence = DatabaseEvidence.open(self._installation.database.app_url)
        try:
            return verifying.verify(evidence, self._trust.log_key, self._trust.origin)
        finally:
            evidence.close()

    def bodies(self) -> dict[int, bytes]:
        """The records of the log."""
        rows = self._rows("SELECT index, body FROM audit_records")
        return {row.index: bytes(row.body) for row in rows}

    def released(self) -> tuple[int, int]:
        """Lookups released: as acknowledged, and as the log has them."""
        acknowledged = sum(told.outcome == "released" for told in self.told)
        [row] = self._rows(
            "SELECT count(*) AS released FROM audit_records WHERE kind = 'lookup'"
            " AND convert_from(body, 'UTF8')::jsonb ->> 'outcome' = 'released'"
        )
        return acknowledged, row.released

    def uses(self) -> list[tuple[int, int, int, int]]:
        """Of each authorization its uses: acknowledged, listed, counted and granted."""
        acknowledged = Counter(authorization for authorization, _ in self.noted.uses)
        rows = self._rows(
            "SELECT id, uses_taken, uses_max, (SELECT count(*) FROM authorization_uses u"
            " WHERE u.authorization_id = a.id) AS listed FROM authorizations a"
        )
        return [(acknowledged[row.id], row.listed, row.uses_taken, row.uses_max) for row in rows]

    def unlisted_uses(self) -> set[UUID]:
        """Acknowledged lookups by authorization whose use is not written down."""
        listed = {row.lookup for row in self._rows("SELECT lookup FROM authorization_uses")}
        return {lookup for _, lookup in self.noted.uses} - listed

    def lost_uploads(self) -> list[str]:
        """Acknowledged uploads that the database or the object store does not have."""
        rows = {row.id: row for row in self._rows("SELECT id, sha256, size FROM materials")}
        lost = []
        for document, digest, size in self.noted.uploads:
            row = rows.get(document)
            if (
                row is None
                or (row.sha256, row.size) != (digest, size)
                or len(self._objects.get(digest)) != size
            ):
                lost.append(digest)
        return lost

    def rows_without_objects(self) -> list[str]:
        """Documents in the database, acknowledged or not, that the object store lacks."""
        stored = set(self._objects)
        rows = self._rows("SELECT sha256 FROM materials")
        return [row.sha256 for row in rows if row.sha256 not in stored]

    def lost_cases(self) -> set[tuple[UUID, str]]:
        """Acknowledged cases that are not there."""
        rows = self._rows("SELECT id, case_number FROM cases")
        return set(self.noted.cases) - {(row.id, row.case_number) for row in rows}

    def pulls(self) -> list[Any]:
        """All pulls with their sums."""
        return self._rows(
            "SELECT id, register, state, received, failure_code,"
            " issued + revised + unchanged + quarantined AS accounted FROM pulls"
        )

    def rows_issued_twice(self) -> list[Any]:
        """Rows of registers from which more than one version came."""
        return self._rows(
            "SELECT issuer, type_code, serial, source_key, source_hash FROM certificates"
            " GROUP BY issuer, type_code, serial, source_key, source_hash HAVING count(*) > 1"
        )

    def versions_with_holes(self) -> list[Any]:
        """Certificates whose versions are not 1, 2, … n."""
        return self._rows(
            "SELECT issuer, type_code, serial FROM certificates"
            " GROUP BY issuer, type_code, serial"
            " HAVING min(version) <> 1 OR max(version) <> count(*)"
        )

    def places_given_twice(self) -> list[Any]:
        """Places in status lists that two certificates hold."""
        return self._rows(
            "SELECT issuer, status_list, status_index FROM certificates"
            " GROUP BY issuer, status_list, status_index HAVING count(*) > 1"
        )

    def _rows(self, statement: str) -> list[Any]:
        with self._installation.hub.engine.connect() as connection:
            return list(connection.execute(sa.text(statement)))


def _outcome(response: Mapping[str, Any]) -> str:
    if "reasons" in response and response["reasons"] is not None:
        return "refused"
    return "released" if response["found"] else "not-found"
