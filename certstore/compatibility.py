"""兼容性 · what one version of a certificate type changes against the one before it. Pure.

A change is *compatible* where every certificate that the old version accepts is shown to pass the
new one, and where nothing is said of old values that was not said before; everything else is
*breaking* and has to be declared. What cannot be shown counts as breaking.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from certstore.certificate_type import CertificateType, FieldDefinition, Sensitivity
from certstore.masking import shows_no_more
from certstore.schema_inclusion import is_included
from certstore.validity import Period, ValidityRule

ChangeKind = Literal["compatible", "breaking"]

_SENSITIVITIES: Final[tuple[Sensitivity, ...]] = ("public", "internal", "personal")


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `code` for programs, `field` its place, `zh` and `en` sentences for people."""

    kind: ChangeKind
    code: str
    field: str
    zh: str
    en: str

    def as_dict(self) -> dict[str, str]:
        """The change as JSON has it."""
        return {
            "kind": self.kind, "code": self.code, "field": self.field, "zh": self.zh, "en": self.en
        }  # fmt: skip


def compare(old: CertificateType, new: CertificateType) -> list[Change]:
    """Every change from `old` to `new`, the breaking ones first; empty where they are the same.

    The version itself and what its publisher says of it are no change. Raises ValueError where the
    two are not of one key.
    """
    if old.key != new.key:
        raise ValueError("versions of two different types")
    changes = [
        *_identity_changes(old, new),
        *_issuer_changes(old, new),
        *_holder_changes(old, new),
        *_field_changes(old, new),
        *_validity_changes(old.validity, new.validity),
        *_file_changes(old, new),
    ]
    return sorted(changes, key=lambda change: change.kind != "breaking")


def is_breaking(changes: Sequence[Change]) -> bool:
    """Whether one of the changes is breaking."""
    return any(change.kind == "breaking" for change in changes)


def _identity_changes(old: CertificateType, new: CertificateType) -> Iterable[Change]:
    if old.code != new.code:
        yield _breaking(
            "code-changed", "code", "类型代码变了，标识随之不同",
            "the type code changed, and with it every identifier",
        )  # fmt: skip
    elif old.defined_by != new.defined_by:
        yield _breaking(
            "definer-changed", "defined_by", "制定机构变了", "the defining body changed"
        )
    if old.title != new.title or old.description != new.description:
        yield _compatible("title-changed", "title", "名称或说明变了", "the title changed")


def _issuer_changes(old: CertificateType, new: CertificateType) -> Iterable[Change]:
    if new.issuers is not None and (old.issuers is None or old.issuers - new.issuers):
        yield _breaking(
            "issuer-removed", "issuers", "有部门不再可以颁发", "a department may no longer issue"
        )
    if old.issuers is not None and (new.issuers is None or new.issuers - old.issuers):
        yield _compatible(
            "issuer-added", "issuers", "又有部门可以颁发", "further departments may issue"
        )


def _holder_changes(old: CertificateType, new: CertificateType) -> Iterable[Change]:
    for code, kind in old.holder_ids.items():
        at = f"holder_ids/{code}"
        kept = new.holder_ids.get(code)
        if kept is None:
            yield _breaking(
                "holder-id-removed", at, f"不再使用证件类型 {code}",
                f"holders are no longer named by {code}",
            )  # fmt: skip
        elif kept.pattern != kind.pattern:
            yield _breaking(
                "holder-id-changed", at, f"证件类型 {code} 的格式变了",
                f"the pattern of the id type {code} changed",
            )  # fmt: skip
        elif kept != kind:
            yield _compatible(
                "holder-id-renamed", at, f"证件类型 {code} 的名称变了",
                f"the title of the id type {code} changed",
            )  # fmt: skip
    for code in new.holder_ids.keys() - old.holder_ids.keys():
        yield _compatible(
            "holder-id-added", f"holder_ids/{code}", f"增加证件类型 {code}",
            f"holders may also be named by {code}",
        )  # fmt: skip


def _field_changes(old: CertificateType, new: CertificateType) -> Iterable[Change]:
    before = {one.name: one for one in old.fields}
    after = {one.name: one for one in new.fields}
    for name, one in before.items():
        if name in after:
            yield from _changes_of_field(one, after[name])
        else:
            yield _breaking(
                "field-removed", f"fields/{name}", f"字段 {name} 被删去",
                f"the field {name} was removed",
            )  # fmt: skip
    for name, one in after.items():
        if name not in before and one.required:
            yield _breaking(
                "field-required", f"fields/{name}", f"新增必填字段 {name}",
                f"the new field {name} is required",
            )  # fmt: skip
        elif name not in before:
            yield _compatible(
                "field-added", f"fields/{name}", f"新增选填字段 {name}",
                f"the optional field {name} was added",
            )  # fmt: skip
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        yield _compatible("fields-reordered", "fields", "字段次序变了", "the order changed")


