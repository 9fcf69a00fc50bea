"""What an applicant is asked, in plain words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from certstore.types import CertificateType
from exchange.authorizations.records import Authorization
from exchange.departments.records import Department
from exchange.items.definitions import Item


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence or a name in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request in plain words: who asks, for what, which fields, how often, how long."""

    department: Words
    item: Words
    subject: Words
    fields: Mapping[str, Words]
    question: Words
    consent: Words


def request_in_words(
    authorization: Authorization,
    *,
    departments: Mapping[str, Department],
    items: Mapping[str, Item],
    types: Mapping[str, CertificateType],
) -> Request:
    """The words of a request. What has no name any more is named by its code."""
    known = departments.get(authorization.department)
    department = _words(known.name_zh, known.name_en) if known else _code(authorization.department)
    about = items.get(authorization.item)
    item = _words(about.name_zh, about.name_en) if about else _code(authorization.item)
    subject, fields = _subject(authorization, about, types)
    zh, en = _deed(authorization, subject, fields)
    limits_zh = f"最多{authorization.uses_max}次,自同意之日起{authorization.valid_days}天内有效"
    limits_en = (
        f"at most {_times(authorization.uses_max)}, "
        f"within {_days(authorization.valid_days)} of the consent"
    )
    case = authorization.case_number
    return Request(
        department=department,
        item=item,
        subject=subject,
        fields=fields,
        question=Words(
            f"{department.zh}请求在办理“{item.zh}”(办件编号{case})时{zh};{limits_zh}。",
            f"{department.en} asks, for “{item.en}” (case {case}), to {en}; {limits_en}.",
        ),
        consent=Words(
            f"本人同意{department.zh}在办理“{item.zh}”(办件编号{case})时{zh};{limits_zh}。",
            f"I agree that {department.en} may, for “{item.en}” (case {case}), {en}; {limits_en}.",
        ),
    )


def _subject(
    authorization: Authorization, item: Item | None, types: Mapping[str, CertificateType]
) -> tuple[Words, dict[str, Words]]:
    if authorization.certificate_type is None:
        material = item.find_material(authorization.material) if item else None
        if material is None:
            return _code(authorization.material_kind or authorization.material), {}
        return _words(material.name_zh, material.name_en), {}
    kind = types.get(authorization.certificate_type)
    names = sorted(authorization.fields)
    if kind is None:
        return _code(authorization.certificate_type), {name: _code(name) for name in names}
    titles = {field.name: field.title for field in kind.fields}
    # In the order in which the certificate shows its fields.
    ordered = [name for name in titles if name in authorization.fields]
    ordered += [name for name in names if name not in titles]
    return _words(kind.title.zh, kind.title.en), {
        name: _words(titles[name].zh, titles[name].en) if name in titles else _code(name)
        for name in ordered
    }


def _deed(
    authorization: Authorization, subject: Words, fields: Mapping[str, Words]
) -> tuple[str, str]:
    if authorization.certificate_type is None:
        return (
            f"再次使用本人提交过的“{subject.zh}”",
            f"use again the “{subject.en}” that I gave before",
        )
    entrusted = authorization.basis == "entrusted"
    return (
        f"{'受委托' if entrusted else ''}查看本人“{subject.zh}”中的"
        f"{'、'.join(field.zh for field in fields.values())}",
        f"see {', '.join(field.en for field in fields.values())} of my “{subject.en}”"
        f"{' on my behalf' if entrusted else ''}",
    )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _words(zh: str, en: str) -> Words:
    return Words(zh, en)


def _code(code: str) -> Words:
    return Words(code, code)
