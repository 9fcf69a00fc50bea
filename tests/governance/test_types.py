"""Certificate types as governed data: published once, in order, and read by their own version."""

from __future__ import annotations

import hashlib
import tomllib
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest

from certstore.types import sample_texts
from exchange.clock import SystemClock
from exchange.embedded import EmbeddedPostgres, create_database, drop_database
from exchange.hub import build_hub
from exchange.keys import make_keys
from tests.conftest import Database
from tests.http.standing import faulty, problem
from tests.hub import AUDIT_OFFICE, HEALTH, MARKET, PASSPHRASE, Served, make_settings
from tests.lookups.asking import lookup

LICENCE = next(text for text in sample_texts() if 'key = "business-licence"' in text)
CHANGE = '\n[change]\nsummary = { zh = "增加字段", en = "a further field" }\n'
BREAKS = CHANGE + 'breaking = true\nreason = { zh = "法规修订", en = "the regulation changed" }\n'
FURTHER = """
[[fields]]
name = "legal_person"
title = { zh = "法定代表人", en = "Legal representative" }
schema = { type = "string", minLength = 1, maxLength = 100 }
sensitivity = "personal"
mask = "name"
metadata = "KZ_FDDBR"
"""


def second(text: str = LICENCE, *, change: str = CHANGE) -> str:
    """The next version of the sample, with a further field."""
    return text.replace("version = 1", "version = 2") + FURTHER + change


def sample(key: str, *, number: int = 902, version: int = 1) -> str:
    """A type of one test's own."""
    return (
        LICENCE.replace("business-licence", key)
        .replace("11440000MB2D01234C001", f"11440000MB2D01234C{number}")
        .replace("version = 1", f"version = {version}")
    )


def publish(client: httpx.Client, text: str, **params: Any) -> httpx.Response:
    return client.post("/v1/certificate-types", json={"definition": text}, params=params)


def test_the_samples_are_published_once_and_shown_to_anyone(catalogue: Served) -> None:
    listed = catalogue.client.get("/v1/certificate-types").json()["types"]
    assert {"business-licence", "limited-business-licence", "parking-facility-licence"} <= {
        each["key"] for each in listed
    }
    assert catalogue.hub.publishing.publish_samples(by="tests") == []
    shown = catalogue.client.get("/v1/certificate-types/business-licence").json()
    assert (shown["version"], shown["versions"], shown["issuers"]) == (1, [1], [MARKET])
    assert shown["definition"] == LICENCE
    assert shown["digest"] == hashlib.sha256(LICENCE.encode()).hexdigest()
    fields = {each["name"]: each for each in shown["fields"]}
    assert fields["name"]["schema"]["type"] == "string"
    assert fields["name"]["metadata"] == "CZZT"


def test_definition_schema_and_metadata_of_a_version_are_served_as_they_are(
    catalogue: Served,
) -> None:
    place = "/v1/certificate-types/business-licence/versions/1"
    shown = catalogue.client.get(place).json()
    definition = catalogue.client.get(f"{place}/definition")
    assert definition.headers["content-type"].startswith("application/toml")
    assert hashlib.sha256(definition.content).hexdigest() == shown["digest"]
    schema = catalogue.client.get(f"{place}/schema")
    assert schema.json() == shown["json_schema"]
    assert schema.json()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    metadata = catalogue.client.get(f"{place}/metadata")
    digest = b64encode(hashlib.sha256(metadata.content).digest()).decode()
    assert shown["vct_integrity"] == f"sha256-{digest}"
    assert metadata.json()["vct"] == shown["vct"] == "urn:yici:certificate:business-licence:1"
    assert "immutable" in metadata.headers["cache-control"]


@pytest.mark.parametrize(
    "place", ["none", "business-licence/versions/2", "business-licence/versions/2/metadata"]
)
def test_what_is_not_published_is_not_found(catalogue: Served, place: str) -> None:
    problem(catalogue.client.get(f"/v1/certificate-types/{place}"), 404)


def test_a_type_is_published_logged_and_the_same_again_changes_nothing(
    catalogue: Served, publisher: httpx.Client
) -> None:
    text = sample("logged", number=903)
    answer = publish(publisher, text)
    assert (answer.status_code, answer.json()["published"]) == (201, True)
    for again in (text, text.replace("\n", "\r\n"), "# a comment\n" + text + "\n\n"):
        answer = publish(publisher, again)
        assert (answer.status_code, answer.json()["published"]) == (200, False), answer.text
        assert answer.json()["digest"] == hashlib.sha256(text.encode()).hexdigest()
    records = publisher.get("/v1/audit/records", params={"kind": "type-published"}).json()
    [record] = [r["record"] for r in records["records"] if r["record"]["type"] == "logged"]
    assert (record["revision"], record["reason"]) == (1, "compatible")
    assert record["result"] == hashlib.sha256(text.encode()).hexdigest()
    assert record["system"] == AUDIT_OFFICE
    assert "governing-system-publishes-types" in record["rules"]