def _changes_of_field(old: FieldDefinition, new: FieldDefinition) -> Iterable[Change]:
    name, at = old.name, f"fields/{old.name}"
    yield from _schema_changes(old, new)
    if new.required and not old.required:
        yield _breaking(
            "field-required", f"{at}/required", f"字段 {name} 变为必填",
            f"the field {name} became required",
        )  # fmt: skip
    elif old.required and not new.required:
        yield _compatible(
            "field-optional", f"{at}/required", f"字段 {name} 变为选填",
            f"the field {name} became optional",
        )  # fmt: skip
    lower = _SENSITIVITIES.index(new.sensitivity) - _SENSITIVITIES.index(old.sensitivity)
    if lower < 0:
        yield _breaking(
            "sensitivity-lowered", f"{at}/sensitivity", f"字段 {name} 的敏感级别降低",
            f"the field {name} is now taken for less sensitive",
        )  # fmt: skip
    elif lower > 0:
        yield _compatible(
            "sensitivity-raised", f"{at}/sensitivity", f"字段 {name} 的敏感级别提高",
            f"the field {name} is now taken for more sensitive",
        )  # fmt: skip
    yield from _showing_changes(old, new)


def _schema_changes(old: FieldDefinition, new: FieldDefinition) -> Iterable[Change]:
    name, at = old.name, f"fields/{old.name}/schema"
    if _canonical(old.schema) == _canonical(new.schema):
        return
    if is_included(old.schema, new.schema):
        yield _compatible(
            "schema-widened", at, f"字段 {name} 接受原有的全部取值",
            f"the field {name} accepts all that it accepted",
        )  # fmt: skip
    else:
        yield _breaking(
            "schema-narrowed", at, f"不能证明字段 {name} 仍接受原有的全部取值",
            f"it cannot be shown that the field {name} accepts all that it accepted",
        )  # fmt: skip


def _showing_changes(old: FieldDefinition, new: FieldDefinition) -> Iterable[Change]:
    name, at = old.name, f"fields/{old.name}"
    if not shows_no_more(new.mask, old.mask):
        yield _breaking(
            "mask-weakened", f"{at}/mask", f"字段 {name} 的遮蔽显示了原先不显示的部分",
            f"the mask of the field {name} shows what it did not show",
        )  # fmt: skip
    elif new.mask != old.mask:
        yield _compatible(
            "mask-strengthened", f"{at}/mask", f"字段 {name} 的遮蔽更严",
            f"the mask of the field {name} shows less",
        )  # fmt: skip
    if old.metadata is not None and old.metadata != new.metadata:
        yield _breaking(
            "metadata-changed", f"{at}/metadata", f"字段 {name} 的元数据名称变了",
            f"the field {name} has another name in the metadata",
        )  # fmt: skip
    elif old.metadata != new.metadata:
        yield _compatible(
            "metadata-added", f"{at}/metadata", f"字段 {name} 有了元数据名称",
            f"the field {name} got a name in the metadata",
        )  # fmt: skip
    if old.title != new.title:
        yield _compatible(
            "title-changed", f"{at}/title", f"字段 {name} 的名称变了",
            f"the title of the field {name} changed",
        )  # fmt: skip


def _validity_changes(old: ValidityRule, new: ValidityRule) -> Iterable[Change]:
    if _dates(old) != _dates(new):
        if _accepts_all_terms(old, new):
            yield _compatible(
                "validity-widened", "validity", "有效期规则放宽", "the validity rule allows more"
            )
        else:
            yield _breaking(
                "validity-changed", "validity", "有效期规则变了", "the validity rule changed"
            )
    for name in ("renew_from_days_before", "renew_until_days_after"):
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        if after is None or (before is not None and after > before):
            yield _compatible(
                "renewal-widened", "validity/renewal", "可以延续的时间放宽",
                "the time for renewing is longer",
            )  # fmt: skip
        else:
            yield _breaking(
                "renewal-narrowed", "validity/renewal", "可以延续的时间缩短",
                "the time for renewing is shorter",
            )  # fmt: skip


def _dates(rule: ValidityRule) -> tuple[object, ...]:
    return rule.kind, rule.length, rule.longest, rule.until, rule.ends


def _accepts_all_terms(old: ValidityRule, new: ValidityRule) -> bool:
    """Whether all dates of the old rule are shown to pass the new one."""
    if (old.kind, new.kind) not in {
        ("open", "either"), ("term", "term"), ("term", "either"), ("either", "either"),
        ("fixed", "term"), ("fixed", "either"), ("until", "term"), ("until", "either"),
    }:  # fmt: skip
        return False
    if new.longest is None or old.kind == "open":
        return True
    limit = old.length if old.kind == "fixed" else old.longest
    if limit is None:
        return False  # as long as it liked, or until a day that is far from some beginnings
    return _no_longer(limit, new.longest) and (
        old.ends == new.ends or (old.ends, new.ends) == ("day-before", "corresponding-day")
    )


def _no_longer(one: Period, other: Period) -> bool:
    months = one.years * 12 + one.months, other.years * 12 + other.months
    return months[0] <= months[1] and one.days <= other.days


def _file_changes(old: CertificateType, new: CertificateType) -> Iterable[Change]:
    if new.retention.years < old.retention.years:
        yield _breaking(
            "retention-shortened", "retention", "封存文件的保管期限缩短",
            "sealed files are kept for a shorter time",
        )  # fmt: skip
    elif new.retention != old.retention:
        yield _compatible(
            "retention-lengthened", "retention", "封存文件的保管期限延长",
            "sealed files are kept for longer",
        )  # fmt: skip
    if old.template != new.template:
        yield _compatible("template-changed", "template", "版式变了", "it is drawn differently")


def _canonical(schema: Mapping[str, Any]) -> bytes:
    return orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)


def _breaking(code: str, field: str, zh: str, en: str) -> Change:
    return Change("breaking", code, field, zh, en)


def _compatible(code: str, field: str, zh: str, en: str) -> Change:
    return Change("compatible", code, field, zh, en)
