"""A certificate's whole life through the interface: planned, back-dated, refused, raced, signed."""

from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from certstore.history import verify_history
from certstore.identifiers import CertificateIdentifier
from certstore.status import open_status_list
from certstore.trust import TrustAnchors
from exchange import embedded
from exchange.certificates import repository
from tests.certificates.rows import enterprise, issue_terms
from tests.conftest import Database
from tests.hub import CITY, HEALTH, MARKET, TRANSPORT, Served, credit_code, served_hub
from tests.lookups.asking import lookup

BUSINESS = f"{MARKET}001"
WHY = {"reason": "提交虚假材料", "legal_ground": "市场主体登记管理条例 第40条"}
NUMBERS = itertools.count(1000)


@pytest.fixture(scope="module")
def place(
    postgres: embedded.EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """One hub for all tests of this file; each has certificates of its own."""
    name = f"test_{secrets.token_hex(6)}"
    embedded.create_database(postgres, name, template="template_yici")
    try:
        with served_hub(Database(name, postgres), tmp_path_factory.mktemp("hub")) as served:
            yield served
    finally:
        embedded.drop_database(postgres, name)


@dataclass
class Licence:
    """One business licence and those who deal with it."""

    served: Served
    number: int

    @property
    def holder(self) -> str:
        return credit_code(self.number)

    def identifier(self, version: int = 1) -> str:
        return str(CertificateIdentifier(BUSINESS, MARKET, self.holder, version))

    def body(self, **more: Any) -> dict[str, Any]:
        return {
            "request": f"r-{self.number}",
            "holder": {"id_type": "001", "id": self.holder, "name": "某公司"},
            "fields": {
                "name": "某公司", "credit_code": self.holder, "region": "广州",
                "registered_on": "2020-01-15",
            },
            "validity": {"valid_from": "2020-01-15"},
            **more,
        }  # fmt: skip

    @contextmanager
    def market(self) -> Iterator[httpx.Client]:
        with self.served.as_system(MARKET) as client:
            yield client

    def act(self, name: str, version: int = 1, **body: Any) -> httpx.Response:
        with self.market() as client:
            path = f"/v1/certificates/{self.identifier(version)}/{name}"
            return client.post(path, json={**WHY, **body})

    def done(self, name: str, version: int = 1, **body: Any) -> dict[str, Any]:
        answer = self.act(name, version, **body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def change(self, version: int = 1, **body: Any) -> dict[str, Any]:
        wanted = {"operation": "change", "request": f"r-{self.number}-{version}", **body}
        answer = self.post(f"/{self.identifier(version)}/versions", **wanted)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def post(self, path: str = "", **body: Any) -> httpx.Response:
        with self.market() as client:
            return client.post(f"/v1/certificates{path}", json=self.body(**body))

    def seen(self, version: int = 1, **query: Any) -> dict[str, Any]:
        with self.market() as client:
            answer = client.get(f"/v1/certificates/{self.identifier(version)}", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def state(self, version: int = 1) -> str:
        code: str = self.seen(version)["state"]["code"]
        return code

    def looked_up(self) -> list[tuple[str, str]]:
        """What another department's lookup by holder and by identifier is told."""
        by_holder = lookup(self.holder)
        by_number = {**by_holder, "identifier": self.identifier()}
        asked = [by_holder, {name: by_number[name] for name in by_number if name != "holder"}]
        with self.served.as_system(HEALTH) as client:
            told = [client.post("/v1/lookups", json=each).json()["certificates"] for each in asked]
        found = {(each["identifier"], each["state_code"]) for one in told for each in one}
        return sorted(found)

    def published(self, version: int = 1) -> int:
        """What the status list shows."""
        with self.served.hub.work.read() as connection:
            found = repository.find_version(connection, MARKET, BUSINESS, self.holder, version)
        assert found is not None
        token = self.served.client.get(f"/v1/status-lists/{MARKET}/{found.slot.number}").text
        trust = TrustAnchors.from_json(self.served.client.get("/v1/trust").json())
        keys = trust.issuers[f"http://hub.test/v1/issuers/{MARKET}"].keys
        opened = open_status_list(token, keys)
        assert opened.expires_at is not None and opened.expires_at > self.served.clock.now()
        return opened.statuses.get(found.slot.index)

    def history_holds(self, version: int = 1) -> None:
        trust = TrustAnchors.from_json(self.served.client.get("/v1/trust").json())
        events = [e for e in self.seen(version)["history"] if e["sequence"] is not None]
        found = verify_history([event["statement"] for event in events], trust)
        assert found.holds, found.faults


@pytest.fixture
def licence(place: Served) -> Licence:
    """An issued business licence of its own."""
    number = next(NUMBERS)
    place.issue_licence(number)
    return Licence(place, number)


@pytest.fixture
def unissued(place: Served) -> Licence:
    return Licence(place, next(NUMBERS))


def in_days(served: Served, days: int) -> date:
    return (served.clock.now() + timedelta(hours=8, days=days)).date()


def to_the_day(served: Served, days: int) -> None:
    """Move the clock to midnight in China, some days ahead."""
    day = in_days(served, days)
    served.clock.at = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=8)


def test_a_certificate_is_issued_by_one_request(unissued: Licence) -> None:
    answer = unissued.post(type="business-licence", serial=unissued.holder)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/certificates/{unissued.identifier()}"
    assert unissued.looked_up() == [(unissued.identifier(), "01")]
    assert unissued.published() == 0
    unissued.history_holds()


def test_the_same_request_again_is_the_same_certificate(unissued: Licence) -> None:
    first = unissued.post(type="business-licence")
    again = unissued.post(type="business-licence")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["identifier"] == again.json()["identifier"]
    other = unissued.post(type="business-licence", validity={"valid_from": "2021-01-15"})
    assert (other.status_code, other.json()["reason"]) == (409, "request-reused")


def test_two_at_once_with_one_request_issue_one_certificate(unissued: Licence) -> None:
    answers: list[httpx.Response] = []
    threads = [
        threading.Thread(target=lambda: answers.append(unissued.post(type="business-licence")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.status_code for each in answers} == {201}
    assert len({each.json()["identifier"] for each in answers}) == 1


def test_every_fault_of_a_draft_is_named_at_once(unissued: Licence) -> None:
    answer = unissued.post(
        type="business-licence",
        serial="not a serial",
        holder={"id_type": "001", "id": "91440101000000001X", "name": "x"},
        fields={"name": "x", "shoe_size": 42},
        validity={"valid_from": "2020-01-15", "valid_until": "2019-01-15"},
        effective_on="2020-01-15",
    )
    assert answer.status_code == 400
    assert {fault["field"] for fault in answer.json()["faults"]} >= {
        "/serial", "/fields/credit_code", "/fields/shoe_size", "/legal_ground",
        "/validity/valid_until",
    }  # fmt: skip
    assert "91440101000000001X" not in answer.text


def test_a_serial_that_is_taken_is_a_conflict(licence: Licence) -> None:
    answer = licence.post(type="business-licence", serial=licence.holder)
    assert (answer.status_code, answer.json()["reason"]) == (409, "exists")


@pytest.mark.parametrize("type_key", ["parking-facility-licence", "no-such-type"])
def test_nobody_issues_what_is_not_theirs(unissued: Licence, type_key: str) -> None:
    assert unissued.post(type=type_key).status_code in (400, 404)


def test_a_change_replaces_the_version_and_says_which_replaced_it(licence: Licence) -> None:
    changed = licence.change(fields={**licence.body()["fields"], "region": "深圳"})
    assert (changed["version"], changed["identifier"]) == (2, licence.identifier(2))
    old = licence.seen(1)
    assert (old["state"]["code"], old["replaced_by"]) == ("05", licence.identifier(2))
    assert [event["operation"]["code"] for event in old["history"]] == ["01", "09"]
    assert licence.looked_up() == [(licence.identifier(2), "01")]
    assert (licence.published(1), licence.published(2)) == (1, 0)
    licence.history_holds()


def test_a_change_stays_with_its_holder(licence: Licence) -> None:
    other = {"id_type": "001", "id": credit_code(1), "name": "他人"}
    wanted = {"operation": "change", "request": "x", "holder": other}
    answer = licence.post(f"/{licence.identifier()}/versions", **wanted)
    assert {fault["field"] for fault in answer.json()["faults"]} == {"/holder"}


def test_a_renewal_must_end_later(place: Served) -> None:
    number = next(NUMBERS)
    issue_terms(place.hub, enterprise(number, valid_until=date(2027, 6, 30)))
    own = Licence(place, number)
    wanted = {"operation": "renewal", "request": "early"}
    same = {"valid_from": "2020-01-15", "valid_until": "2027-06-30"}
    answer = own.post(f"/{own.identifier()}/versions", **wanted, validity=same)
    assert "/validity/valid_until" in {fault["field"] for fault in answer.json()["faults"]}


@pytest.mark.parametrize(
    ("first", "then", "possible"),
    [
        (None, "reinstatement", {"02", "03", "05", "09", "x-03", "x-05", "x-06", "x-07"}),
        ("suspension", "suspension", {"05", "06", "x-03", "x-05", "x-07"}),
        ("suspension", "transfer", {"05", "06", "x-03", "x-05", "x-07"}),
        ("revocation", "revocation", set()),
        ("transfer", "suspension", set()),
    ],
)
def test_an_impossible_act_is_refused_with_what_is_possible(
    licence: Licence, first: str | None, then: str, possible: set[str]
) -> None:
    if first is not None:
        licence.done(first)
    refused = licence.act(then)
    assert refused.status_code == 409
    problem = refused.json()
    assert {each["code"] for each in problem["possible"]} == possible
    assert problem["wanted"]["zh"] and problem["state"] in {"01", "02", "06", "07"}
    licence.history_holds()


@pytest.mark.parametrize(
    ("state", "operation"), [("03", "x-03"), ("04", "05"), ("05", "x-05"), ("07", "x-07")]
)
def test_each_way_to_end_has_its_operation(licence: Licence, state: str, operation: str) -> None:
    ended = licence.done("revocation", state=state)
    event = ended["history"][-1]
    assert (ended["state"]["code"], event["operation"]["code"]) == (state, operation)
    assert licence.published() == 1
    licence.history_holds()


def test_a_planned_act_takes_effect_by_itself_everywhere(licence: Licence) -> None:
    served = licence.served
    on = in_days(served, 2)
    planned = licence.done("revocation", effective_on=str(on))
    assert planned["state"]["code"] == "01"
    assert planned["history"][-1]["standing"] == "planned"
    assert (licence.looked_up(), licence.published()) == ([(licence.identifier(), "01")], 0)
    to_the_day(served, 2)
    served.clock.advance(seconds=-1)
    listed = served.client.get(f"/v1/status-lists/{MARKET}/1")
    assert listed.headers["cache-control"] == "public, max-age=1"
    assert licence.state() == "01"
    served.clock.advance(seconds=1)
    assert licence.state() == "07"
    assert licence.looked_up() == [(licence.identifier(), "07")]
    assert licence.published() == 1
    asked = {"identifier": licence.identifier()}
    said = served.client.post("/v1/verifications", json=asked).json()
    assert said["status"]["code"] == "status-invalid"
    licence.history_holds()


def test_a_planned_act_can_be_called_off_and_stays_in_the_history(licence: Licence) -> None:
    served = licence.served
    licence.done("suspension", effective_on=str(in_days(served, 2)))
    licence.done("events/1/withdrawal")
    assert licence.act("events/1/withdrawal").status_code == 409
    to_the_day(served, 3)
    seen = licence.seen()
    assert (seen["state"]["code"], licence.published()) == ("01", 0)
    assert [event["standing"] for event in seen["history"]] == [
        "in-effect", "called-off", "in-effect",
    ]  # fmt: skip
    licence.history_holds()


def test_what_took_effect_cannot_be_called_off(licence: Licence) -> None:
    licence.done("suspension", effective_on=str(in_days(licence.served, 1)))
    to_the_day(licence.served, 1)
    refused = licence.act("events/1/withdrawal")
    assert (refused.status_code, refused.json()["reason"]) == (409, "not-planned")


def test_a_version_to_come_leaves_the_present_one_in_force(licence: Licence) -> None:
    served = licence.served
    licence.change(effective_on=str(in_days(served, 2)))
    assert licence.seen(2)["takes_effect_at"] is not None
    assert licence.looked_up() == [(licence.identifier(1), "01")]
    assert (licence.published(1), licence.published(2)) == (0, 2)
    to_the_day(served, 2)
    assert licence.looked_up() == [(licence.identifier(2), "01")]
    assert (licence.published(1), licence.published(2)) == (1, 0)
    licence.history_holds()


@pytest.mark.parametrize(
    ("path", "state"), [("suspension", "02"), ("revocation", "07"), ("transfer", "06")]
)
def test_lookups_say_what_was_planned_from_its_day_on_and_not_before(
    licence: Licence, path: str, state: str
) -> None:
    served = licence.served
    licence.done(path, effective_on=str(in_days(served, 2)))
    assert licence.looked_up() == [(licence.identifier(), "01")]
    to_the_day(served, 1)
    assert licence.looked_up() == [(licence.identifier(), "01")]
    to_the_day(served, 1)
    assert licence.looked_up() == [(licence.identifier(), state)]


def test_an_end_calls_off_by_name_what_was_planned_after_it(licence: Licence) -> None:
    served = licence.served
    licence.change(effective_on=str(in_days(served, 2)))
    ended = licence.done("revocation")
    assert [event["operation"]["code"] for event in ended["history"]] == [
        "01", "09", "x-07", "x-00",
    ]  # fmt: skip
    assert ended["history"][-1]["withdraws"] == 1
    to_the_day(served, 3)
    assert licence.looked_up() == [(licence.identifier(1), "07")]
    assert (licence.published(1), licence.published(2)) == (1, 1)
    licence.history_holds()


def test_a_back_dated_act_counts_from_its_day_as_known_now_but_not_as_known_then(
    licence: Licence,
) -> None:
    served = licence.served
    served.clock.advance(hours=1)
    before = served.clock.now()
    served.clock.advance(hours=1)
    licence.done("revocation", state="03", effective_on="2024-05-01")
    as_of = licence.seen(on="2024-05-01")["as_of"]
    assert (as_of["state"]["code"], as_of["since"]) == ("03", "2024-04-30T16:00:00Z")
    assert licence.seen(on="2024-04-30")["as_of"]["state"]["code"] == "01"
    known = licence.seen(on="2024-05-01", known_at=before.isoformat())["as_of"]
    assert known["state"]["code"] == "01"
    licence.history_holds()


@pytest.mark.parametrize("on", ["2019-12-31", "2020-01-14"])
def test_no_act_counts_from_before_the_issue(licence: Licence, on: str) -> None:
    refused = licence.act("revocation", effective_on=on)
    assert (refused.status_code, refused.json()["reason"]) == (409, "not-issued-yet")


def test_nothing_is_planned_beyond_ten_years(licence: Licence) -> None:
    refused = licence.act("revocation", effective_on="2099-01-01")
    assert [fault["field"] for fault in refused.json()["faults"]] == ["/effective_on"]


def test_before_its_issue_a_certificate_stood_nowhere(licence: Licence) -> None:
    as_of = licence.seen(on="2019-01-01")["as_of"]
    assert (as_of["version"], as_of["state"]) == (None, None)
    with licence.market() as client:
        path = f"/v1/certificates/{licence.identifier()}"
        answer = client.get(path, params={"known_at": "2020-01-01T00:00:00Z"})
    assert answer.status_code == 404


def test_the_day_ends_at_midnight_in_china(licence: Licence) -> None:
    served = licence.served
    to_the_day(served, 1)
    served.clock.advance(seconds=-1)
    last_second = in_days(served, 0)
    licence.done("suspension")
    served.clock.advance(seconds=1)
    licence.done("reinstatement")
    days = (last_second, last_second + timedelta(days=1))
    assert [licence.seen(on=str(day))["as_of"]["state"]["code"] for day in days] == ["02", "01"]


def test_a_term_that_ends_on_a_leap_day_shows_its_lapse_in_the_history(place: Served) -> None:
    number = next(NUMBERS)
    issue_terms(place.hub, enterprise(number, valid_until=date(2028, 2, 29)))
    own = Licence(place, number)
    assert own.seen(on="2028-02-29")["as_of"]["state"]["code"] == "01"
    assert own.seen(on="2028-03-01")["as_of"]["state"]["code"] == "05"


def test_what_lapsed_shows_operation_04(place: Served) -> None:
    number = next(NUMBERS)
    last = in_days(place, 1)
    issue_terms(place.hub, enterprise(number, valid_until=last))
    own = Licence(place, number)
    to_the_day(place, 2)
    seen = own.seen()
    event = seen["history"][-1]
    assert (seen["state"]["code"], event["operation"]["code"]) == ("05", "04")
    assert datetime.fromisoformat(event["effective_at"]) == place.clock.now()
    refused = own.act("suspension")
    assert {each["code"] for each in refused.json()["possible"]} >= {"02", "05"}


def test_the_receiving_body_takes_over_what_was_transferred_out(licence: Licence) -> None:
    received = Licence(licence.served, next(NUMBERS))
    wanted = {"type": "business-licence", "transferred_from": licence.identifier()}
    own = received.post(**wanted)
    assert own.status_code == 409  # one's own certificate is no other body's
    foreign = str(CertificateIdentifier(BUSINESS, CITY, "F1", 1))
    answer = received.post(type="business-licence", transferred_from=foreign)
    assert answer.status_code == 201, answer.text
    event = answer.json()["history"][0]
    assert (event["operation"]["code"], event["related"]) == ("08", foreign)
    licence.done("transfer")
    assert licence.state() == "06"


def test_two_officers_at_once_one_is_done_and_one_is_told(licence: Licence) -> None:
    answers: list[int] = []
    together = threading.Barrier(2)

    def run() -> None:
        with licence.market() as client:
            together.wait()
            path = f"/v1/certificates/{licence.identifier()}/revocation"
            answers.append(client.post(path, json=WHY).status_code)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 409]
    assert len(licence.seen()["history"]) == 2


def test_an_act_with_a_request_of_its_own_is_done_once(licence: Licence) -> None:
    for _ in range(2):
        licence.done("suspension", request=f"s-{licence.number}")
    assert len(licence.seen()["history"]) == 2
    reused = licence.act("reinstatement", request=f"s-{licence.number}")
    assert (reused.status_code, reused.json()["reason"]) == (409, "request-reused")


def test_the_holder_sees_what_happened_and_can_prove_it(licence: Licence) -> None:
    served = licence.served
    licence.done("suspension")
    name = f"holder-{licence.number}"
    served.register_applicant(name, "001", licence.holder, "某公司")
    with served.as_applicant(name) as holder:
        found = holder.get(f"/v1/me/certificates/{licence.identifier()}/history").json()
    assert [event["operation"]["code"] for event in found["history"]] == ["01", "03"]
    trust = TrustAnchors.from_json(served.client.get("/v1/trust").json())
    assert verify_history([e["statement"] for e in found["history"]], trust).holds
    with served.as_applicant(name) as holder:
        other = Licence(served, licence.number - 1).identifier()
        assert holder.get(f"/v1/me/certificates/{other}/history").status_code == 404


def test_a_register_and_the_issuers_acts_make_one_signed_chain(place: Served) -> None:
    number = next(NUMBERS)
    own = Licence(place, number)
    place.issue_licence(number, state="02", state_since=date(2024, 3, 1))
    own.done("reinstatement")
    place.issue_licence(number, source_hash="a" * 64)
    own.done("suspension", 2)
    place.issue_licence(number, source_hash="b" * 64)
    seen = own.seen(3)
    assert [event["operation"]["code"] for event in seen["history"]] == [
        "01", "03", "06", "09", "03", "09", "03",
    ]  # fmt: skip
    assert seen["state"]["code"] == "02"
    assert own.published(3) == 2
    own.history_holds(3)


def test_a_list_can_be_had_as_it_stood(licence: Licence) -> None:
    served = licence.served
    path = f"/v1/status-lists/{MARKET}/1"
    served.clock.advance(hours=25)
    first = served.client.get(path)
    then = int(served.clock.now().timestamp())
    served.clock.advance(hours=1)
    licence.done("revocation")
    second = served.client.get(path)
    assert first.text != second.text
    assert served.client.get(path, params={"time": then + 60}).text == first.text
    assert served.client.get(path, params={"time": 86_400}).status_code == 404
    assert served.client.get(path, params={"time": -1}).status_code == 400


def test_nobody_elses_certificate_can_be_acted_on(licence: Licence) -> None:
    with licence.served.as_system(TRANSPORT) as client:
        for name in ("versions", "transfer", "events/0/withdrawal"):
            body = licence.body(operation="change") if name == "versions" else WHY
            path = f"/v1/certificates/{licence.identifier()}/{name}"
            assert client.post(path, json=body).status_code == 403
