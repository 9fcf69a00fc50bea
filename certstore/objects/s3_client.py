"""The `minio` client as an object store needs it, and what its failures mean."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

from certstore.errors import ObjectError, StoreFault
from certstore.objects.contract import not_found, unavailable

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 30.0
RETRIES: Final = 2
MISSING: Final = frozenset({"NoSuchKey", "NoSuchObject", "NoSuchVersion", "ResourceNotFound"})
_DENIED: Final = frozenset(
    {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"}
)
_CORRUPTED: Final = frozenset({"BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest"})
_LOCK_MISSING: Final = frozenset(
    {"ObjectLockConfigurationNotFoundError", "InvalidBucketState", "InvalidBucketObjectLock"}
)
_FULL: Final = frozenset({"XMinioStorageFull", "QuotaExceeded", "EntityTooLarge"})


def make_client(
    endpoint: str, access_key: str, secret_key: str, *, secure: bool, region: str | None
) -> Any:
    """A client that gives up in time.

    Certificates of the service are checked against the file that the environment variable
    SSL_CERT_FILE names, or against those that come with `certifi`.
    """
    # Imported here, so that a verifier or a folder store never loads a network module.
    import certifi
    import urllib3
    from minio import Minio

    # The SDK's own default waits five minutes and tries six times.
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        retries=urllib3.Retry(
            total=RETRIES, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]
        ),
        maxsize=16,
        cert_reqs="CERT_REQUIRED",
        ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where(),
    )
    return Minio(
        endpoint,
        access_key=access_key,
        secret_key=secret_key,
        secure=secure,
        region=region,
        http_client=pool,
    )


@contextmanager
def s3_failures() -> Iterator[None]:
    """What the service refuses or the network loses, as errors of a store.

    Raises StoreFault with the cause and its remedy, ObjectError `not-found`. A text names no host
    and no key.
    """
    import urllib3
    from minio import S3Error
    from minio.error import MinioException

    try:
        yield
    except S3Error as answer:
        raise _meaning(str(answer.code)) from None
    except (MinioException, urllib3.exceptions.HTTPError, OSError):
        raise unavailable() from None


def code_of(failure: BaseException) -> str | None:
    """The service's own code, where `failure` is an answer of the service."""
    from minio import S3Error

    return cast("str | None", failure.code) if isinstance(failure, S3Error) else None


def _meaning(code: str) -> ObjectError:
    if code in MISSING:
        return not_found()
    if code == "NoSuchBucket":
        return StoreFault(
            "no-bucket",
            "对象存储桶不存在，请运行 yici setup 建立",
            "the bucket does not exist: `yici setup` makes it",
        )
    if code == "RequestTimeTooSkewed":
        return StoreFault(
            "clock-skew",
            "本机与对象存储的时钟相差过大，请校准时间",
            "this machine's clock and the store's differ too much: set them",
        )
    if code in _DENIED:
        return StoreFault(
            "denied",
            "对象存储拒绝访问，请核对 YICI_S3_ACCESS_KEY、YICI_S3_SECRET_KEY、其权限及本机时钟",
            "the store denies access: check YICI_S3_ACCESS_KEY, YICI_S3_SECRET_KEY, what they may "
            "do, and this machine's clock",
        )
    if code in _LOCK_MISSING:
        return no_lock()
    if code in _CORRUPTED:
        return bad_transfer()
    if code in _FULL:
        return StoreFault("full", "对象存储空间不足", "the object store is full: make room")
    return unavailable()


def no_lock() -> StoreFault:
    return StoreFault(
        "no-lock",
        "对象存储桶未启用对象锁定，请运行 yici setup，或改用启用锁定的桶",
        "the bucket has no object lock: run `yici setup`, or use a bucket made with object lock",
    )


def no_versions() -> StoreFault:
    return StoreFault(
        "no-versions",
        "对象存储桶未启用版本控制，请运行 yici setup",
        "the bucket keeps no versions: run `yici setup`",
    )


def bad_transfer() -> StoreFault:
    return StoreFault(
        "bad-transfer",
        "对象在传输途中受损，未予保存，请重试",
        "the object was damaged on its way and not kept: try again",
    )
