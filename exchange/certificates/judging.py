"""Judging a credential as the hub can: its own trust document, and status lists as of now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from certstore.base64url import b64url_decode
from certstore.errors import CertstoreError
from certstore.holder_match import holder_unjudged
from certstore.sdjwt import parse
from certstore.strict_json import parse_json
from certstore.trust import TrustAnchors
from certstore.verdict import Verdict
from certstore.verify import Verifier
from exchange.access import Access
from exchange.certificates.places import Places
from exchange.certificates.published import PublishedLists
from exchange.certificates.trusting import Keys, trust_document


@dataclass(frozen=True, slots=True)
class Expected:
    """What a proof of possession must be made for: who is shown the certificate, and its nonce."""

    audience: str
    nonce: str
    max_age: timedelta


class Judge:
    """Judges one credential at a time. ``elsewhere`` gives the issuers of other hubs whose keys
    are registered here; their status lists are not at hand."""

    def __init__(self, access: Access, keys: Keys, places: Places, lists: PublishedLists) -> None:
        self._access = access
        self._keys = keys
        self._places = places
        self._lists = lists
        self.elsewhere: Callable[[], TrustAnchors] | None = None
        self._kept: tuple[int, TrustAnchors] | None = None

    def judge(self, credential: str, now: datetime, expected: Expected | None = None) -> Verdict:
        """The verdict; with ``expected``, it also says whether the holder shows it."""
        payload = _claimed(credential)
        uri = _status_uri(payload)
        published = self._lists.find_by_uri(uri, now) if uri else None
        tokens = {uri: published.token} if uri and published else {}
        verifier = Verifier(self._trust(payload.get("iss"), now), tokens)
        if expected is not None:
            return verifier.verify_presentation(
                credential,
                audience=expected.audience,
                nonce=expected.nonce,
                at=now,
                max_age=expected.max_age,
            )
        verdict = verifier.verify(credential, at=now)
        if verdict.integrity.outcome != "valid":
            return verdict
        return verdict._replace(holder_match=holder_unjudged(credential))

    def _trust(self, issuer: Any, now: datetime) -> TrustAnchors:
        own = self._own(now)
        if self.elsewhere is None or not isinstance(issuer, str) or own.find_issuer(issuer):
            return own
        return self.elsewhere()

    def _own(self, now: datetime) -> TrustAnchors:
        """This hub's issuers, read anew whenever anything that governs, keys too, has changed."""
        snapshot, kept = self._access.snapshot(), self._kept
        if kept is None or kept[0] != snapshot.revision:
            document = trust_document(self._keys, self._places, snapshot, now)
            kept = self._kept = (snapshot.revision, TrustAnchors.from_json(document))
        return replace(kept[1], as_of=now.replace(microsecond=0))


def _claimed(credential: str) -> Mapping[str, Any]:
    """What a credential says of itself; nothing is trusted yet."""
    try:
        encoded = parse(credential).jws.split(b".")[1]
        payload = parse_json(b64url_decode(encoded, field="payload"), field="payload")
    except CertstoreError:
        return {}
    return payload if isinstance(payload, dict) else {}


def _status_uri(payload: Mapping[str, Any]) -> str | None:
    """The address of the status list that a credential names."""
    try:
        uri = payload["status"]["status_list"]["uri"]
    except (LookupError, TypeError):
        return None
    return uri if isinstance(uri, str) else None
