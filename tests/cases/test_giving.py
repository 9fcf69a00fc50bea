"""Materials come to a case by certificate, by reuse or by upload, and each way is proven."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from exchange.governance.service import operator
from tests.cases.documents import jpeg, pdf, png
from tests.cases.room import CENTRE, HEALTH, HYGIENE, MOST_BYTES, OTHER, Room
from tests.cases.test_cases import open_case, states

PLAN = "premises-floor-plan"


def upload(client: httpx.Client, case: dict[str, Any], content: bytes, name: str = "plan.pdf",
           material: str = PLAN) -> httpx.Response:  # fmt: skip
    return client.post(
        f"/v1/me/cases/{case['case']}/materials/{material}", files={"file": (name, content)}
    )


def give(client: httpx.Client, case: dict[str, Any], place: str, **given: Any) -> httpx.Response:
    return client.post(f"/v1/cases/{case['case']}/materials/{place}", json=given)


def ask(client: httpx.Client, case: dict[str, Any], material: str, **terms: Any) -> str:
    answer = client.post(
        "/v1/authorizations",
        json={"case": case["case"], "requests": [{"material": material, **terms}]},
    )
    assert answer.status_code == 201, answer.text
    authorization: str = answer.json()["authorizations"][0]["authorization"]
    return authorization


def grant(client: httpx.Client, authorization: str, **less: Any) -> None:
    answer = client.post(f"/v1/me/authorizations/{authorization}/grant", json=less)
    assert answer.status_code == 200, answer.text


def objects(room: Room) -> int:
    return len(list(room.hub.objects))


@pytest.mark.parametrize(
    ("content", "media_type", "extension"),
    [(pdf(), "application/pdf", "pdf"), (png(), "image/png", "png"), (jpeg(), "image/jpeg", "jpg")],
)
def test_an_upload_is_kept_and_read_back_by_the_cases_department(
    room: Room, content: bytes, media_type: str, extension: str
) -> None:
    centre = room.system(CENTRE)
    case = open_case(centre)
    answer = upload(room.applicant(), case, content, "../平面图.exe")
    assert answer.status_code == 201, answer.text
    assert answer.json()["document"]["file_name"] == f"平面图.{extension}"
    assert states(answer.json()["case"])[PLAN] == "given"
    read = centre.get(f"/v1/cases/{case['case']}/materials/{PLAN}/content")
    assert read.content == content and read.headers["content-type"] == media_type
    assert read.headers["content-disposition"].startswith("attachment;")
    [uploaded], [seen] = room.records("material-uploaded"), room.records("material-read")
    assert uploaded["result"] == seen["result"] == answer.json()["document"]["sha256"]


def test_the_same_content_twice_changes_nothing(room: Room) -> None:
    case, me = open_case(room.system(CENTRE)), room.applicant()
    first, again = upload(me, case, pdf()).json(), upload(me, case, pdf(), "other.pdf").json()
    assert first["new"] and not again["new"] and again["document"] == first["document"]
    assert len(room.rows("materials")) == 1 and len(room.records("material-uploaded")) == 1
    assert objects(room) == 1


def test_another_content_replaces_an_upload_while_the_case_is_open(room: Room) -> None:
    case, me = open_case(room.system(CENTRE)), room.applicant()
    upload(me, case, pdf("wrong"))
    right = upload(me, case, pdf("right")).json()
    [stands] = room.rows("case_materials")
    assert str(stands["material_id"]) == right["document"]["document"]
    assert len(room.rows("materials")) == 2


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"plain text", "plan.pdf"),
        (b"<html><script>1</script></html>", "plan.png"),
        (pdf()[:-20], "plan.pdf"),
        (b"", "plan.pdf"),
    ],
)
def test_a_wrong_content_is_refused_whatever_its_name_and_leaves_nothing(
    room: Room, content: bytes, name: str
) -> None:
    answer = upload(room.applicant(), open_case(room.system(CENTRE)), content, name)
    assert answer.status_code == 415
    assert not room.rows("materials") and not objects(room)


def test_a_file_of_exactly_the_limit_is_accepted_and_one_byte_more_is_not(room: Room) -> None:
    me = room.applicant()
    case = open_case(room.system(CENTRE))
    filler = "x" * (MOST_BYTES - len(pdf("")))
    # The offset in a longer file may take more digits.
    whole = pdf(filler)
    whole = pdf(filler[: len(filler) - (len(whole) - MOST_BYTES)])
    assert len(whole) == MOST_BYTES
    assert upload(me, case, whole + b"\n").status_code == 413
    assert not room.rows("materials") and not objects(room)
    assert upload(me, case, whole).status_code == 201


def test_a_huge_upload_of_unknown_length_is_stopped_while_it_comes(room: Room) -> None:
    me, case = room.applicant(), open_case(room.system(CENTRE))
    sent = 0

    def endless() -> Any:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(2000):
            sent += 65_536
            yield b"x" * 65_536

    with pytest.raises(httpx.HTTPError):
        answer = me.post(
            f"/v1/me/cases/{case['case']}/materials/{PLAN}",
            content=endless(),
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
        assert answer.status_code == 413
        raise httpx.HTTPError("answered before the end")
    assert sent < 2000 * 65_536
    assert not room.rows("materials") and not objects(room)


def test_an_upload_cut_in_half_leaves_nothing(room: Room) -> None:
    me, case = room.applicant(), open_case(room.system(CENTRE))
    whole = me.build_request(
        "POST", f"/v1/me/cases/{case['case']}/materials/{PLAN}", files={"file": ("a.pdf", pdf())}
    )
    body = whole.read()
    place = urlsplit(room.url)
    head = f"POST {whole.url.path} HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in whole.headers.items()
    )
    with socket.create_connection((place.hostname, place.port)) as wire:
        wire.sendall(head.encode() + b"\r\n" + body[: len(body) // 2])
    # A complete HTTP message whose multipart body ends early.
    short = me.post(whole.url.path, content=body[:-30], headers={
        "Content-Type": whole.headers["content-type"]})  # fmt: skip
    assert short.status_code == 400
    assert not room.rows("materials") and not objects(room)


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=b", 400),
        (b"--b\r\nnonsense", "multipart/form-data; boundary=b", 400),
        (
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
            400,
        ),
    ],
)
def test_a_body_that_is_no_upload_is_a_clear_problem(
    room: Room, content: bytes, kind: str, status: int
) -> None:
    case = open_case(room.system(CENTRE))
    answer = room.applicant().post(
        f"/v1/me/cases/{case['case']}/materials/{PLAN}",
        content=content,
        headers={"Content-Type": kind},
    )
    assert answer.status_code == status and answer.json()["zh"]["detail"]


def test_nobody_uploads_to_another_applicants_case(room: Room) -> None:
    case = open_case(room.system(CENTRE))
    assert upload(room.applicant("second"), case, pdf()).status_code == 404
    assert not objects(room)
    assert upload(room.system(CENTRE), case, pdf()).status_code == 403


def test_a_material_met_by_certificate_only_takes_no_upload(room: Room) -> None:
    case = open_case(room.system(CENTRE))
    answer = upload(room.applicant(), case, pdf(), material="business-licence")
    assert answer.status_code == 400


def test_a_released_lookup_gives_the_material(room: Room) -> None:
    room.give_certificate()
    centre = room.system(CENTRE)
    case, lookup = open_case(centre), room.record_lookup()
    answer = give(centre, case, "business-licence", how="certificate", lookup=lookup)
    assert answer.status_code == 200, answer.text
    licence = answer.json()["materials"][0]
    assert (licence["state"], licence["how"], licence["lookup"]) == ("given", "certificate", lookup)
    again = give(centre, case, "business-licence", how="certificate", lookup=lookup)
    assert again.status_code == 200 and len(room.records("case-material")) == 1


@pytest.mark.parametrize(
    "particulars",
    [
        {"department": HEALTH},
        {"case": "C-2"},
        {"item": HYGIENE},
        {"type": "limited-business-licence"},
        {"outcome": "not-found"},
        {"holder": OTHER},
    ],
)
def test_a_lookup_of_something_else_gives_nothing(room: Room, particulars: dict[str, Any]) -> None:
    room.give_certificate()
    centre = room.system(CENTRE)
    case, lookup = open_case(centre), room.record_lookup(**particulars)
    answer = give(centre, case, "business-licence", how="certificate", lookup=lookup)
    assert answer.status_code == 404 and not room.rows("case_materials")


def test_a_certificate_revoked_since_the_lookup_gives_nothing(room: Room) -> None:
    room.give_certificate()
    centre = room.system(CENTRE)
    case, lookup = open_case(centre), room.record_lookup()
    room.change_state("business-licence", "03")
    answer = give(centre, case, "business-licence", how="certificate", lookup=lookup)
    assert answer.status_code == 409 and not room.rows("case_materials")


def given_earlier(room: Room, content: bytes = pdf()) -> tuple[str, dict[str, Any], httpx.Client]:
    """A plan given to the centre's case, and the health commission's case that needs one too."""
    first = open_case(room.system(CENTRE))
    document: str = upload(room.applicant(), first, content).json()["document"]["document"]
    health = room.system(HEALTH)
    return document, open_case(health, item=HYGIENE, case_number="H-1"), health


def test_a_document_is_reused_after_the_holder_agrees_and_nothing_is_uploaded_twice(
    room: Room,
) -> None:
    document, case, health = given_earlier(room)
    authorization = ask(health, case, PLAN)
    grant(room.applicant(), authorization)
    line = health.get(f"/v1/cases/{case['case']}").json()["materials"][1]
    assert (line["state"], line["document"]) == ("reusable", document)
    answer = give(health, case, PLAN, how="shared", material=document, authorization=authorization)
    assert answer.status_code == 200, answer.text
    assert states(answer.json())[PLAN] == "given"
    read = health.get(f"/v1/cases/{case['case']}/materials/{PLAN}/content")
    assert read.content == pdf()
    [record] = room.records("material-reused")
    assert record["authorization"] == authorization and record["department"] == HEALTH
    assert health.get("/v1/cases/savings").json()["saved"] == 1
    assert room.system(CENTRE).get("/v1/cases/savings").json()["uploads"] == 1


@pytest.mark.parametrize("decision", ["none", "refuse", "withdraw"])
def test_a_document_is_not_reused_against_the_holders_will(room: Room, decision: str) -> None:
    document, case, health = given_earlier(room)
    me, authorization = room.applicant(), ask(health, case, PLAN)
    if decision == "withdraw":
        grant(me, authorization)
    if decision != "none":
        me.post(f"/v1/me/authorizations/{authorization}/{decision}")
    answer = give(health, case, PLAN, how="shared", material=document, authorization=authorization)
    assert answer.status_code == 403 and not room.records("material-reused")
    [refusal] = room.records("refusal")
    assert refusal["act"] == "reuse-material" and refusal["material"] == PLAN


def test_an_authorization_of_another_department_opens_nothing(room: Room) -> None:
    document, case, health = given_earlier(room)
    centre = room.system(CENTRE)
    second = open_case(centre, case_number="C-9")
    theirs = ask(centre, second, PLAN)
    grant(room.applicant(), theirs)
    answer = give(health, case, PLAN, how="shared", material=document, authorization=theirs)
    assert answer.status_code == 403
    assert answer.json()["reasons"][0]["rule"] == "reuse-authorization-elsewhere"


def test_a_document_whose_content_changed_is_not_reused(room: Room, tmp_path: Path) -> None:
    document, case, health = given_earlier(room)
    authorization = ask(health, case, PLAN)
    grant(room.applicant(), authorization)
    [stored] = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    stored.chmod(0o600)
    stored.write_bytes(b"another plan")
    answer = give(health, case, PLAN, how="shared", material=document, authorization=authorization)
    assert answer.status_code == 409
    assert room.rows("authorizations")[0]["uses_taken"] == 0


def test_a_document_replaced_by_a_newer_one_is_not_reused(room: Room) -> None:
    document, case, health = given_earlier(room)
    authorization = ask(health, case, PLAN)
    grant(room.applicant(), authorization)
    [first] = [each for each in room.rows("cases") if each["case_number"] == "C-1"]
    room.clock.advance(minutes=1)
    upload(room.applicant(), {"case": first["id"]}, pdf("newer"))
    answer = give(health, case, PLAN, how="shared", material=document, authorization=authorization)
    assert answer.status_code == 409


def test_the_last_use_taken_by_two_reuses_at_once_is_given_to_exactly_one(room: Room) -> None:
    # The same authorization, two materials of one case that take the same kind of document.
    item = next(each for each in room.hub.items.all() if each.code == HYGIENE)
    [definition] = [
        row["definition"] for row in room.rows("items") if row["definition"]["code"] == item.code
    ]
    second = {**definition["materials"][1], "code": "second-plan"}
    wider = {**definition, "materials": [*definition["materials"], second]}
    room.hub.items.publish(_governor(room), wider)
    document, case, health = given_earlier(room)
    authorization = ask(health, case, PLAN, uses=1)
    grant(room.applicant(), authorization)
    outcomes: list[int] = []
    together = threading.Barrier(2)

    def reuse(place: str) -> None:
        with room.system(HEALTH) as client:
            together.wait()
            answer = give(
                client, case, place, how="shared", material=document, authorization=authorization
            )
            outcomes.append(answer.status_code)

    threads = [threading.Thread(target=reuse, args=(each,)) for each in (PLAN, "second-plan")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [200, 403]
    [row] = room.rows("authorizations")
    assert row["uses_taken"] == 1 and len(room.rows("authorization_uses")) == 1
    [refusal] = room.records("refusal")
    assert refusal["reason"] == "reuse-authorization-over"


def test_the_same_reuse_again_takes_no_second_use(room: Room) -> None:
    document, case, health = given_earlier(room)
    authorization = ask(health, case, PLAN, uses=2)
    grant(room.applicant(), authorization)
    terms = {"how": "shared", "material": document, "authorization": authorization}
    for _ in range(2):
        answer = health.post(f"/v1/cases/{case['case']}/materials/{PLAN}", json=terms)
        assert answer.status_code == 200
    assert room.rows("authorizations")[0]["uses_taken"] == 1


def test_a_case_is_complete_when_every_material_is_given(room: Room) -> None:
    room.give_certificate()
    health, me = room.system(HEALTH), room.applicant()
    case = open_case(health, item=HYGIENE, case_number="H-1")
    upload(me, case, pdf())
    lookup = room.record_lookup(department=HEALTH, case="H-1", item=HYGIENE)
    room.clock.advance(minutes=5)
    done = give(health, case, "business-licence", how="certificate", lookup=lookup).json()
    assert done["state"] == "complete" and done["completed_at"] is not None
    [record] = room.records("case-complete")
    assert record["case"] == "H-1"
    assert upload(me, case, pdf("too late")).status_code == 409
    assert upload(me, case, pdf()).json()["new"] is False


def test_two_materials_given_at_once_complete_the_case(room: Room) -> None:
    room.give_certificate()
    health = room.system(HEALTH)
    me = room.applicant()
    for number in range(5):
        name = f"H-{number}"
        case = open_case(health, item=HYGIENE, case_number=name)
        lookup = room.record_lookup(department=HEALTH, case=name, item=HYGIENE)
        together = threading.Barrier(2)

        def looked_up(case: Any = case, lookup: str = lookup, together: Any = together) -> None:
            together.wait()
            give(health, case, "business-licence", how="certificate", lookup=lookup)

        def uploaded(case: Any = case, together: Any = together, content: str = name) -> None:
            together.wait()
            upload(me, case, pdf(content))

        threads = [threading.Thread(target=each) for each in (looked_up, uploaded)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert health.get(f"/v1/cases/{case['case']}").json()["state"] == "complete"


def test_an_applicant_sees_own_cases_documents_and_every_use_of_own_data(room: Room) -> None:
    document, case, health = given_earlier(room)
    authorization = ask(health, case, PLAN)
    me = room.applicant()
    grant(me, authorization)
    give(health, case, PLAN, how="shared", material=document, authorization=authorization)
    health.get(f"/v1/cases/{case['case']}/materials/{PLAN}/content")
    room.record_lookup()
    seen = me.get("/v1/me/lookups").json()["lookups"]
    assert [each["kind"] for each in seen] == ["lookup", "material-read", "material-reused"]
    assert seen[1]["department"] == HEALTH and seen[1]["case_number"] == "H-1"
    first = me.get("/v1/me/lookups", params={"limit": 1}).json()
    rest = me.get("/v1/me/lookups", params={"before": first["next"]}).json()
    assert first["lookups"] + rest["lookups"] == seen
    assert len(me.get("/v1/me/cases").json()["cases"]) == 2
    [kept] = me.get("/v1/me/materials").json()["documents"]
    assert kept["document"] == document
    assert room.applicant("second").get("/v1/me/lookups").json()["lookups"] == []
    who = me.get("/v1/me").json()
    assert who["account"] == "first" and "*" in who["id_masked"]


def _governor(room: Room) -> Any:
    return room.hub.access.permit(operator("tests"), "publish-item")
