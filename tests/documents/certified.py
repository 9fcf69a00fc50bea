"""A hub whose root has certified a department's key, so that it can seal."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from cryptography import x509

from certstore.certification import certify, make_request, make_root
from certstore.keys import Es256Signer
from exchange.governance.tables import governance
from exchange.keyring import repository
from exchange.keyring.changing import KeyChanges
from exchange.keyring.records import KeyPlace, Root
from tests.hub import Served

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
UNTIL = datetime(2046, 1, 1, tzinfo=UTC)


def certify_department(served: Served, department: str) -> x509.Certificate:
    """Make a root and have it certify the department's active key. The root."""
    hub, now = served.hub, served.clock.now()
    KeyChanges(hub.work, served.clock, hub.keys, by="tests").take_up()
    key = hub.keys.current().find_active(department)
    assert key is not None
    owner = Es256Signer.generate()
    certificate = make_root(owner, name="根证书", valid_from=SINCE, valid_until=UNTIL)
    root = Root(1, certificate, KeyPlace("elsewhere", "root"))
    leaf = certify(
        certificate,
        owner,
        make_request(hub.keys.signer_of(department), department=department, name="市场监督管理局"),
        department=department,
        name="市场监督管理局",
        valid_from=SINCE,
        valid_until=UNTIL,
        crl_url="http://hub.test/v1/crl",
    )
    with hub.work.begin() as work:
        repository.add_root(work.connection, root, now, "tests")
        repository.add_certificate(work.connection, key.kid, root, leaf, now=now, by="tests")
        work.connection.execute(sa.update(governance).values(revision=governance.c.revision + 1))
        work.commit()
    return certificate
