"""The address in every QR code: what anybody learns there, and what nobody does."""

from __future__ import annotations

import json
import re
import secrets
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256

import httpx
import pytest
import sqlalchemy as sa

from certstore.identifiers import CertificateIdentifier
from exchange import embedded
from exchange.audit.tables import audit_records
from exchange.certificates.public_routes import wants_page
from exchange.certificates.visitors import UNKNOWN_NUMBERS, Visitors, networks
from tests.conftest import Database
from tests.hub import MARKET, Served, credit_code, served_hub

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
WHY = {"reason": "年检未通过", "legal_ground": "市场主体登记管理条例 第四十六条"}


def licence(number: int, version: int = 1) -> str:
    return str(CertificateIdentifier(f"{MARKET}001", MARKET, credit_code(number), version))


@pytest.fixture(scope="module")
def served(
    postgres: embedded.EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    name = f"test_{secrets.token_hex(6)}"
    embedded.create_database(postgres, name, template="template_yici")
    more = {"trusted_proxies": "127.0.0.0/8"}
    with served_hub(Database(name, postgres), tmp_path_factory.mktemp("hub"), **more) as served:
        yield served
    embedded.drop_database(postgres, name)


def page(served: Served, identifier: str, **headers: str) -> httpx.Response:
    return served.client.get(f"/v/{identifier}", headers={**BROWSER, **headers})


def words(text: str) -> str:
    """What a person reads of a page."""
    body = re.sub(r"<style>.*?</style>", "", text, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def verifications(served: Served) -> list[dict[str, object]]:
    with served.hub.work.read() as connection:
        bodies = connection.execute(
            sa.select(audit_records.c.body)
            .where(audit_records.c.kind == "verification")
            .order_by(audit_records.c.index)
        ).scalars()
        return [json.loads(bytes(body)) for body in bodies]


def test_a_scanned_certificate_is_told_of_in_both_languages_without_its_holder(
    served: Served,
) -> None:
    served.issue_licence(1)
    answer = page(served, licence(1))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    told = words(answer.text)
    for said in ("有效", "In force", "营业执照", "部门0", "Department 0", "长期", licence(1),
                 "2020-01-15 00:00", "/v1/verifications/files"):  # fmt: skip
        assert said in told, said
    assert "第1号有限公司" not in answer.text and "食品销售" not in answer.text
    (record,) = verifications(served)
    assert (record["act"], record["outcome"]) == ("verify-certificate", "done")
    assert record["certificates"] == [licence(1)]


def test_the_page_runs_no_script_and_fetches_nothing(served: Served) -> None:
    served.issue_licence(2)
    answer = page(served, licence(2))
    policy = answer.headers["content-security-policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, flags=re.S)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{digest}'" in policy and "unsafe" not in policy
    assert not re.search(r"<(script|img|link|iframe|form)\b|\ssrc=|\shref=|url\(", answer.text)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_any_other_client_gets_json(served: Served) -> None:
    served.issue_licence(3)
    answer = served.client.get(f"/v/{licence(3)}")
    told = answer.json()
    assert (told["usable"], told["state"]["code"], told["type"]) == (True, "01", "business-licence")
    assert (told["since"], told["valid_until"]) == ("2020-01-14T16:00:00Z", None)
    assert not {"holder", "holder_name", "fields", "credential"} & told.keys()
    assert credit_code(3) not in json.dumps({**told, "identifier": ""})


@pytest.mark.parametrize(
    ("accept", "html"),
    [("*/*", False), ("", False), ("application/json", False), (BROWSER["Accept"], True),
     ("text/html;q=0, */*", False), ("application/json, text/html;q=0.5", True)],
    ids=["any", "none", "json", "browser", "no-html", "both"],
)  # fmt: skip
def test_a_page_is_for_who_names_html(accept: str, html: bool) -> None:
    assert wants_page(accept) is html


def test_a_state_is_told_in_plain_words_with_the_day_it_began(served: Served) -> None:
    served.issue_licence(4)
    with served.as_system(MARKET) as market:
        market.post(f"/v1/certificates/{licence(4)}/suspension", json=WHY).raise_for_status()
        told = words(page(served, licence(4)).text)
        assert "暂扣中,现不得使用" in told and "2026-06-01 17:00(UTC+8)" in told
        market.post(f"/v1/certificates/{licence(4)}/reinstatement", json=WHY).raise_for_status()
        assert served.client.get(f"/v/{licence(4)}").json()["usable"] is True
        market.post(f"/v1/certificates/{licence(4)}/revocation", json=WHY).raise_for_status()
    answer = page(served, licence(4))
    assert "已被吊销,不再有效" in words(answer.text)
    assert WHY["reason"] not in answer.text
    ended = served.client.get(f"/v/{licence(4)}").json()
    assert (ended["usable"], ended["state"]["code"]) == (False, "07")


def test_a_printed_version_that_was_replaced_says_so(served: Served) -> None:
    served.issue_licence(5)
    served.issue_licence(5, source_hash="d" * 64)
    old = served.client.get(f"/v/{licence(5)}").json()
    assert (old["superseded_by"], old["usable"], old["state"]["code"]) == (2, False, "05")
    assert old["since"] is not None
    assert "此版本已被第 2 版取代" in words(page(served, licence(5)).text)
    new = served.client.get(f"/v/{licence(5, 2)}").json()
    assert (new["superseded_by"], new["usable"]) == (None, True)


def test_unknown_and_malformed_numbers_look_alike(served: Served) -> None:
    wrong_check = licence(1)[:-1] + ("2" if licence(1)[-1] != "2" else "3")
    numbers = [licence(999), wrong_check, "1.2.3", "%3Csvg%20onload=alert(1)%3E", "a" * 400]
    pages = [page(served, each, **{"X-Forwarded-For": "192.0.2.7"}) for each in numbers]
    assert {each.status_code for each in pages} == {404}
    assert len({each.text for each in pages}) == 1
    assert "查无此证" in words(pages[0].text) and "No such certificate" in words(pages[0].text)
    assert "onload" not in pages[3].text
    plain = [served.client.get(f"/v/{each}").json() for each in numbers]
    assert {json.dumps(each, sort_keys=True) for each in plain} == {
        json.dumps(plain[0], sort_keys=True)
    }


def test_who_tries_numbers_has_to_wait_and_others_have_not(served: Served) -> None:
    served.issue_licence(6)
    for number in range(UNKNOWN_NUMBERS.most):
        page(served, licence(2000 + number), **{"X-Forwarded-For": "198.51.100.9"})
    tired = page(served, licence(6), **{"X-Forwarded-For": "203.0.113.1, 198.51.100.9"})
    assert tired.status_code == 429
    assert int(tired.headers["retry-after"]) > 0
    assert "请稍后再试" in words(tired.text)
    other = page(served, licence(6), **{"X-Forwarded-For": "198.51.100.10"})
    assert other.status_code == 200
    served.clock.advance(minutes=11)
    again = page(served, licence(6), **{"X-Forwarded-For": "198.51.100.9"})
    assert again.status_code == 200


@pytest.fixture
def visitors(served: Served) -> Visitors:
    hub = served.hub
    return Visitors(hub.work, served.clock, b"k" * 32, networks("10.0.0.0/8, 2001:db8:1::/48"))


def test_an_address_is_believed_from_the_hubs_own_proxy_alone(visitors: Visitors) -> None:
    def name(peer: str | None, forwarded: str | None = None) -> str:
        return visitors.name_of(peer, forwarded)

    assert name("10.1.1.1", "192.0.2.1") == name("192.0.2.1")
    assert name("192.0.2.9", "192.0.2.1") == name("192.0.2.9")
    assert name("10.1.1.1", "6.6.6.6, 192.0.2.1") == name("192.0.2.1")
    assert name("2001:db8:2::1") == name("2001:db8:2::ffff") != name("2001:db8:3::1")
    assert name("::ffff:192.0.2.1") == name("192.0.2.1")
    assert name(None) == name("nonsense")
    assert "192.0.2.1" not in name("192.0.2.1")


def test_an_address_has_another_name_each_day(visitors: Visitors, served: Served) -> None:
    before = visitors.name_of("192.0.2.1", None)
    served.clock.advance(days=1)
    assert visitors.name_of("192.0.2.1", None) != before
