"""A link hands out one file to whoever has it, for a while, and tells nothing else."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from certstore.errors import ObjectError
from certstore.objects.contract import altered, not_found, retained, unavailable
from exchange import problems
from exchange.database import metadata
from exchange.hub import NAMED
from exchange.stores.named import ObjectColumns
from exchange.stores.service import IN_ONE_PIECE
from tests.hub import Served

MINUTE = timedelta(minutes=1)


def link_to(served: Served, sha256: str, **more: object) -> str:
    asked = {"now": served.clock.now(), "lifetime": 5 * MINUTE, **more}
    link = served.hub.objects.link(sha256, **asked)  # type: ignore[arg-type]
    assert link.startswith(served.hub.settings.public_url)
    return link.removeprefix(served.hub.settings.public_url)


def test_whoever_has_a_link_gets_the_file_until_it_expires(served: Served) -> None:
    ref = served.hub.objects.put(b"a copy", "application/pdf")
    link = link_to(served, ref.sha256, media_type="application/pdf")
    answer = served.client.get(link)
    assert (answer.status_code, answer.content) == (200, b"a copy")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    served.clock.advance(minutes=6)
    assert served.client.get(link).status_code == 404


def test_a_large_file_is_sent_in_pieces_and_breaks_off_where_it_was_altered(
    served: Served,
) -> None:
    import httpx

    content = bytes(IN_ONE_PIECE + 5)
    ref = served.hub.objects.put(content, "application/pdf")
    link = link_to(served, ref.sha256)
    assert served.client.get(link).content == content
    folder = served.hub.settings.objects_dir
    assert folder is not None
    path = folder / ref.sha256[:2] / ref.sha256[2:4] / ref.sha256
    path.write_bytes(content[:-1] + b"?")
    with pytest.raises(httpx.RemoteProtocolError):
        served.client.get(link)


def test_an_altered_file_is_not_handed_out(served: Served) -> None:
    ref = served.hub.objects.put(b"a copy", "application/pdf")
    folder = served.hub.settings.objects_dir
    assert folder is not None
    (folder / ref.sha256[:2] / ref.sha256[2:4] / ref.sha256).write_bytes(b"a c0py")
    answer = served.client.get(link_to(served, ref.sha256))
    assert answer.status_code == 500 and b"a c0py" not in answer.content


def test_a_link_that_does_not_hold_and_a_file_that_is_not_there_look_alike(
    served: Served,
) -> None:
    ref = served.hub.objects.put(b"a copy", "application/pdf")
    link = link_to(served, ref.sha256)
    forged = link.replace("signature=", "type=text%2Fhtml&signature=")
    other = link.replace(ref.sha256, "0" * 64)
    nothing = link_to(served, "0" * 64)
    answers = [served.client.get(each) for each in (forged, other, nothing)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v1/objects/" + "0" * 64,
        "/v1/objects/short?expires=1&signature=" + "0" * 64,
        "/v1/objects/" + "0" * 64 + "?expires=-1&signature=" + "0" * 64,
        "/v1/objects/" + "0" * 64 + "?expires=1&signature=no",
    ],
    ids=["nothing asked", "no name", "negative", "no signature"],
)
def test_what_is_no_link_is_a_bad_request(served: Served, path: str) -> None:
    answer = served.client.get(path)
    assert answer.status_code == 400 and answer.json()["faults"]


def test_a_link_holds_nothing_but_the_files_hash(served: Served) -> None:
    parts = urlsplit(link_to(served, "0" * 64, media_type="application/pdf"))
    assert parts.path == "/v1/objects/" + "0" * 64
    names = [pair.split("=")[0] for pair in parts.query.split("&")]
    assert names == ["expires", "type", "signature"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(unavailable(), 503), (altered(), 500), (not_found(), 500), (retained(), 400)],
    ids=["unavailable", "altered", "not found", "retained"],
)
def test_whose_fault_an_error_of_the_store_is(error: ObjectError, status: int) -> None:
    assert problems.of_library_error(error).status_code == status


def test_every_table_that_names_objects_is_known_to_the_check() -> None:
    named = {source.sha256.table.name for source in NAMED if isinstance(source, ObjectColumns)}
    assert named == {table.name for table in metadata.tables.values() if "sha256" in table.c}