def test_other_content_under_a_published_version_is_refused(publisher: httpx.Client) -> None:
    text = sample("settled", number=904)
    assert publish(publisher, text).status_code == 201
    document = problem(publish(publisher, text.replace("营业执照", "另一执照")), 409)
    assert [each["field"] for each in document["faults"]] == ["definition#version"]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (sample("first-is-two", number=905, version=2) + CHANGE, ["definition#version"]),
        (sample("same-code", number=901).replace("C901", "C001"), ["definition#code"]),
    ],
    ids=["a version left out", "another type's code"],
)
def test_what_does_not_follow_is_refused(
    publisher: httpx.Client, text: str, places: list[str]
) -> None:
    document = problem(publish(publisher, text), 409)
    assert [each["field"] for each in document["faults"]] == places


def test_a_breaking_change_is_refused_until_it_is_declared_with_its_reason(
    publisher: httpx.Client,
) -> None:
    text = sample("broken", number=906)
    assert publish(publisher, text).status_code == 201
    narrowed = text.replace("version = 1", "version = 2").replace(
        "maxLength = 200", "maxLength = 50"
    )
    checked = publish(publisher, narrowed + CHANGE, check=True)
    assert checked.status_code == 200
    told = checked.json()
    assert (told["published"], told["new"], told["breaking"]) == (False, True, True)
    assert [each["code"] for each in told["changes"]] == ["schema-narrowed"]
    assert [each["field"] for each in told["obstacles"]] == ["definition#fields/name/schema"]
    document = problem(publish(publisher, narrowed + CHANGE), 409)
    assert [each["kind"] for each in document["changes"]] == ["breaking"]
    without_reason = CHANGE + "breaking = true\n"
    assert faulty(publish(publisher, narrowed + without_reason)) == {"definition#change/reason"}
    assert publisher.get("/v1/certificate-types/broken").json()["version"] == 1
    assert publish(publisher, narrowed + BREAKS).status_code == 201
    shown = publisher.get("/v1/certificate-types/broken").json()
    assert (shown["version"], shown["versions"], shown["note"]["breaking"]) == (2, [1, 2], True)
    assert [each["code"] for each in shown["changes"]] == ["schema-narrowed"]


@pytest.mark.parametrize(
    "text",
    [
        "key = ",
        "a = " + "[" * 3000,
        "a = nan",
        "a = 99999999999999999999999999",
        LICENCE.replace("minLength = 1", '"$ref" = "file:///etc/passwd"', 1),
        LICENCE.replace("minLength = 1", 'pattern = "(?=a)"', 1),
        LICENCE.replace("minLength = 1", "maxLength = -1", 1),
        LICENCE.replace("minLength = 1", 'format = "iso"', 1),
        LICENCE.replace("minLength = 1", "allOf = " + "[{ not = " * 9 + "{}" + " }]" * 9, 1),
        LICENCE.replace('validity = "open"', 'validity = { kind = "fixed" }'),
        LICENCE.replace('validity = "open"', 'validity = { kind = "until", until = 2026-02-30 }'),
        LICENCE.replace('metadata = "CZZT"', 'metadata = "NAME"'),
        "\ud800",
    ],
    ids=[
        "no toml", "nested deep", "nan", "huge number", "reference", "lookahead", "no schema",
        "unknown format", "deep schema", "no length", "no such day", "foreign name", "surrogate",
    ],
)  # fmt: skip
def test_a_hostile_or_wrong_definition_is_refused_and_nothing_is_done(
    catalogue: Served, publisher: httpx.Client, text: str
) -> None:
    before = catalogue.client.get("/v1/certificate-types").content
    body = b'{"definition": "\\ud800"}' if text == "\ud800" else None
    answer = (
        publisher.post("/v1/certificate-types", content=body, headers=JSON)
        if body
        else publish(publisher, text)
    )
    problem(answer, 400)
    assert catalogue.client.get("/v1/certificate-types").content == before


JSON = {"Content-Type": "application/json"}


def test_a_system_without_the_scope_may_not_publish_and_is_told_why(catalogue: Served) -> None:
    headers = {"Authorization": f"Bearer {catalogue.token(HEALTH, scope='lookups cases')}"}
    for params in ({}, {"check": "true"}):
        answer = catalogue.client.post(
            "/v1/certificate-types",
            json={"definition": sample("refused", number=907)},
            headers=headers,
            params=params,
        )
        document = problem(answer, 403)
        assert "scope-governance-missing" in {each["rule"] for each in document["reasons"]}
    problem(catalogue.client.get("/v1/certificate-types/refused"), 404)


