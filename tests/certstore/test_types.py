"""Certificate types: the sample definitions, and every fault a definition can have."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from stdnum.cn import uscc

from certstore.base64url import b64url_decode
from certstore.certificate_type import CertificateType, Title
from certstore.errors import FieldErrors, TypeDefinitionError
from certstore.holders import Holder
from certstore.sdjwt import parse
from certstore.type_metadata import metadata_bytes, type_metadata
from certstore.types import (
    canonical_text,
    load_types,
    read_published,
    read_type,
    says_the_same,
)
from tests.certstore.conftest import FIELDS

SOUND = """
key = "sample"
version = 1
code = "11440000MB2D01234C001"
defined_by = "11440000MB2D01234C"
issuers = "any"
validity = "either"
title = { zh = "样例", en = "Sample" }

[[holder_ids]]
code = "001"

[[fields]]
name = "name"
title = { zh = "名称", en = "Name" }
schema = { type = "string" }
sensitivity = "public"
"""


def test_the_three_sample_types_are_what_the_registers_need(
    types: Mapping[str, CertificateType],
) -> None:
    assert set(types) == {
        "business-licence",
        "limited-business-licence",
        "parking-facility-licence",
    }
    for one in types.values():
        assert uscc.is_valid(one.defined_by)
        assert one.code == f"{one.defined_by}001"
        assert one.may_issue(one.defined_by)
        assert not one.may_issue("11440000MB2D01234X")
        assert one.title.zh
        assert one.title.en


def test_a_type_names_itself_for_sd_jwt_vc(licence: CertificateType) -> None:
    assert licence.vct == "urn:yici:certificate:business-licence:1"


def test_a_type_can_travel_to_another_process(licence: CertificateType) -> None:
    copied = pickle.loads(pickle.dumps(licence))
    assert copied == licence
    assert copied.accepts(FIELDS)


def test_personal_fields_are_masked_by_default(types: Mapping[str, CertificateType]) -> None:
    field = types["limited-business-licence"].find_field("legal_name")
    assert field is not None
    assert (field.sensitivity, field.mask) == ("personal", "first1last1")


def check(kind: CertificateType, **changes: Any) -> None:
    given: dict[str, Any] = {
        "issuer": kind.defined_by,
        "holder": Holder("001", "91440101191193940U", "某某"),
        "fields": FIELDS,
        "valid_from": date(2026, 1, 1),
        "valid_until": None,
        **changes,
    }
    kind.check(**given)


def test_sound_content_has_no_fault(licence: CertificateType) -> None:
    check(licence)


def test_all_faults_of_a_certificate_are_named_at_once_without_its_values(
    licence: CertificateType,
) -> None:
    fields = {
        "name": "",
        "credit_code": "91440101191193940",
        "registered_on": "1997-13-01",
        "extra": 1,
    }
    with pytest.raises(FieldErrors) as caught:
        check(
            licence,
            fields=fields,
            issuer="11440100MB2C056783",
            holder=Holder("111", "11010519491231002X", "某某"),
            valid_until=date(2027, 1, 1),
        )
    faults = {(fault.field, fault.code) for fault in caught.value.faults}
    assert faults == {
        ("name", "minLength"),
        ("credit_code", "pattern"),
        ("registered_on", "format"),
        ("region", "required"),
        ("extra", "unknown-field"),
        ("holder.id_type", "holder-id-type"),
        ("issuer", "issuer-not-allowed"),
        ("valid_until", "end-not-allowed"),
    }
    assert "91440101191193940" not in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).faults == caught.value.faults


@pytest.mark.parametrize("fields", [None, [], "text", 5])
def test_fields_that_are_no_object_are_refused(licence: CertificateType, fields: Any) -> None:
    with pytest.raises(FieldErrors):
        check(licence, fields=fields)


def test_a_term_has_an_end_that_is_not_before_its_beginning(
    types: Mapping[str, CertificateType],
) -> None:
    kind = types["limited-business-licence"]
    for until, code in ((None, "end-missing"), (date(2025, 12, 31), "ends-before-it-begins")):
        with pytest.raises(FieldErrors) as caught:
            check(kind, valid_until=until)
        assert code in {fault.code for fault in caught.value.faults}


def test_a_sound_definition_is_read() -> None:
    kind = read_type(SOUND.encode(), where="sample.toml")
    assert kind.may_issue("11440100MB2C056783")


@pytest.mark.parametrize(
    ("old", "new", "at", "code"),
    [
        ('code = "11440000MB2D01234C001"', 'code = "1"', "code", "form"),
        ("version = 1", "", "", "form"),
        ("version = 1", "version = 1\nsecret = 2", "", "form"),
        ('code = "11440000MB2D01234C001"', 'code = "11440100MB2C056783001"', "code", "code"),
        ("11440000MB2D01234C", "11440000MB2D01234A", "defined_by", "uscc"),
        ('issuers = "any"', 'issuers = ["11440000MB2D01234A"]', "issuers/0", "uscc"),
        ('code = "001"', 'code = "002"', "holder_ids/002", "holder-id-type"),
        ('code = "001"', 'code = "x-local"', "holder_ids/x-local", "holder-id-type"),
        ('code = "001"', 'code = "001"\npattern = "1"', "holder_ids/001", "holder-id-type"),
        (
            'code = "001"',
            'code = "x-local"\npattern = "("\ntitle = { zh = "一", en = "a" }',
            "holder_ids/x-local/pattern",
            "pattern",
        ),
        ('type = "string"', 'type = "strin"', "fields/name/schema", "schema"),
        (
            'type = "string"',
            'type = "string", pattern = "(?=a)"',
            "fields/name/schema",
            "schema",
        ),
        ('type = "string"', '"$ref" = "#/a"', "fields/name/schema", "schema"),
        ('type = "string"', 'format = "iban"', "fields/name/schema", "schema"),
        ('type = "string"', "anyOf = [1]", "fields/name/schema", "schema"),
        ('"public"', '"personal"\nmask = "none"', "fields/name/mask", "mask"),
        ('"public"', '"public"\nmetadata = "NAME"', "fields/name/metadata", "metadata"),
        ('"either"', '{ kind = "fixed" }', "validity/length", "required"),
        ('"either"', '{ kind = "until" }', "validity/until", "required"),
        (
            '"either"',
            '{ kind = "open", longest = { years = 1 } }',
            "validity/longest",
            "not-of-this-kind",
        ),
        ('"either"', '{ kind = "until", until = 2026-02-30T00:00:00 }', "", "not-toml"),
        ('"either"', '{ kind = "until", until = "2026-02-30" }', "validity", "form"),
        ("version = 1", "version = 2", "change/summary", "required"),
        (
            '"either"',
            '"either"\nchange = { summary = { zh = "一", en = "a" } }',
            "change",
            "not-of-this-kind",
        ),
        (
            '"either"',
            '"either"\ntemplate = { large = ["none"] }',
            "template/large",
            "unknown-field",
        ),
        (
            'code = "001"',
            'code = "x-local"\npattern = "(?=1)1"\ntitle = { zh = "一", en = "a" }',
            "holder_ids/x-local/pattern",
            "pattern",
        ),
        ('"public"', '"secret"', "fields/0/sensitivity", "form"),
        (', en = "Name"', "", "fields/0/title", "form"),
    ],
)
def test_a_wrong_definition_is_refused_where_it_is_wrong(
    old: str, new: str, at: str, code: str
) -> None:
    assert old in SOUND
    with pytest.raises(TypeDefinitionError) as caught:
        read_type(SOUND.replace(old, new).encode(), where="sample.toml")
    faults = {(fault.field, fault.code) for fault in caught.value.faults}
    where = "sample.toml" if code == "not-toml" else f"sample.toml#{at}"
    assert (where, code) in faults


def test_two_fields_of_one_name_are_refused() -> None:
    twice = SOUND + SOUND[SOUND.index("[[fields]]") :]
    with pytest.raises(TypeDefinitionError, match="two fields of one name"):
        read_type(twice.encode(), where="sample.toml")


@pytest.mark.parametrize("content", [b"key = ", b"\xff\xfe", b"key = 1\nkey = 2"])
def test_what_is_not_toml_is_refused(content: bytes) -> None:
    with pytest.raises(TypeDefinitionError, match="not a TOML file"):
        read_type(content, where="sample.toml")


def test_all_faults_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(SOUND.replace("version = 1", ""))
    (tmp_path / "b.toml").write_text("key =")
    (tmp_path / "c.toml").write_text(SOUND)
    (tmp_path / "d.toml").write_text(SOUND.replace('key = "sample"', 'key = "other"'))
    with pytest.raises(TypeDefinitionError) as caught:
        load_types(tmp_path)
    assert {(fault.field.split("#")[0], fault.code) for fault in caught.value.faults} == {
        ("a.toml", "form"),
        ("b.toml", "not-toml"),
        ("d.toml", "repeated"),
    }


def test_a_folder_without_definitions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeDefinitionError, match="no definition files"):
        load_types(tmp_path)


@pytest.mark.parametrize(
    "content",
    ["a = " + "[" * 5000, "a = nan", "a = 1" + "0" * 30, "#" * 300_000],
    ids=["nested deep", "nan", "huge number", "too large"],
)
def test_what_json_cannot_carry_is_refused(content: str) -> None:
    with pytest.raises(TypeDefinitionError):
        read_type(content.encode(), where="sample.toml")


def test_a_definition_states_validity_template_retention_and_change() -> None:
    text = SOUND.replace("version = 1", "version = 2").replace(
        'validity = "either"',
        'template = { orientation = "landscape", large = ["name"] }\n'
        "retention = { years = 15 }\n"
        'change = { summary = { zh = "一", en = "a" }, breaking = true,'
        ' reason = { zh = "二", en = "b" } }\n'
        "validity.kind = 'fixed'\nvalidity.length.years = 5\n"
        "validity.renewal = { from_days_before = 90, until_days_after = 30 }",
    )
    kind = read_type(text.encode(), where="sample.toml")
    assert kind.end_of(date(2024, 2, 29)) == date(2029, 2, 28)
    assert not kind.may_renew_on(date(2029, 2, 28), date(2028, 11, 29))
    assert kind.may_renew_on(date(2029, 2, 28), date(2028, 11, 30))
    assert kind.template.as_dict() == {"orientation": "landscape", "large": ("name",)}
    assert kind.retention.kept_until(date(2024, 2, 29), date(2029, 2, 28)) == date(2044, 2, 28)
    assert kind.retention.kept_until(date(2024, 2, 29), None) == date(2039, 2, 28)
    assert kind.change is not None
    assert kind.change.breaking
    assert pickle.loads(pickle.dumps(kind)) == kind


def test_a_date_in_toml_is_a_day_of_the_rule() -> None:
    text = SOUND.replace('"either"', '{ kind = "until", until = 2030-12-31 }')
    assert read_type(text.encode(), where="a").end_of(date(2026, 1, 1)) == date(2030, 12, 31)


def test_a_local_ids_pattern_cannot_be_made_to_run_for_ever() -> None:
    text = SOUND.replace(
        'code = "001"', 'code = "x-a"\npattern = "(a+)+"\ntitle = { zh = "一", en = "a" }'
    )
    kind = read_type(text.encode(), where="a").holder_ids["x-a"]
    assert kind.may_be("a" * 60)
    assert not kind.may_be("a" * 60 + "b")
    assert not kind.may_be("a\n")


def test_definitions_that_differ_in_layout_say_the_same() -> None:
    assert says_the_same(SOUND, "# a comment\n" + SOUND.replace(" = ", "="))
    assert not says_the_same(SOUND, SOUND.replace("样例", "样本"))
    assert canonical_text("\ufeffa\r\nb\n\n") == "a\nb\n"


def test_what_was_published_stays_readable_when_the_rules_become_stricter() -> None:
    lenient = SOUND.replace('type = "string"', 'type = "string", contentEncoding = "base64"')
    with pytest.raises(TypeDefinitionError):
        read_type(lenient.encode(), where="a")
    assert read_published(lenient, b"{}").accepts({"name": "x"})


def test_the_type_metadata_names_every_claim_that_a_certificate_has(
    licence: CertificateType, certificate: str
) -> None:
    claims = {tuple(each["path"]): each for each in type_metadata(licence)["claims"]}
    parts = parse(certificate)
    payload = json.loads(b64url_decode(parts.jws.split(b".")[1], field="payload"))
    disclosed = {json.loads(b64url_decode(each, field="x"))[1] for each in parts.disclosures}
    for path, claim in claims.items():
        locales = {each["locale"] for each in claim["display"]}
        assert locales == {"zh-CN", "en"}
        around = payload if len(path) == 1 else payload[path[0]]
        assert (path[-1] in around) == (claim["sd"] == "never"), path
        if claim["sd"] == "always":
            assert path[1] in disclosed or not claim["mandatory"], path
    assert {("fields", name) for name in FIELDS} <= claims.keys()
    assert {("holder", name) for name in ("id_type", "id", "name")} <= claims.keys()


def test_the_integrity_is_over_the_metadata_and_changes_with_it(licence: CertificateType) -> None:
    digest = base64.b64encode(hashlib.sha256(metadata_bytes(licence)).digest()).decode()
    assert licence.vct_integrity == f"sha256-{digest}"
    assert pickle.loads(pickle.dumps(licence)).vct_integrity == licence.vct_integrity
    published = read_published(SOUND, b"as it was")
    assert published.vct_integrity != read_type(SOUND.encode(), where="a").vct_integrity
    assert pickle.loads(pickle.dumps(published)).vct_integrity == published.vct_integrity
    assert replace(licence, title=Title("新", "new")).vct_integrity != licence.vct_integrity
    assert json.loads(metadata_bytes(licence))["vct"] == licence.vct
