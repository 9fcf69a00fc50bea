"""The client SDK: what a department's approval system, or an applicant, does with the hub.

Needs httpx and the pure parts of the hub only; every answer is verified before it is given out.
Each name below is imported on first use, so that proving evidence offline loads no network.

    with Yici(url, client_id="centre-approval", key=Path("key.pem"), trust=trust) as yici:
        case = yici.open_case(item, "SLZX-2026-000123", Holder("001", code), operator)
        line = case.get_line("business-licence")
        result = yici.look_up(
            Lookup(
                line.certificate_type, line.fields, holder=Holder("001", code), item=item,
                case=case.case_number, basis=line.basis, authorization=line.authorization,
                operator=operator,
            )
        )
        yici.attach_certificate(case.id, line.material, result.lookup)
        keep(result.evidence())  # python -m exchange.client.offline proves it, years later
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exchange.client.applicant import Applicant
    from exchange.client.credentials import Credentials
    from exchange.client.evidence import Evidence, Proven, Trust, prove
    from exchange.client.lookups import Certificate, Holder, Lookup, LookupResult, Operator
    from exchange.client.presentations import OneTimeCode, Showing
    from exchange.client.problems import YiciError, YiciProblem, YiciUnproven, YiciUnreachable
    from exchange.client.system import Yici

_HOME = {
    "Applicant": "applicant",
    "Certificate": "lookups",
    "Credentials": "credentials",
    "Evidence": "evidence",
    "Holder": "lookups",
    "Lookup": "lookups",
    "LookupResult": "lookups",
    "OneTimeCode": "presentations",
    "Operator": "lookups",
    "Proven": "evidence",
    "Showing": "presentations",
    "Trust": "evidence",
    "Yici": "system",
    "YiciError": "problems",
    "YiciProblem": "problems",
    "YiciUnproven": "problems",
    "YiciUnreachable": "problems",
    "prove": "evidence",
}

__all__ = [
    "Applicant",
    "Certificate",
    "Credentials",
    "Evidence",
    "Holder",
    "Lookup",
    "LookupResult",
    "OneTimeCode",
    "Operator",
    "Proven",
    "Showing",
    "Trust",
    "Yici",
    "YiciError",
    "YiciProblem",
    "YiciUnproven",
    "YiciUnreachable",
    "prove",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"exchange.client.{home}"), name)
