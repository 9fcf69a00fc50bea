"""The object store that the settings name, its links, and whether it is fit to serve with."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final

import structlog

from certstore.errors import StoreFault
from certstore.objects import FolderStore, ObjectStore, S3Store, SignedLinks
from exchange.errors import SettingsFault
from exchange.settings import Settings

_PURPOSE: Final = b"yici object links 1"
_TEMPORARY: Final = frozenset({"unreachable", "full", "bad-transfer"})
log = structlog.get_logger()


def object_store(settings: Settings) -> ObjectStore:
    """The object store that the settings name. A folder is made, a service not yet asked."""
    links = signed_links(settings)
    if settings.s3_endpoint is None:
        assert settings.objects_dir is not None  # noqa: S101  # the settings were checked
        return FolderStore(settings.objects_dir, links=links)
    assert settings.s3_bucket and settings.s3_access_key and settings.s3_secret_key  # noqa: S101
    return S3Store(
        settings.s3_endpoint,
        settings.s3_access_key.get_secret_value(),
        settings.s3_secret_key.get_secret_value(),
        settings.s3_bucket,
        secure=settings.s3_secure,
        region=settings.s3_region,
        public_endpoint=settings.s3_public_endpoint,
        links=links,
    )


def signed_links(settings: Settings) -> SignedLinks:
    """Links that the hub itself serves, under a key of their own derived from the holder key."""
    key = hmac.new(settings.holder_key_bytes, _PURPOSE, sha256).digest()
    return SignedLinks(f"{settings.public_url.rstrip('/')}/v1/objects", key)


def check_store(store: ObjectStore) -> None:
    """Refuse a store that answers and is unfit. One that does not answer is told of only: lookups
    need none, and what needs it says so each time.

    Raises:
        SettingsFault: with what is wrong and its remedy.
    """
    try:
        store.check()
    except StoreFault as fault:
        if fault.cause not in _TEMPORARY:
            raise SettingsFault((f"YICI_S3_BUCKET: {fault.zh} / {fault.en}",)) from None
        log.warning("object store unavailable", cause=fault.cause)
