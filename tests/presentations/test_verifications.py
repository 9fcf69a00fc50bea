"""Verifying whatever is shown, over HTTP: files, QR codes, pictures, proofs, facts."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest
import segno
from PIL import Image

from certstore.certificate_type import Title
from certstore.holders import Holder as Subject
from certstore.identifiers import CertificateIdentifier
from certstore.issue import CertificateDraft, sign_certificate
from certstore.keys import Es256Signer
from certstore.presentation import bind, present
from certstore.sdjwt import issue, parse
from tests.certstore.conftest import FIELDS
from tests.documents.certified import certify_department
from tests.hub import CULTURE, HEALTH, MARKET, SERVICE_CENTRE, TRANSPORT
from tests.presentations.people import Holder, Person, Room, new_key

WHO, NONCE = "https://counter.example", "7kPz"
PARTS = ("integrity", "issuer", "status", "validity")


def said(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    for part in (told[name] for name in (*PARTS, "holder_match", "record")):
        assert part is None or (part["zh"] and part["en"])
    return told


def codes(told: dict[str, Any]) -> list[str | None]:
    return [told[name] and told[name]["code"] for name in (*PARTS, "holder_match", "record")]


SOUND = ["signature-holds", "issuer-trusted", "status-valid", "within-validity"]


@pytest.fixture
def asking(room: Room) -> httpx.Client:
    """A visitor."""
    return room.served.client


@pytest.fixture(scope="module")
def whole(room: Room, registered: Person) -> str:
    with room.sign_in(registered) as holder:
        return holder.client.get(f"/v1/me/certificates/{registered.licence}").text


@pytest.fixture(scope="module")
def key() -> Es256Signer:
    return new_key()


@pytest.fixture(scope="module")
def copy(room: Room, registered: Person, key: Es256Signer) -> str:
    with room.sign_in(registered) as holder:
        return holder.bind(key).text


def verify(asking: httpx.Client, **shown: Any) -> dict[str, Any]:
    return said(asking.post("/v1/verifications", json=shown))


def upload(asking: httpx.Client, content: bytes, name: str = "file") -> httpx.Response:
    return asking.post("/v1/verifications/files", files={"file": (name, content)})


# Credentials and whoever shows them.


def test_the_very_file_is_on_record(asking: httpx.Client, whole: str, registered: Person) -> None:
    told = verify(asking, credential=whole)
    assert codes(told) == [*SOUND, None, "on-record"]
    assert (told["kind"], told["identifier"]) == ("credential", registered.licence)
    assert told["identifier_sound"] is True


def test_a_part_of_it_is_still_the_file_on_record(asking: httpx.Client, whole: str) -> None:
    told = verify(asking, credential=present(whole, [("fields", "name")]))
    assert told["record"]["code"] == "on-record"
    assert told["disclosed"]["fields"].keys() == {"name"}


def test_a_bound_copy_shown_with_proof_is_its_holders(
    room: Room, asking: httpx.Client, copy: str, key: Es256Signer
) -> None:
    now = room.served.clock.now()
    shown = present(copy, [("fields", "name")], key=key, audience=WHO, nonce=NONCE, at=now)
    told = verify(asking, credential=shown, audience=WHO, nonce=NONCE)
    assert codes(told) == [*SOUND, "holder-proved", "bound-copy-on-record"]
    assert verify(asking, credential=shown)["holder_match"]["code"] == "key-binding-unchecked"
    replayed = verify(asking, credential=shown, audience=WHO, nonce="another")
    assert replayed["holder_match"]["code"] == "other-nonce"
    later = {"credential": shown, "audience": WHO, "nonce": NONCE, "max_age_seconds": 1}
    room.served.clock.advance(seconds=62)
    assert verify(asking, **later)["holder_match"]["code"] == "key-binding-too-old"


@pytest.mark.parametrize(
    ("shown", "code"),
    [("whole", "holder-not-bound"), ("copy", "key-binding-missing")],
    ids=["bound to no key", "without proof"],
)
def test_who_proves_nothing_is_not_taken_for_the_holder(
    asking: httpx.Client, whole: str, copy: str, shown: str, code: str
) -> None:
    credential = {"whole": whole, "copy": copy}[shown]
    told = verify(asking, credential=credential, audience=WHO, nonce=NONCE)
    assert told["holder_match"]["code"] == code
    assert [told[name]["outcome"] for name in PARTS] == ["valid"] * 4


def test_a_certificate_signed_with_a_stolen_key_is_not_on_record(
    room: Room, asking: httpx.Client, whole: str
) -> None:
    thief = room.served.hub.keys.issuer(MARKET)
    forged = bind(whole, new_key().public_jwk(), thief, issued_at=room.served.clock.now())
    told = verify(asking, credential=forged)
    assert codes(told) == [*SOUND, None, "other-on-record"]
    assert told["record"]["outcome"] == "invalid"


def test_a_certificate_nobody_issued_is_not_on_record(
    room: Room, asking: httpx.Client, whole: str
) -> None:
    kind = room.served.hub.access.snapshot().types["business-licence"]
    draft = CertificateDraft(
        identifier=CertificateIdentifier(kind.code, MARKET, "NEVER", 1),
        type=kind,
        issuer_name=Title("部门", "Department"),
        holder=Subject("001", "91440101191193940U", "某公司"),
        fields=FIELDS,
        issued_on=date(2026, 2, 1),
        valid_from=date(2026, 2, 1),
        valid_until=None,
        status_uri=f"http://hub.test/v1/status-lists/{MARKET}/1",
        status_index=7,
    )
    forged = sign_certificate(
        draft,
        room.served.hub.keys.issuer(MARKET),
        issuer_uri=f"http://hub.test/v1/issuers/{MARKET}",
        issued_at=room.served.clock.now(),
    )
    told = verify(asking, credential=forged)
    assert (told["integrity"]["outcome"], told["record"]["code"]) == ("valid", "never-issued")


def test_a_strangers_signature_is_no_matter_of_record(asking: httpx.Client, whole: str) -> None:
    jws, *rest = whole.split("~")
    broken = "~".join([jws[:-4] + "AAAA", *rest])
    told = verify(asking, credential=broken)
    assert told["record"]["code"] == "not-evaluated"
    assert told["integrity"]["outcome"] == "invalid"


# Files, pictures and QR codes.


def address(licence: str) -> str:
    return f"http://hub.test/v/{licence}"


def picture(text: str, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    segno.make(text).save(out, kind="png", scale=5)
    if kind == "PNG":
        return out.getvalue()
    image, taken = Image.open(out).convert("RGB").rotate(7, expand=True), io.BytesIO()
    image.save(taken, kind)
    return taken.getvalue()


def test_what_the_qr_code_says_is_verified(asking: httpx.Client, registered: Person) -> None:
    told = verify(asking, qr=address(registered.licence))
    assert codes(told) == [*SOUND, None, None]
    assert (told["kind"], told["found"], told["disclosed"]) == ("identifier", True, None)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_of_the_qr_code_is_verified(
    asking: httpx.Client, registered: Person, kind: str
) -> None:
    told = said(upload(asking, picture(address(registered.licence), kind)))
    assert (told["identifier"], told["found"]) == (registered.licence, True)


def test_an_uploaded_credential_is_verified(asking: httpx.Client, whole: str) -> None:
    assert said(upload(asking, whole.encode() + b"\n"))["record"]["code"] == "on-record"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hello", "not-recognised"),
        (b"\xff\xfe\xff", "not-recognised"),
        (b"\x89PNG\r\n\x1a\n rest", "not-a-picture"),
        (picture("http://hub.test/v/x")[:-40], "picture-malformed"),
        (picture("https://example.com/pay"), "not-recognised"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "not-a-picture"),
    ],
    ids=["a text", "no text", "a broken picture", "a picture cut off", "another QR code",
         "a broken JPEG"],
)  # fmt: skip
def test_what_is_no_certificate_is_refused_by_its_own_reason(
    asking: httpx.Client, content: bytes, reason: str
) -> None:
    answer = upload(asking, content)
    assert (answer.status_code, answer.json()["reason"]) == (400, reason)


def test_a_picture_without_or_with_several_qr_codes_is_refused(asking: httpx.Client) -> None:
    page = Image.new("L", (800, 400), 255)
    blank = io.BytesIO()
    page.save(blank, "PNG")
    assert upload(asking, blank.getvalue()).json()["reason"] == "no-qr-code"
    for at, text in enumerate(("http://hub.test/v/a", "http://hub.test/v/b")):
        page.paste(Image.open(io.BytesIO(picture(text))).convert("L"), (30 + 400 * at, 60))
    both = io.BytesIO()
    page.save(both, "PNG")
    assert upload(asking, both.getvalue()).json()["reason"] == "several-qr-codes"


def test_a_one_time_code_is_not_verified_here_and_stays_good(
    asking: httpx.Client, anybody: Holder
) -> None:
    made = anybody.show("name")
    answer = asking.post("/v1/verifications", json={"qr": made["text"]})
    assert answer.status_code == 400
    assert made["code"] not in answer.text
    assert anybody.shown()[0]["state"] == "open"
    anybody.withdraw(made["presentation"])


def test_no_file_or_two_are_refused(asking: httpx.Client) -> None:
    assert asking.post("/v1/verifications/files", files={}).status_code in (400, 415)
    two = [("file", ("a", b"x")), ("file", ("b", b"y"))]
    assert asking.post("/v1/verifications/files", files=two).status_code == 400
    assert asking.post("/v1/verifications/files", json={}).status_code == 415


@pytest.fixture(scope="module")
def sealing(room: Room) -> Iterator[Room]:
    """The room once a root has certified the market regulator's key."""
    certify_department(room.served, MARKET)
    yield room


