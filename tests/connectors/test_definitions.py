"""Definitions: the built-in ones are sound, and a wrong one is told everything at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from stdnum.cn import uscc

from connectors import Definition, DefinitionError, check_definitions, load_definitions
from connectors.expectations import EXPECTATIONS
from tests.connectors.conftest import SHOPS, Define


def test_the_built_in_definitions_have_no_fault() -> None:
    assert check_definitions() == ()


def test_the_three_departments_are_keyed_by_their_completed_credit_codes() -> None:
    stems = {"11440000MB2D01234", "11440100MB2C05678", "11440300MB2E09012"}
    assert set(load_definitions()) == {stem + uscc.calc_check_digit(stem) for stem in stems}


def test_the_agreed_fields_of_each_certificate_type_are_mapped(
    built_in: Mapping[str, Definition],
) -> None:
    fields = {d.certificate_type: set(d.fields) for d in built_in.values()}
    assert fields == {
        "business-licence": {
            "name", "credit_code", "enterprise_type", "registered_capital", "business_scope",
            "region", "address", "registered_on",
        },
        "limited-business-licence": {
            "licence_number", "legal_name", "trade_name", "address", "city", "state", "zip_code",
            "licence_description", "application_type",
        },
        "parking-facility-licence": {
            "licence_number", "industry", "business_name", "trade_name", "building", "street",
            "borough", "spaces",
        },
    }  # fmt: skip


def test_a_change_of_a_definition_changes_its_digest(define: Define) -> None:
    before = define({})
    assert define({}).digest == before.digest
    assert define({"max_rows = 1_000": "max_rows = 999"}).digest != before.digest


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("01234C", "01234D", "department"),
        ('"shops.csv"', '"../shops.csv"', "source.file"),
        ('"shops.csv"', '"/etc/passwd"', "source.file"),
        ('"utf-8"', '"latin-1"', "source.encoding"),
        ("max_rows = 1_000", "max_rows = 0", "source.max_rows"),
        ("max_rows = 1_000", 'max_rows = "many"', "source.max_rows"),
        ("max_rows = 1_000", "max_rows = 1_000\nmax_lines = 3", "source.max_lines"),
        ("failure_threshold = 0.9", "failure_threshold = 1.0", "failure_threshold"),
        (', format = "%d.%m.%Y"', "", "validity.valid_from.format"),
        ('parser = "number"', 'parser = "float"', "fields.area.parser"),
        ('["valid_from"]', '["issued_on"]', "record.order_by"),
        ('open = "01"', 'open = "11"', "state.values.open"),
        ('column = "status"', 'column = "status"\nconstant = "01"', "state"),
        ("to_match_regex", "to_be_lovely", "quality.0.expect"),
        ("regex =", "pattern =", "quality.0.kwargs.regex"),
        ('regex = "^S-"', 'regex = "("', "quality.0.kwargs.regex"),
        ("min_value = 3", "min_value = 3, mostly = 0.5", "quality.1.kwargs.mostly"),
        ('column = "number", regex', 'column = "record.birthday", regex', "quality.0.kwargs"),
        ('severity = "warning"', 'severity = "mild"', "quality.1.severity"),
        ("department =", 'key = "shops"\ndepartment =', "key"),
    ],
)
def test_a_fault_names_file_key_and_remedy(define: Define, old: str, new: str, key: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        define({old: new})
    assert ("shops.toml", key) in {(fault.file, fault.key) for fault in caught.value.faults}
    for fault in caught.value.faults:
        assert "：" in fault.zh or "请" in fault.zh
        assert ": " in fault.en


def test_a_wrong_check_digit_scheme_is_named(define: Define) -> None:
    wrong = {
        "expect_column_values_to_match_regex": "expect_column_values_to_have_valid_check_digit",
        'regex = "^S-"': 'scheme = "cn.nothing"',
    }
    with pytest.raises(DefinitionError, match=r"quality\.0\.kwargs\.scheme"):
        define(wrong)


def test_all_faults_of_all_files_are_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        SHOPS.replace('"utf-8"', '"latin-1"').replace("zh = ", "cn = ")
    )
    (tmp_path / "b.toml").write_text("this is not TOML")
    faults = check_definitions(tmp_path)
    assert {fault.file for fault in faults} == {"a.toml", "b.toml"}
    assert len(faults) > 5


def test_two_files_for_one_department_and_an_empty_folder_are_faults(tmp_path: Path) -> None:
    assert [fault.key for fault in check_definitions(tmp_path)] == ["*.toml"]
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(SHOPS)
    assert [(f.file, f.key) for f in check_definitions(tmp_path)] == [("b.toml", "department")]


@pytest.mark.slow
def test_every_expectation_of_the_list_is_known_to_great_expectations() -> None:
    program = (
        "import connectors.check_digit_expectation\n"
        "from great_expectations.expectations.registry import get_expectation_impl\n"
        f"for name in {sorted(EXPECTATIONS)!r}: get_expectation_impl(name)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


def test_importing_the_connectors_loads_neither_pandas_nor_great_expectations() -> None:
    program = (
        "import sys, connectors, connectors.quality, connectors.run, connectors.adapters.file\n"
        "heavy = {'pandas', 'numpy', 'great_expectations', 'sqlalchemy', 'fastapi', 'exchange'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert run.stdout.strip() == "[]"