def test_another_process_sees_a_new_version_with_its_next_decision(
    catalogue: Served, publisher: httpx.Client
) -> None:
    elsewhere = build_hub(catalogue.hub.settings, catalogue.clock)
    assert elsewhere.access.snapshot().find_type("shared", 1) is None
    assert publish(publisher, sample("shared", number=908)).status_code == 201
    snapshot = elsewhere.access.snapshot()
    assert snapshot.types["shared"].version == 1
    known = snapshot.type_versions["business-licence", 1]
    assert publish(publisher, second(sample("shared", number=908))).status_code == 201
    snapshot = elsewhere.access.snapshot()
    assert snapshot.types["shared"].version == 2
    assert snapshot.find_type("shared", 1) is not None
    assert snapshot.type_versions["business-licence", 1] is known, "what is known is not read again"
    elsewhere.engine.dispose()


def test_a_definition_altered_in_the_database_stops_the_hub(
    served: Served, database: Database
) -> None:
    connection = psycopg2.connect(database.superuser_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("UPDATE certificate_types SET definition = definition || '# more'")
        cursor.execute("UPDATE governance SET revision = revision + 1")
    connection.close()
    elsewhere = build_hub(served.hub.settings, served.clock)
    with httpx.Client(base_url=served.url) as client:
        assert client.get("/v1/certificate-types").status_code == 200, "it was read before"
    with pytest.raises(Exception, match="not the one that was published"):
        elsewhere.access.snapshot()
    elsewhere.engine.dispose()


def test_the_application_may_not_change_what_is_published(database: Database) -> None:
    connection = psycopg2.connect(database.app_url)
    for statement in ("UPDATE certificate_types SET code = 'x'", "DELETE FROM certificate_types"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege), connection.cursor() as cursor:
            cursor.execute(statement)
        connection.rollback()
    connection.close()


def test_a_certificate_is_masked_and_read_by_the_version_it_was_issued_under(
    served: Served,
) -> None:
    old_holder = served.issue_licence(1)
    with served.as_system(AUDIT_OFFICE) as governor:
        tightened = second().replace(
            'name = "business_scope"', 'name = "business_scope"\nmask = "hidden"'
        )
        assert publish(governor, tightened).status_code == 201
    fields = served_fields(2) | {"legal_person": "欧阳明"}
    new_holder = served.issue_licence(2, fields=fields)
    item = tomllib.loads(ITEM)
    with served.as_system(HEALTH) as health:
        assert health.post("/v1/items", json=item).status_code == 201
        answers = {}
        for holder in (old_holder, new_holder):
            asked = lookup(
                holder, purpose={"item": item["code"], "case": "C-1"},
                fields=["name", "business_scope", "legal_person"], basis={"kind": "statutory"},
            )  # fmt: skip
            answer = health.post("/v1/lookups", json=asked)
            assert answer.status_code == 200, answer.text
            [answers[holder]] = answer.json()["certificates"]
    old, new = answers[old_holder], answers[new_holder]
    assert (old["type_version"], new["type_version"]) == (1, 2)
    assert old["fields"] == {
        "name": "第1号有限公司", "business_scope": "食品销售", "legal_person": None
    }  # fmt: skip
    assert old["masked"] == []
    assert new["fields"] == {
        "name": "第2号有限公司", "business_scope": "***", "legal_person": "**明"
    }  # fmt: skip
    assert new["masked"] == ["business_scope", "legal_person"]


def served_fields(number: int) -> dict[str, Any]:
    """What a licence states besides."""
    return {
        "name": f"第{number}号有限公司",
        "credit_code": "91440101191193940U",
        "business_scope": "食品销售",
        "region": "广州",
        "registered_on": "2020-01-15",
    }


ITEM = f"""
code = "{HEALTH}2000131019009"
basic_code = "000131019009"
department = "{HEALTH}"
name = {{ zh = "核查", en = "Check" }}
legal_ground = "样例"
time_limit_working_days = 5
[[materials]]
code = "business-licence"
name = {{ zh = "营业执照", en = "Business licence" }}
[[materials.ways]]
certificate = "business-licence"
fields = ["name", "business_scope", "legal_person"]
"""


def test_samples_leave_alone_what_somebody_has_defined_otherwise(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    create_database(postgres, "test_samples", template="template_yici")
    settings = make_settings(Database("test_samples", postgres), tmp_path)
    make_keys(settings.keys_dir, PASSPHRASE, ())
    hub = build_hub(settings, SystemClock())
    own = LICENCE.replace("营业执照", "本地营业执照")
    taken = sample("own-parking").replace("11440000MB2D01234C902", "11440300MB2E09012L001")
    taken = taken.replace("11440000MB2D01234C", "11440300MB2E09012L")
    for text in (own, taken):
        assert hub.publishing.publish_type(text, by="tests")[1]
    assert hub.publishing.publish_samples(by="setup") == ["limited-business-licence"]
    assert hub.publishing.publish_samples(by="setup") == []
    assert hub.access.snapshot().types["business-licence"].title.zh == "本地营业执照"
    hub.engine.dispose()
    drop_database(postgres, "test_samples")
