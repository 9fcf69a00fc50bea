"""A key is declared compromised, an issuer is cut off: offline, under a pinned root, and online."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import SecretStr
from structlog.testing import capture_logs

from certstore.base64url import b64url
from certstore.certificate_path import check_path, find_revocation
from certstore.certification import make_root
from certstore.errors import CertificationFault, KeyFault, TrustError
from certstore.keys import Es256Signer, load_signer
from certstore.sdjwt import parse
from certstore.verify import TrustAnchors, Verifier
from exchange.errors import BadRequest, Conflict
from exchange.hub import build_hub, prepare_keys
from exchange.keyring.certifying import Certifying, certifying, next_number, revocations
from exchange.keyring.offline import OfflineRoot, write_revocations
from exchange.keyring.renewing import left, renew_revocation_list
from tests.conftest import Database
from tests.hub import MARKET, PASSPHRASE, Served, SetClock, install, make_settings
from tests.keyring.test_rotation import NOON, credentials, kid_of
from tests.softhsm import Token


def issuer_part(
    served: Served, credential: str, roots: list[x509.Certificate] | None = None
) -> tuple[str, str]:
    """The verdict on the issuer, offline, with a trust document fetched just now."""
    trust = TrustAnchors.from_json(served.client.get("/v1/trust").json(), roots=roots)
    part = Verifier(trust).verify(credential, at=served.clock.now()).issuer
    return part.outcome, part.code


def online(served: Served, credential: str) -> tuple[str, str]:
    answer = served.client.post("/v1/verifications", json={"credential": credential})
    assert answer.status_code == 200, answer.text
    part = answer.json()["issuer"]
    return part["outcome"], part["code"]


def test_after_a_theft_the_hub_knows_what_it_kept_and_offline_it_stays_open(
    served: Served, at_work: Certifying
) -> None:
    root, _ = at_work.prepare("根")
    served.issue_licence(1)
    (early,) = credentials(served.hub).values()
    stolen = load_signer(
        served.hub.settings.keys_dir / "issuers" / f"{MARKET}.pem", PASSPHRASE.encode()
    )
    served.clock.advance(days=1)
    theft = served.clock.now()
    served.clock.advance(days=1)
    served.issue_licence(2)
    late = next(each for each in credentials(served.hub).values() if each != early)
    at_work.compromised(stolen.kid[:10], since=theft, reason="the folder was copied")
    for roots in (None, [root.certificate]):
        assert issuer_part(served, early, roots) == ("unknown", "key-compromised-later")
        assert issuer_part(served, late, roots) == ("invalid", "key-compromised")
    assert online(served, early) == ("valid", "issuer-on-record")
    assert online(served, late) == ("invalid", "key-compromised")
    # The thief dates back: the signature holds, and the hub has never seen it.
    forged = resigned(early, stolen)
    assert issuer_part(served, forged) == ("unknown", "key-compromised-later")
    assert online(served, forged) == ("unknown", "key-compromised-later")
    # Nothing is issued with it any more; a new key goes on.
    with pytest.raises(KeyFault, match="no-active-key"):
        served.issue_licence(3)
    kid = at_work.rotate(MARKET).kid
    served.issue_licence(3)
    (fresh,) = [each for each in credentials(served.hub).values() if kid_of(each) == kid]
    assert issuer_part(served, fresh, [root.certificate]) == ("valid", "issuer-trusted")
    # Said again, only an earlier moment counts.
    with pytest.raises(Conflict):
        at_work.compromised(stolen.kid, since=theft, reason="again")
    at_work.compromised(stolen.kid, since=theft - timedelta(days=2), reason="it was earlier")
    assert online(served, early) == ("invalid", "key-compromised")


def resigned(credential: str, signer: Any) -> str:
    """The same claims, signed once more: ECDSA gives other bytes each time."""
    parts = parse(credential)
    signed, _, _ = parts.jws.rpartition(b".")
    again = signed + b"." + b64url(signer.sign(signed))
    assert again != parts.jws
    return credential.replace(parts.jws.decode(), again.decode())


def test_an_issuer_that_is_cut_off_is_believed_nowhere(served: Served, at_work: Certifying) -> None:
    root, certified = at_work.prepare("根")
    assert len(certified) == 3
    served.issue_licence(1)
    (credential,) = credentials(served.hub).values()
    pinned = [root.certificate]
    assert issuer_part(served, credential, pinned) == ("valid", "issuer-trusted")
    (leaf, top) = served.hub.keys.chain_of(MARKET)
    at_work.rotate(MARKET)
    keys = at_work.cut_off(MARKET, reason="dissolved")
    assert len(keys) == 2
    for roots in (None, pinned):
        assert issuer_part(served, credential, roots) == ("invalid", "issuer-cut-off")
    assert online(served, credential) == ("invalid", "issuer-cut-off")
    # The root's own list says so to whoever knows nothing of this hub.
    answer = served.client.get("/v1/crl")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pkix-crl")
    crl = x509.load_der_x509_crl(answer.content)
    found = find_revocation(crl, leaf)
    assert found is not None
    assert not found.compromised
    with pytest.raises(CertificationFault, match="certificate-revoked"):
        check_path([leaf, top], pinned, at=served.clock.now(), crl=crl)
    fetched = x509.load_der_x509_certificate(served.client.get("/v1/root").content)
    assert fetched == root.certificate
    # Readmitted, it has a new key; what the old ones signed stays without worth.
    at_work.rotate(MARKET)
    served.issue_licence(2)
    newest = next(each for each in credentials(served.hub).values() if each != credential)
    assert issuer_part(served, newest, pinned) == ("valid", "issuer-trusted")
    assert issuer_part(served, credential, pinned) == ("invalid", "issuer-cut-off")


def test_a_root_of_ones_own_making_convinces_nobody_who_pinned_the_true_one(
    served: Served, at_work: Certifying
) -> None:
    root, _ = at_work.prepare("根")
    served.issue_licence(1)
    (credential,) = credentials(served.hub).values()
    impostor = make_root(
        Es256Signer.generate(), name="根", valid_from=root.certificate.not_valid_before_utc,
        valid_until=root.certificate.not_valid_after_utc,
    )  # fmt: skip
    assert issuer_part(served, credential, [root.certificate]) == ("valid", "issuer-trusted")
    with pytest.raises(TrustError, match="crl"):
        issuer_part(served, credential, [impostor])
    assert issuer_part(served, credential, [impostor, root.certificate])[0] == "valid"


def test_before_there_is_a_root_none_is_published(served: Served, at_work: Certifying) -> None:
    for path in ("/v1/root", "/v1/crl"):
        assert served.client.get(path).status_code == 404
    assert "root" not in served.client.get("/v1/trust").json()
    with pytest.raises(KeyFault, match="not-certified"):
        served.hub.keys.chain_of(MARKET)
    with pytest.raises(Conflict):
        at_work.publish_crl()


def test_a_root_on_another_machine_certifies_by_files(
    served: Served, at_work: Certifying, tmp_path: Path
) -> None:
    now = served.clock.now()
    away = OfflineRoot(tmp_path / "away", b"a passphrase of its own")
    root = away.make("离线根", now)
    with pytest.raises(KeyFault, match="key-exists"):
        away.make("离线根", now)
    first = away.list_revoked(write_revocations(1, ()), now)
    at_work.register_root(root, first)
    with pytest.raises(Conflict):
        at_work.register_root(root, first)
    kid = served.hub.keys.signer_of(MARKET).kid
    with pytest.raises(Conflict):
        at_work.certify(kid)
    request = at_work.request(kid).public_bytes(Encoding.PEM)
    certificate = away.certify(request, crl_url="http://hub.test/v1/crl", now=now)
    assert at_work.install(certificate).kid == kid
    served.issue_licence(1)
    (credential,) = credentials(served.hub).values()
    assert issuer_part(served, credential, [root]) == ("valid", "issuer-trusted")
    # Cut off: the hub says so at once, the root's list when it has been to the other machine.
    served.clock.advance(hours=1)
    at_work.cut_off(MARKET, reason="dissolved")
    assert issuer_part(served, credential) == ("invalid", "issuer-cut-off")
    register = served.hub.keys.current()
    wanted = write_revocations(next_number(register), revocations(register))
    with pytest.raises(BadRequest):
        at_work.install_crl(away.list_revoked(write_revocations(2, ()), served.clock.now()))
    at_work.install_crl(away.list_revoked(wanted, served.clock.now()))
    with pytest.raises(BadRequest):
        at_work.install_crl(away.list_revoked(wanted, served.clock.now()))
    crl = served.hub.keys.crl()
    assert crl is not None
    assert find_revocation(crl, certificate) is not None
    other = OfflineRoot(tmp_path / "other", b"another passphrase")
    other.make("离线根", now)
    for file in (b"-", request[:200]):
        with pytest.raises(CertificationFault, match="bad-request"):
            away.certify(file, crl_url="x", now=now)
    with pytest.raises(CertificationFault):
        at_work.install(other.certify(request, crl_url="http://hub.test/v1/crl", now=now))


def test_a_hub_signs_with_keys_in_a_hardware_module(
    database: Database, tmp_path: Path, token: Token
) -> None:
    settings = make_settings(
        database, tmp_path, pkcs11_module=token.module, pkcs11_token=token.label,
        pkcs11_pin=SecretStr(token.pin),
    )  # fmt: skip
    hub, _ = install(settings, SetClock(NOON))
    prepare_keys(hub, by="tests")
    at_work = certifying(hub.work, hub.clock, hub.keys, "http://hub.test", by="tests")
    root = hub.keys.current().root
    assert root is not None
    assert root.place.kind == "pkcs11"
    key = at_work.rotate(MARKET, kind="pkcs11")
    assert key.place.kind == "pkcs11"
    leaf, top = hub.keys.chain_of(MARKET)
    assert check_path([leaf, top], [top], at=NOON, crl=hub.keys.crl()) == top
    served = Served(hub, hub.clock, "", {}, None)  # type: ignore[arg-type]
    served.issue_licence(1)
    (credential,) = credentials(hub).values()
    assert kid_of(credential) == key.kid
    trust = TrustAnchors.from_json(hub.certificates.trust(), roots=[top])
    verdict = Verifier(trust).verify(credential, at=NOON)
    assert verdict.issuer.code == "issuer-trusted"
    blind = build_hub(make_settings(database, tmp_path), hub.clock)
    with pytest.raises(KeyFault, match="no-token"):
        blind.keys.signer_of(MARKET)
    for each in (hub, blind):
        each.engine.dispose()


def test_the_workers_renew_the_revocation_list_before_it_ends(
    served: Served, at_work: Certifying
) -> None:
    assert renew_revocation_list(at_work) == "no-root"
    at_work.make_root("一次 根")
    first = served.hub.keys.crl()
    assert first is not None
    served.clock.advance(days=59)
    assert renew_revocation_list(at_work) == "fresh"
    served.clock.advance(days=2)
    assert renew_revocation_list(at_work) == "renewed"
    assert renew_revocation_list(at_work) == "fresh"
    second = served.hub.keys.crl()
    assert second is not None and second.next_update_utc is not None
    assert left(second, served.clock.now()) == timedelta(days=90)
    told = served.client.get("/metrics").text
    (seconds,) = re.findall(r"^yici_revocation_list_seconds_left (\S+)$", told, flags=re.M)
    assert float(seconds) == 90 * 86400


def test_where_the_roots_key_is_not_at_hand_the_log_says_how_long_its_list_lasts(
    served: Served, at_work: Certifying
) -> None:
    at_work.make_root("一次 根")
    served.clock.advance(days=80)
    (served.hub.settings.keys_dir / "root.pem").unlink()
    with capture_logs() as told:
        assert renew_revocation_list(at_work) == "root-unreachable"
    assert (told[-1]["log_level"], told[-1]["days"]) == ("error", 10)
