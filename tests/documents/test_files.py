"""A certificate's file over HTTP: made once, kept, sealed by its issuer, in the log first."""

from __future__ import annotations

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from certstore.documents import PdfCheck, check_pdf
from exchange.audit.tables import audit_records
from exchange.documents.routes import picture_type
from exchange.documents.tables import documents
from exchange.errors import BadRequest
from tests.documents.conftest import Room, licence
from tests.hub import CITY, MARKET, Served, credit_code

FILE = licence(1)


def records(served: Served, identifier: str, *kinds: str) -> list[dict[str, Any]]:
    with served.hub.work.read() as connection:
        bodies = connection.execute(
            sa.select(audit_records.c.body)
            .where(audit_records.c.kind.in_(kinds))
            .order_by(audit_records.c.index)
        ).scalars()
        found = [json.loads(bytes(body)) for body in bodies]
    return [each for each in found if identifier in each["certificates"]]


def checked(room: Room, content: bytes) -> PdfCheck:
    return check_pdf(content, [room.root], at=room.served.clock.now())


def test_the_issuer_and_the_holder_get_one_and_the_same_sealed_file(room: Room) -> None:
    first = room.market.get(f"/v1/certificates/{FILE}/file")
    assert first.status_code == 200, first.text
    assert first.headers["content-type"] == "application/pdf"
    assert first.headers["cache-control"] == "private, no-store"
    digest = hashlib.sha256(first.content).digest()
    assert first.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    found = checked(room, first.content)
    assert [part.code for part in found.parts.values()] == [
        "seal-holds", "seal-trusted", "time-claimed",
    ]  # fmt: skip
    assert (found.department, found.certified) == (MARKET, True)
    own = room.holder.get(f"/v1/me/certificates/{FILE}")
    assert found.credential == own.text
    assert found.metadata is not None
    assert found.metadata["ZZBS"] == FILE
    room.served.clock.advance(seconds=3)
    second = room.holder.get(f"/v1/me/certificates/{FILE}/pdf")
    assert second.content == first.content
    assert [
        (each["kind"], each.get("department"), each["result"])
        for each in records(room.served, FILE, "file-made", "file-read")
    ] == [
        ("file-made", MARKET, digest.hex()),
        ("file-read", MARKET, digest.hex()),
        ("file-read", None, digest.hex()),
    ]


def test_the_file_lies_in_the_store_locked_as_long_as_the_type_says(room: Room) -> None:
    number = room.issue()
    content = room.market.get(f"/v1/certificates/{licence(number)}/file").content
    with room.served.hub.work.read() as connection:
        (row,) = connection.execute(
            sa.select(documents).where(documents.c.serial == credit_code(number))
        ).all()
    assert (row.kind, row.size, row.sha256) == (
        "original", len(content), hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    state = room.served.hub.objects.stat(row.sha256)
    assert state.retain_until == row.retain_until
    assert row.retain_until.year == 2056


def test_an_older_version_keeps_its_file_when_a_newer_one_comes(room: Room) -> None:
    number = room.issue()
    first = licence(number)
    before = room.market.get(f"/v1/certificates/{first}/file").content
    room.served.issue_licence(number, source_hash="f" * 64, valid_from=date(2026, 5, 1))
    assert room.market.get(f"/v1/certificates/{first}/file").content == before
    after = room.market.get(f"/v1/certificates/{licence(number, 2)}/file").content
    metadata = checked(room, after).metadata
    assert metadata is not None and metadata["ZZBS"] == licence(number, 2)


def test_a_file_whose_object_was_altered_is_never_handed_out(room: Room) -> None:
    file = f"/v1/certificates/{licence(room.issue())}/file"
    name = hashlib.sha256(room.market.get(file).content).hexdigest()
    folder = room.served.hub.settings.objects_dir
    assert folder is not None
    stored = folder / name[:2] / name[2:4] / name
    stored.chmod(0o600)
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    answer = room.market.get(file)
    assert answer.status_code == 503
    assert "check-store" in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("what", ["file", "picture"])
def test_a_stranger_learns_nothing_of_a_certificate(room: Room, what: str) -> None:
    with room.served.as_system(CITY) as city:
        there = city.get(f"/v1/certificates/{FILE}/{what}")
        nowhere = city.get(f"/v1/certificates/{licence(999)}/{what}")
    assert there.status_code == nowhere.status_code == 404
    assert there.json()["detail"] == nowhere.json()["detail"]
    own = {"file": "pdf", "picture": "picture"}[what]
    another = licence(room.issue())
    assert room.holder.get(f"/v1/me/certificates/{another}/{own}").status_code == 404
    assert room.served.client.get(f"/v1/certificates/{FILE}/{what}").status_code == 401


def test_a_picture_comes_as_png_or_svg_and_stands_in_the_log(room: Room) -> None:
    before = len(records(room.served, FILE, "file-read"))
    png = room.holder.get(f"/v1/me/certificates/{FILE}/picture")
    assert png.headers["content-type"] == "image/png"
    assert png.content.startswith(b"\x89PNG")
    svg = room.market.get(f"/v1/certificates/{FILE}/picture", headers={"Accept": "image/svg+xml"})
    assert svg.headers["content-type"] == "image/svg+xml"
    assert b"<script" not in svg.content
    assert "sandbox" in svg.headers["content-security-policy"]
    since = records(room.served, FILE, "file-read")[before:]
    assert [each["reason"] for each in since] == ["picture"] * 2


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "image/png"), ("*/*", "image/png"), ("image/*", "image/png"),
        ("image/svg+xml", "image/svg+xml"), ("image/png;q=0.1, image/svg+xml", "image/svg+xml"),
        ("text/html, */*;q=0.8", "image/png"), ("image/png;q=x, image/svg+xml", "image/svg+xml"),
    ],
    ids=["none", "any", "image", "svg", "weights", "browser", "broken-weight"],
)  # fmt: skip
def test_the_accept_header_says_which_picture(accept: str | None, kind: str) -> None:
    assert picture_type(accept) == kind


def test_an_accept_header_for_neither_is_refused_by_name() -> None:
    with pytest.raises(BadRequest) as refused:
        picture_type("text/html")
    assert refused.value.faults[0].field == "accept"


def test_where_no_root_certified_the_issuers_key_the_remedy_is_named(served: Served) -> None:
    served.issue_licence(1)
    with served.as_system(MARKET) as market:
        answer = market.get(f"/v1/certificates/{FILE}/file")
        picture = market.get(f"/v1/certificates/{FILE}/picture")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "not-certified"
    assert "yici key" in answer.json()["detail"]
    assert picture.status_code == 200


def test_of_two_who_ask_at_once_both_get_the_one_file_that_was_kept(room: Room) -> None:
    number = room.issue()
    ask = f"/v1/certificates/{licence(number)}/file"
    with ThreadPoolExecutor(3) as threads:
        answers = list(threads.map(lambda _: room.market.get(ask), range(3)))
    assert [each.status_code for each in answers] == [200] * 3
    kept = room.market.get(ask).content
    with room.served.hub.work.read() as connection:
        rows = connection.execute(
            sa.select(documents.c.sha256).where(documents.c.serial == credit_code(number))
        ).scalars()
        assert list(rows) == [hashlib.sha256(kept).hexdigest()]
    assert {each.content for each in answers} == {kept}
