"""The part of a verdict that says whether the holder is the one who shows the certificate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from certstore.errors import JwsError, KeyBindingError
from certstore.key_binding import MAX_AGE, check_key_binding, find_holder_key
from certstore.sdjwt import parse
from certstore.verdict import Outcome, Part


def _part(outcome: Outcome, code: str, zh: str, en: str) -> tuple[str, Part]:
    return code, Part(outcome, code, zh, en)


HOLDER_PARTS: Final[Mapping[str, Part]] = MappingProxyType(
    dict(
        (
            _part(
                "valid",
                "holder-proved",
                "出示者持有证照所绑定的密钥",
                "whoever shows it has the key the certificate is bound to",
            ),
            _part(
                "invalid",
                "key-binding-missing",
                "证照已绑定密钥，但出示者未作持有证明",
                "the certificate is bound to a key, and no proof of possession was shown",
            ),
            _part(
                "invalid",
                "key-binding-without-key",
                "附有持有证明，但证照未绑定密钥",
                "a proof of possession was shown for a certificate that is bound to no key",
            ),
            _part(
                "unknown",
                "holder-not-bound",
                "证照未绑定密钥，无法核实出示者是否为持证主体",
                "the certificate is bound to no key: who shows it cannot be told",
            ),
            _part(
                "unknown",
                "key-binding-unchecked",
                "附有持有证明，但未给出核验方和随机数，故未核验",
                "a proof of possession was shown, but no audience and nonce were given to check it",
            ),
            _part(
                "unknown",
                "not-evaluated",
                "因签名未通过核验而未判断",
                "not judged, because the signature did not hold or was not checked",
            ),
        )
    )
)
"""Every code the part may have, but those of a proof that does not hold: the refusal words them."""


def judge_holder(
    presentation: str | bytes,
    claims: Mapping[str, Any],
    *,
    audience: str,
    nonce: str,
    at: datetime,
    max_age: timedelta = MAX_AGE,
) -> Part:
    """The part for a presentation whose certificate holds and shows `claims`."""
    text = presentation.encode("ascii") if isinstance(presentation, str) else presentation
    proof = parse(text).key_binding
    try:
        key = find_holder_key(claims)
        if key is None:
            return HOLDER_PARTS["holder-not-bound" if proof is None else "key-binding-without-key"]
        if proof is None:
            return HOLDER_PARTS["key-binding-missing"]
        check_key_binding(
            proof,
            text[: -len(proof)],
            key,
            audience=audience,
            nonce=nonce,
            at=at,
            max_age=max_age,
        )
    except (JwsError, KeyBindingError) as refused:
        return Part("invalid", refused.code, refused.zh, refused.en)
    return HOLDER_PARTS["holder-proved"]


def holder_unjudged(presentation: str | bytes) -> Part | None:
    """The part where nobody named audience and nonce: None without a proof of possession."""
    text = presentation.encode("ascii") if isinstance(presentation, str) else presentation
    return None if parse(text).key_binding is None else HOLDER_PARTS["key-binding-unchecked"]
