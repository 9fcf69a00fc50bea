"""A process that dies by `os._exit` in the middle of issuing or revoking one certificate. Run by
test_acts_killed.

Arguments: database URL, keys folder, passphrase, what it does (`issue`, `revoke`), where it dies
(`before-signing`, `before-commit`, `after-commit`), and the certificate's number.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from certstore.holders import Holder
from certstore.identifiers import CertificateIdentifier
from exchange.access import Caller
from exchange.certificates.acts import Acts
from exchange.certificates.drafts import Draft
from exchange.departments.records import SCOPES
from exchange.hub import Hub, build_hub
from exchange.settings import Settings
from tests.hub import MARKET, SetClock, credit_code

DEAD = 7


def die(*_: Any, **__: Any) -> None:
    os._exit(DEAD)


def draft_of(number: int) -> Draft:
    code = credit_code(number)
    return Draft(
        request=f"issue-{number}",
        holder=Holder("001", code, "某公司"),
        fields={
            "name": "某公司", "credit_code": code, "region": "广州",
            "registered_on": "2020-01-15",
        },
        valid_from=date(2020, 1, 15),
        valid_until=None,
        effective_on=None,
        reason="依申请",
        reason_code="holder-request",
        legal_ground=None,
    )  # fmt: skip


def act(hub: Hub, what: str, number: int) -> str:
    """Issue or revoke, under a request of the same name each time. The identifier."""
    caller = Caller("system", MARKET, MARKET, frozenset(SCOPES))
    name = "issue-certificate" if what == "issue" else "revoke-certificate"
    permitted = hub.access.permit(caller, name, resource_department=MARKET)
    if what == "issue":
        standing = hub.certificates.issue(permitted, "business-licence", draft_of(number))
        return standing.certificate.identifier
    identifier = CertificateIdentifier(f"{MARKET}001", MARKET, credit_code(number), 1)
    hub.certificates.revoke(
        permitted, identifier, state="07", reason="r", legal_ground="g", request=f"end-{number}"
    )
    return str(identifier)


def main() -> None:
    url, folder, passphrase, what, where, number = sys.argv[1:]
    settings = Settings(
        database_url=SecretStr(url),
        public_url="http://hub.test",
        keys_dir=Path(folder),
        keys_passphrase=SecretStr(passphrase),
        holder_key=SecretStr("5a" * 32),
        log_origin="hub.test/log",
        objects_dir=Path(folder).parent / "objects",
    )
    hub = build_hub(settings, SetClock(datetime(2026, 6, 1, 9, tzinfo=UTC)))
    if where == "before-signing":
        Acts.sign = die  # type: ignore[assignment, method-assign]
    if where == "before-commit":
        type(hub.log).append = die  # type: ignore[method-assign, assignment]
    act(hub, what, int(number))
    if where == "after-commit":
        os._exit(DEAD)


if __name__ == "__main__":
    main()
