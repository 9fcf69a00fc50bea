"""Objects in an S3-compatible service, through the `minio` SDK."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Final, TypeVar

from certstore.objects.contract import (
    CHUNK,
    ObjectRef,
    as_stream,
    check_name,
    checked,
    is_name,
    not_found,
    unavailable,
)

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 30.0
RETRIES: Final = 2
_IN_MEMORY: Final = 8 * CHUNK
_MISSING: Final = frozenset({"NoSuchKey", "NoSuchObject", "ResourceNotFound"})

T = TypeVar("T")


class S3Store:
    """An object store in one bucket; objects are named `ab/cd/<sha256>`.

    `endpoint` is `host:port` without a scheme; `secure` asks for TLS. The bucket must exist, or
    be made once with `create_bucket`. Certificates of the service are checked against the file that
    the environment variable SSL_CERT_FILE names, or against those that come with `certifi`.
    """

    def __init__(
        self,
        endpoint: str,
        access_key: str,
        secret_key: str,
        bucket: str,
        *,
        secure: bool = True,
        region: str | None = None,
    ) -> None:
        # Imported here, so that a verifier or a folder store never loads a network module.
        import certifi
        import urllib3
        from minio import Minio, S3Error
        from minio.error import MinioException

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
        self._client: Any = Minio(
            endpoint,
            access_key=access_key,
            secret_key=secret_key,
            secure=secure,
            region=region,
            http_client=pool,
        )
        self._bucket = bucket
        self._answered: type[Exception] = S3Error
        self._failures: tuple[type[Exception], ...] = (
            MinioException,
            urllib3.exceptions.HTTPError,
            OSError,
        )

    def create_bucket(self) -> None:
        """Make the bucket unless it is there. Raises ObjectError `unavailable`."""

        def create() -> None:
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket)

        self._call(create)

    def put(self, content: bytes | BinaryIO, media_type: str) -> ObjectRef:
        with SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            digest, size = sha256(), 0
            stream = as_stream(content)
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                size += spool.write(chunk)
            ref = ObjectRef(digest.hexdigest(), size)

            def upload() -> None:
                spool.seek(0)
                self._client.put_object(
                    self._bucket, _key(ref.sha256), spool, ref.size, content_type=media_type
                )

            if self._size(ref.sha256) != ref.size:
                self._call(upload)
        return ref

    def get(self, sha256: str) -> bytes:
        key = _key(check_name(sha256))

        def download() -> bytes:
            answer = self._client.get_object(self._bucket, key)
            try:
                return bytes(answer.read())
            finally:
                answer.close()
                answer.release_conn()

        content = self._call_or_none(download)
        if content is None:
            raise not_found()
        return checked(content, sha256)

    def exists(self, sha256: str) -> bool:
        return self._size(check_name(sha256)) is not None

    def __iter__(self) -> Iterator[str]:
        listed = iter(self._client.list_objects(self._bucket, recursive=True))
        while (found := self._call(lambda: next(listed, None))) is not None:
            name = str(found.object_name).rpartition("/")[2]
            if is_name(name):
                yield name

    def _size(self, name: str) -> int | None:
        found = self._call_or_none(lambda: self._client.stat_object(self._bucket, _key(name)))
        return None if found is None else int(found.size)

    def _call_or_none(self, act: Callable[[], T]) -> T | None:
        """What `act` gives, None when the store says that the object does not exist."""
        try:
            return act()
        except self._answered as answer:
            if getattr(answer, "code", None) in _MISSING:
                return None
            raise unavailable() from None
        except self._failures:
            raise unavailable() from None

    def _call(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except self._failures:
            raise unavailable() from None


def _key(name: str) -> str:
    return f"{name[:2]}/{name[2:4]}/{name}"
