"""Does a register's definition fit the certificate type that it feeds? Pure."""

from __future__ import annotations

from certstore.types import CertificateType
from connectors.definitions import Definition
from exchange.registers.records import Failure


def find_misfit(definition: Definition, kind: CertificateType) -> Failure | None:
    """Everything that would have every row refused, said once; None where all fits."""
    names = {field.name for field in kind.fields}
    unknown = sorted(definition.fields.keys() - names)
    missing = sorted(
        {field.name for field in kind.fields if field.required} - definition.fields.keys()
    )
    zh: list[str] = []
    en: list[str] = []
    if unknown:
        zh.append(f"证照类型没有字段 {', '.join(unknown)}")
        en.append(f"the certificate type has no field {', '.join(unknown)}")
    if missing:
        zh.append(f"缺少必填字段 {', '.join(missing)}")
        en.append(f"the required field {', '.join(missing)} is not mapped")
    if definition.holder.id_type not in kind.holder_ids:
        zh.append(f"证照类型不使用证件类型 {definition.holder.id_type}")
        en.append(f"the type does not name holders by {definition.holder.id_type}")
    if not kind.may_issue(definition.department):
        zh.append("该部门无权颁发此类证照")
        en.append("the department may not issue this certificate type")
    if not zh:
        return None
    return Failure("definition-misfit", "；".join(zh), "; ".join(en))
