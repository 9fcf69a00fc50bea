"""Status lists: the vectors of the draft, the states, and every defect of a token."""

from __future__ import annotations

import json
import time
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certstore.base64url import b64url
from certstore.errors import StatusListError
from certstore.jws import sign_compact
from certstore.keys import Es256Signer, TrustedKeys
from certstore.status import (
    MAX_BYTES,
    OPERATIONS,
    TYP,
    State,
    StatusList,
    read_status_list,
)
from tests.certstore.conftest import NOW, STATUS_URI, status_token


def test_the_vectors_of_the_draft_hold_in_both_directions(shared_dir: Path) -> None:
    vectors = json.loads((shared_dir / "vectors" / "status-list" / "vectors.json").read_text())
    assert {vector["bits"] for vector in vectors} == {1, 2, 4, 8}
    for vector in vectors:
        nonzero = {int(index): value for index, value in vector["nonzero"].items() if value}
        read = StatusList.from_lst(vector["bits"], vector["lst"])
        assert read.size == vector["size"]
        assert {at: v for at in range(read.size) if (v := read.get(at))} == nonzero
        made = StatusList(vector["bits"], vector["size"])
        made.set_all(nonzero.items())
        assert made == read
        assert StatusList.from_lst(vector["bits"], made.to_lst()) == read


@given(st.sampled_from([1, 2, 4, 8]), st.data())
def test_setting_one_entry_changes_no_other(bits: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 50))
    statuses, expected = StatusList(bits, size), [0] * size
    for _ in range(data.draw(st.integers(0, 30))):
        at = data.draw(st.integers(0, size - 1))
        expected[at] = data.draw(st.integers(0, 2**bits - 1))
        statuses.set(at, expected[at])
    assert [statuses.get(at) for at in range(size)] == expected
    assert StatusList.from_lst(bits, statuses.to_lst(), size=size) == statuses


def test_an_index_beyond_the_list_and_a_value_beyond_the_bits_are_refused() -> None:
    statuses = StatusList(2, 4)
    for index in (-1, 4):
        with pytest.raises(StatusListError, match="out-of-range"):
            statuses.get(index)
        with pytest.raises(StatusListError, match="out-of-range"):
            statuses.set(index, 0)
    for value in (-1, 4):
        with pytest.raises(StatusListError, match="value"):
            statuses.set(0, value)


@pytest.mark.parametrize(("bits", "size"), [(3, 8), (0, 8), (1, 0), (1, -1), (8, MAX_BYTES + 1)])
def test_a_list_of_impossible_measure_is_refused(bits: int, size: int) -> None:
    with pytest.raises(StatusListError):
        StatusList(bits, size)


def test_a_million_entries_are_set_packed_and_read_within_seconds() -> None:
    began = time.process_time()
    statuses = StatusList(2, 1_000_000)
    statuses.set_all((at, 1) for at in range(0, 1_000_000, 10))
    packed = statuses.to_lst()
    assert StatusList.from_lst(2, packed).get(999_990) == 1
    assert time.process_time() - began < 5


def test_a_bomb_is_not_unpacked() -> None:
    bomb = b64url(zlib.compress(b"\0" * (MAX_BYTES * 4), 9)).decode()
    assert len(bomb) < 100_000
    with pytest.raises(StatusListError, match="too-large"):
        StatusList.from_lst(1, bomb)


@pytest.mark.parametrize(
    "lst",
    [
        "",
        "AAAA",
        "é",
        b64url(zlib.compress(b"\0" * 100)[:-4]).decode(),
        b64url(zlib.compress(b"\0") + b"more").decode(),
    ],
)
def test_what_is_no_packed_list_is_malformed(lst: str) -> None:
    with pytest.raises(StatusListError, match="malformed"):
        StatusList.from_lst(1, lst)


def test_states_are_published_as_the_list_can_say_them() -> None:
    assert {state.code: state.status_value for state in State} == {
        "01": 0,
        "02": 2,
        "03": 1,
        "04": 1,
        "05": 1,
        "06": 1,
        "07": 1,
        "99": 1,
    }
    assert State.from_code("07") is State.REVOKED
    with pytest.raises(StatusListError, match="unknown-state"):
        State.from_code("08")
    for zh, en in [(state.zh, state.en) for state in State] + list(OPERATIONS.values()):
        assert zh
        assert en


