"""The packaged service items fit the rules of their codes, the types and each other."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from stdnum.cn import uscc

from certstore.types import load_types
from exchange.errors import BadRequest
from exchange.items.definitions import Item, digest, load_definitions

DEFINITIONS = load_definitions()


@pytest.fixture(params=DEFINITIONS, ids=lambda definition: definition["name"]["en"])
def item(request: pytest.FixtureRequest) -> Item:
    return Item.from_json(request.param, version=1)


def test_a_code_is_department_level_and_basic_code(item: Item) -> None:
    assert uscc.is_valid(item.department)
    assert item.code == item.department + item.code[18] + item.basic_code


def test_an_item_asks_only_for_fields_its_certificate_types_have(item: Item) -> None:
    types = load_types()
    for key, fields in item.certificate_fields.items():
        assert fields <= {field.name for field in types[key].fields}


def test_a_document_of_one_item_serves_another() -> None:
    kinds = [
        {way.material_kind for material in item.materials for way in material.ways}
        for item in (Item.from_json(each, version=1) for each in DEFINITIONS)
    ]
    assert all("premises-floor-plan" in each for each in kinds)


def test_one_material_can_be_met_by_certificate_or_by_document() -> None:
    materials = [
        material
        for definition in DEFINITIONS
        for material in Item.from_json(definition, version=1).materials
    ]
    assert any(material.certificate and material.document for material in materials)


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("code",), "123", "/code"),
        (("basic_code",), 1, "/basic_code"),
        (("name",), {"zh": "只有中文"}, "/name"),
        (("time_limit_working_days",), 0, "/time_limit_working_days"),
        (("materials",), [], "/materials"),
        (("materials", 0, "ways"), [], "/materials/0/ways"),
        (("materials", 0, "ways"), [{"certificate": "a", "document": "b", "fields": ["x"]}],
         "/materials/0/ways/0"),
        (("materials", 0, "ways"), [{"certificate": "a"}], "/materials/0/ways/0/fields"),
    ],
)  # fmt: skip
def test_a_faulty_definition_names_its_fault(path: tuple[Any, ...], value: Any, fault: str) -> None:
    definition: Any = copy.deepcopy(DEFINITIONS[0])
    place = definition
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(BadRequest) as refused:
        Item.from_json(definition, version=1)
    assert fault in [each.field for each in refused.value.faults]


def test_two_materials_of_one_code_are_a_fault() -> None:
    definition: Any = copy.deepcopy(DEFINITIONS[0])
    definition["materials"].append(definition["materials"][0])
    with pytest.raises(BadRequest) as refused:
        Item.from_json(definition, version=1)
    assert [each.en for each in refused.value.faults] == ["must be unique"]


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("code = [")
    with pytest.raises(BadRequest, match=r"broken\.toml"):
        load_definitions(tmp_path)


def test_the_digest_does_not_depend_on_the_order_of_members() -> None:
    definition = DEFINITIONS[0]
    turned = dict(reversed(definition.items()))
    assert digest(turned) == digest(definition)
    assert digest({**definition, "legal_ground": "other"}) != digest(definition)