@pytest.fixture(scope="module")
def paper(sealing: Room, registered: Person) -> bytes:
    with sealing.sign_in(registered) as holder:
        answer = holder.client.get(f"/v1/me/certificates/{registered.licence}/pdf")
    assert answer.status_code == 200, answer.text
    return answer.content


def test_a_sealed_pdf_is_verified_with_the_certificate_inside(
    asking: httpx.Client, paper: bytes, registered: Person
) -> None:
    told = said(upload(asking, paper, "licence.pdf"))
    assert codes(told) == ["seal-holds", "seal-trusted", *SOUND[2:], None, "on-record"]
    assert (told["kind"], told["identifier"]) == ("pdf", registered.licence)
    assert told["pdf"]["department"] == MARKET and told["pdf"]["sealed_at"]
    assert told["disclosed"]["fields"]["name"]


def test_an_altered_pdf_is_said_to_be_altered(asking: httpx.Client, paper: bytes) -> None:
    middle = paper.index(b"stream") + 40
    altered = paper[:middle] + bytes([paper[middle] ^ 1]) + paper[middle + 1 :]
    told = said(upload(asking, altered))
    assert told["integrity"]["outcome"] == "invalid"
    assert told["record"]["code"] == "not-evaluated"
    assert told["disclosed"] is None
    cut = said(upload(asking, paper[: len(paper) // 2]))
    assert cut["integrity"]["code"] == "truncated"


def test_a_pdf_shows_the_state_of_today(sealing: Room, asking: httpx.Client) -> None:
    with sealing.holder(6900) as holder:
        paper = holder.client.get(f"/v1/me/certificates/{holder.licence}/pdf").content
        why = {"reason": "年检未通过", "legal_ground": "第40条"}
        with sealing.served.as_system(MARKET) as market:
            market.post(
                f"/v1/certificates/{holder.licence}/suspension", json=why
            ).raise_for_status()
        told = said(upload(asking, paper))
    assert told["status"]["code"] == "status-suspended"
    assert told["integrity"]["outcome"] == "valid"


# Identifiers and facts.


def test_a_wrong_check_character_is_flagged(asking: httpx.Client, registered: Person) -> None:
    last = "0" if registered.licence[-1] != "0" else "1"
    wrong = registered.licence[:-1] + last
    for told in (verify(asking, identifier=wrong), verify(asking, qr=address(wrong))):
        assert (told["identifier_sound"], told["found"]) == (False, False)
        assert told["identifier"] == wrong
        assert codes(told) == [None] * 6


def test_what_is_no_identifier_is_a_bad_request(asking: httpx.Client) -> None:
    answer = asking.post("/v1/verifications", json={"identifier": "1.2.156"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "malformed")


def compared(client: httpx.Client, licence: str, **facts: str) -> dict[str, str]:
    body = {
        "identifier": licence,
        "facts": {name.replace("__", "."): value for name, value in facts.items()},
    }
    told = said(client.post("/v1/verifications", json=body))
    assert told["disclosed"] is None
    return {name: each["outcome"] for name, each in told["facts"].items()}


def test_holder_and_fields_are_compared_by_whoever_knows_the_holder(
    room: Room, registered: Person
) -> None:
    with room.served.as_system(HEALTH) as client:
        knowing = compared(
            client,
            registered.licence,
            holder__id=registered.id,
            holder__name="第７０００号有限公司",
            business_scope="食品销售",
            name="第7000号有限公司",
            region="深圳",
        )
        ignorant = compared(
            client, registered.licence, holder__name="第7000号有限公司", address="x"
        )
    assert knowing == {
        "holder.id": "same",
        "holder.name": "same",
        "business_scope": "same",
        "name": "same",
        "region": "different",
    }
    assert ignorant == {"holder.name": "not-compared", "address": "not-compared"}


def test_the_holder_sees_that_facts_were_compared(room: Room, holder: Holder) -> None:
    with room.served.as_system(HEALTH) as client:
        compared(client, holder.licence, name="第一号")
    (seen,) = holder.client.get("/v1/me/lookups").json()["lookups"]
    assert (seen["kind"], seen["department"], seen["fields"]) == ("verification", HEALTH, ["name"])


def test_wrong_guesses_about_one_certificate_are_limited(room: Room, holder: Holder) -> None:
    with room.served.as_system(CULTURE) as client:
        for number in range(10):
            assert compared(client, holder.licence, region=f"{number}") == {"region": "different"}
        body = {"identifier": holder.licence, "facts": {"region": "广州"}}
        stopped = client.post("/v1/verifications", json=body)
        assert stopped.status_code == 429
        assert int(stopped.headers["retry-after"]) > 0
        # Asking without comparing, and others, are not stopped.
        assert verify(client, identifier=holder.licence)["found"] is True
    with room.served.as_system(TRANSPORT) as other:
        assert compared(other, holder.licence, region="广州") == {"region": "same"}
    (refused,) = room.records(kind="refusal", reason="too-many-guesses")
    assert refused["certificates"] == [holder.licence]
    listed = holder.client.get("/v1/me/lookups").json()["lookups"]
    assert len(listed) == 12


def test_right_guesses_are_not_counted(room: Room, holder: Holder) -> None:
    with room.served.as_system(SERVICE_CENTRE) as client:
        for _ in range(12):
            assert compared(client, holder.licence, region="广州") == {"region": "same"}


def test_the_issuer_may_compare_as_often_as_need_be(room: Room, holder: Holder) -> None:
    with room.served.as_system(MARKET) as market:
        for _ in range(12):
            assert compared(market, holder.licence, address="x") == {"address": "absent"}
            assert compared(market, holder.licence, region="x") == {"region": "different"}


@pytest.mark.parametrize(
    "body",
    [
        {"credential": "x~", "qr": "x"},
        {"identifier": "x", "nonce": "n", "audience": "a"},
        {"credential": "x~", "nonce": "n"},
        {"qr": "x", "facts": {"a": "b"}},
        {"credential": "x~", "nonce": "n", "audience": "a", "max_age_seconds": 0},
    ],
    ids=["two things", "proof of an identifier", "nonce alone", "facts about a QR code",
         "no age at all"],
)  # fmt: skip
def test_a_verification_of_the_wrong_form_is_refused(
    asking: httpx.Client, body: dict[str, Any]
) -> None:
    answer = asking.post("/v1/verifications", json=body)
    assert answer.status_code == 400
    assert answer.json()["faults"]


def test_nothing_that_was_shown_stands_in_the_log(
    room: Room, asking: httpx.Client, whole: str
) -> None:
    verify(asking, credential=whole)
    record = room.records(kind="verification")[-1]
    text = json.dumps(record, ensure_ascii=False)
    assert "有限公司" not in text and parse(whole).jws.decode()[:40] not in text


# Certificates issued elsewhere.


@pytest.fixture(scope="module")
def elsewhere(room: Room) -> Es256Signer:
    """An issuer of another hub, whose key the operator has registered."""
    signer = new_key()
    document = {
        "issuers": [{"id": FOREIGN, "department": CULTURE, "jwks": {"keys": [signer.public_jwk()]}}]
    }
    room.served.hub.foreign_issuers.register(json.dumps(document).encode(), by="tests")
    return signer


FOREIGN = "https://elsewhere.example/issuers/1"


def issued_elsewhere(signer: Es256Signer, identifier: str) -> str:
    claims = {
        "iss": FOREIGN,
        "iat": 1_770_000_000,
        "nbf": 1_770_000_000,
        "vct": "urn:yici:certificate:other:1",
        "identifier": identifier,
        "fields": {"name": "某公司"},
    }
    return issue(claims, [("fields", "name")], signer, typ="dc+sd-jwt")


def test_a_certificate_of_a_registered_issuer_elsewhere_is_verified(
    asking: httpx.Client, elsewhere: Es256Signer
) -> None:
    identifier = str(CertificateIdentifier(f"{CULTURE}001", CULTURE, "E1", 1))
    told = verify(asking, credential=issued_elsewhere(elsewhere, identifier))
    assert codes(told) == [
        "signature-holds", "issuer-trusted", "status-not-published", "within-validity", None,
        "not-on-record",
    ]  # fmt: skip
    assert told["identifier_sound"] is True


def test_a_wrong_check_character_issued_elsewhere_is_flagged(
    asking: httpx.Client, elsewhere: Es256Signer
) -> None:
    right = str(CertificateIdentifier(f"{CULTURE}001", CULTURE, "E2", 1))
    wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
    told = verify(asking, credential=issued_elsewhere(elsewhere, wrong))
    assert (told["identifier"], told["identifier_sound"]) == (wrong, False)
    assert told["integrity"]["outcome"] == "valid"


def test_an_issuer_nobody_registered_is_not_trusted(asking: httpx.Client) -> None:
    identifier = str(CertificateIdentifier(f"{CULTURE}001", CULTURE, "E3", 1))
    told = verify(asking, credential=issued_elsewhere(new_key(), identifier))
    assert told["integrity"]["outcome"] == "unknown"
    assert told["issuer"]["code"] in {"issuer-not-trusted", "key-unknown"}