@pytest.fixture
def keys(hub_signer: Es256Signer) -> TrustedKeys:
    return TrustedKeys.from_jwks({"keys": [hub_signer.public_jwk()]})


def test_a_signed_list_says_for_which_address_and_how_long_it_counts(
    hub_signer: Es256Signer, keys: TrustedKeys
) -> None:
    read = read_status_list(status_token(hub_signer, {7: 2}), keys, STATUS_URI, NOW)
    assert read.statuses.get(7) == 2
    assert read.statuses.get(8) == 0
    assert read.issued_at == NOW - timedelta(minutes=10)
    assert read.refresh_at == NOW + timedelta(minutes=50)
    assert read.expires_at == NOW + timedelta(hours=12)


@pytest.mark.parametrize(
    ("uri", "at", "code"),
    [
        ("https://hub.example/status/2", NOW, "status-list-other-uri"),
        (STATUS_URI, NOW + timedelta(hours=12), "status-list-stale"),
        (STATUS_URI, NOW - timedelta(hours=1), "status-list-not-yet"),
    ],
)
def test_a_list_of_another_address_or_time_does_not_count(
    hub_signer: Es256Signer, keys: TrustedKeys, uri: str, at: datetime, code: str
) -> None:
    with pytest.raises(StatusListError) as caught:
        read_status_list(status_token(hub_signer, {}), keys, uri, at)
    assert caught.value.code == code


def test_a_forged_or_mislabelled_list_is_not_trusted(
    hub_signer: Es256Signer, other_signer: Es256Signer, keys: TrustedKeys
) -> None:
    sound = status_token(hub_signer, {})
    forged = status_token(other_signer, {})
    spliced = sound.rpartition(".")[0] + "." + forged.rpartition(".")[2]
    mislabelled = sign_compact(b"{}", hub_signer, typ="dc+sd-jwt").decode()
    for token, reason in (
        (forged, "key-unknown"),
        (spliced, "signature-invalid"),
        (mislabelled, "wrong-typ"),
        ("nonsense", "malformed"),
        ("证照", "malformed"),
    ):
        with pytest.raises(StatusListError) as caught:
            read_status_list(token, keys, STATUS_URI, NOW)
        assert (caught.value.code, caught.value.field) == ("untrusted", reason)


SOUND: dict[str, Any] = {
    "sub": STATUS_URI,
    "iat": int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()),
    "status_list": {"bits": 1, "lst": StatusList(1, 8).to_lst()},
}


def test_a_list_without_an_end_counts_until_a_newer_one_comes(
    hub_signer: Es256Signer, keys: TrustedKeys
) -> None:
    token = sign_compact(orjson.dumps(SOUND), hub_signer, typ=TYP)
    assert read_status_list(token, keys, STATUS_URI, NOW).expires_at is None


@pytest.mark.parametrize(
    "change",
    [
        {"sub": None},
        {"sub": 5},
        {"iat": None},
        {"iat": "now"},
        {"iat": 2**62},
        {"iat": True},
        {"exp": "tomorrow"},
        {"ttl": 1.5},
        {"status_list": None},
        {"status_list": []},
        {"status_list": {"bits": 1}},
        {"status_list": {"bits": "1", "lst": "eNpjAAAAAQAB"}},
        {"status_list": {"bits": 3, "lst": "eNpjAAAAAQAB"}},
        {"status_list": {"bits": 1, "lst": 5}},
    ],
)
def test_a_signed_list_of_the_wrong_form_is_malformed(
    hub_signer: Es256Signer, keys: TrustedKeys, change: dict[str, Any]
) -> None:
    token = sign_compact(orjson.dumps({**SOUND, **change}), hub_signer, typ=TYP)
    with pytest.raises(StatusListError, match="malformed"):
        read_status_list(token, keys, STATUS_URI, NOW)
