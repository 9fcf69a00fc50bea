"""Who plays in the demonstration: sample departments, their systems, and who sits at them.

All invented. A system's private key is made on first use and stays under ``var/demo/keys``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from stdnum.cn import uscc

from exchange.client.lookups import Operator
from exchange.departments.records import Department

Algorithm = Literal["ES256", "EdDSA", "PS256"]


def _department(stem: str, zh: str, en: str) -> Department:
    return Department(stem + uscc.calc_check_digit(stem), zh, en)


MARKET: Final = _department("11440000MB2D01234", "市场监督管理局", "Market regulator")
CITY: Final = _department("11440100MB2C05678", "市许可办公室", "City licensing office")
TRANSPORT: Final = _department("11440300MB2E09012", "交通运输局", "Transport bureau")
CENTRE: Final = _department("11440000MB2F03456", "政务服务中心", "Government service centre")
HEALTH: Final = _department("11440000MB2G07890", "卫生健康委员会", "Health commission")
CULTURE: Final = _department("11440000MB2H02468", "文化局", "Culture bureau")
AUDIT: Final = _department("11440000MB2J01357", "审计局", "Audit office")
DEPARTMENTS: Final = (MARKET, CITY, TRANSPORT, CENTRE, HEALTH, CULTURE, AUDIT)
ISSUERS: Final = (MARKET, CITY, TRANSPORT)


@dataclass(frozen=True, slots=True)
class SampleSystem:
    """One department's system: its client id, its scopes, and how it signs its assertions."""

    client_id: str
    department: Department
    name: str
    algorithm: Algorithm
    scopes: frozenset[str]


def _system(
    client_id: str, department: Department, name: str, algorithm: Algorithm, *scopes: str
) -> SampleSystem:
    return SampleSystem(client_id, department, name, algorithm, frozenset(scopes))


MARKET_SYSTEM: Final = _system(
    "market-register", MARKET, "企业登记系统", "ES256", "certificates", "registers"
)
CITY_SYSTEM: Final = _system(
    "city-licensing", CITY, "许可管理系统", "EdDSA", "certificates", "registers"
)
TRANSPORT_SYSTEM: Final = _system(
    "transport-permits", TRANSPORT, "停车许可系统", "PS256", "certificates", "registers"
)
CENTRE_SYSTEM: Final = _system(
    "centre-approval", CENTRE, "统一受理平台", "ES256", "lookups", "cases"
)
HEALTH_SYSTEM: Final = _system(
    "health-approval", HEALTH, "卫生许可系统", "EdDSA", "lookups", "cases"
)
CULTURE_SYSTEM: Final = _system(
    "culture-approval", CULTURE, "文化审批系统", "PS256", "lookups", "cases"
)
AUDIT_SYSTEM: Final = _system("audit-desk", AUDIT, "审计查阅系统", "ES256", "audit")
SYSTEMS: Final = (
    MARKET_SYSTEM,
    CITY_SYSTEM,
    TRANSPORT_SYSTEM,
    CENTRE_SYSTEM,
    HEALTH_SYSTEM,
    CULTURE_SYSTEM,
    AUDIT_SYSTEM,
)
REGISTRARS: Final = (MARKET_SYSTEM, CITY_SYSTEM, TRANSPORT_SYSTEM)

CENTRE_CLERK: Final = Operator("window-03", "窗口甲", "综合窗口3号")
HEALTH_CLERK: Final = Operator("hygiene-07", "窗口乙", "卫生许可处")
CULTURE_CLERK: Final = Operator("culture-01", "窗口丙", "文化市场处")
