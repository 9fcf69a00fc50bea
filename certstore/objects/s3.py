"""Objects in an S3-compatible service, through the `minio` SDK.

What the service checks: every object of up to 64 MiB goes in one request with its SHA-256 as
`x-amz-checksum-sha256`; the service hashes what arrived, refuses another hash, and remembers it.
A larger object goes in parts, for which S3 knows no hash of the whole, so it is read back and
hashed here before it counts as kept; so is any object of a service that ignores checksums.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Final

from certstore.errors import ObjectError
from certstore.objects.contract import (
    CHUNK,
    Listed,
    ObjectRef,
    ObjectState,
    as_stream,
    bad_retention,
    check_lifetime,
    check_media_type,
    check_name,
    check_prefix,
    check_retention,
    checked,
    checked_stream,
    has_hash,
    held,
    is_name,
    no_links,
    not_found,
    retained,
    too_young,
)
from certstore.objects.links import SignedLinks
from certstore.objects.s3_client import (
    bad_transfer,
    code_of,
    make_client,
    no_lock,
    no_versions,
    s3_failures,
)

IN_ONE_PIECE: Final = 64 * CHUNK
PART: Final = 16 * CHUNK
PUT_ANEW_AFTER: Final = timedelta(hours=1)
"""An object older than this is put as a new version when it is put again: whoever discards by
age removes old versions only, and can so never take what was just put."""
_IN_MEMORY: Final = 8 * CHUNK
_CHECKSUM: Final = "x-amz-checksum-sha256"


class S3Store:
    """An object store in one bucket; objects are named `ab/cd/<sha256>`.

    `endpoint` is `host:port` without a scheme; `secure` asks for TLS. `prepare` makes the bucket
    with versions and object lock. Links are presigned for `public_endpoint` (`https://host:port`
    or `http://…`) where one is given, else made by `links`.
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
        public_endpoint: str | None = None,
        links: SignedLinks | None = None,
    ) -> None:
        self._client = make_client(endpoint, access_key, secret_key, secure=secure, region=region)
        self._bucket = bucket
        self._links = links
        self._public: Any = None
        if public_endpoint is not None:
            scheme, _, host = public_endpoint.rpartition("://")
            self._public = make_client(
                host.rstrip("/"),
                access_key,
                secret_key,
                secure=scheme != "http",
                region=region or "us-east-1",  # signing must not ask the network
            )

    def prepare(self) -> None:
        from minio.commonconfig import ENABLED
        from minio.objectlockconfig import ObjectLockConfig
        from minio.versioningconfig import VersioningConfig

        with s3_failures():
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket, object_lock=True)
            if not self._has_versions():
                self._client.set_bucket_versioning(self._bucket, VersioningConfig(ENABLED))
            if not self._has_lock():
                self._client.set_object_lock_config(
                    self._bucket, ObjectLockConfig(None, None, None)
                )

    def check(self) -> None:
        with s3_failures():
            if not self._has_versions():
                raise no_versions()
            if not self._has_lock():
                raise no_lock()

    def put(
        self,
        content: bytes | BinaryIO,
        media_type: str,
        *,
        retain_until: datetime | None = None,
        afresh: bool = False,
    ) -> ObjectRef:
        until = None if retain_until is None else check_retention(retain_until)
        with SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            digest, size = sha256(), 0
            stream = as_stream(content)
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                size += spool.write(chunk)
            ref = ObjectRef(digest.hexdigest(), size)
            found = None if afresh else self._ask(ref.sha256)
            present = None if found is None else _state(ref.sha256, found)
            if present is None or not self._has_whole(present, ref, _answered_at(found)):
                self._upload(spool, ref, media_type, until)
            elif until is not None and _ends_before(present, until):
                self._lock(ref.sha256, until)
        return ref

    def get(self, sha256: str) -> bytes:
        return checked(b"".join(self._chunks(check_name(sha256))), sha256)

    def stream(self, sha256: str) -> Iterator[bytes]:
        yield from checked_stream(self._chunks(check_name(sha256)), sha256)

    def exists(self, sha256: str) -> bool:
        return self._find(check_name(sha256)) is not None

    def stat(self, sha256: str) -> ObjectState:
        found = self._find(check_name(sha256))
        if found is None:
            raise not_found()
        return found

    def listed(self, prefix: str = "", *, after: str = "") -> Iterator[Listed]:
        asked = {"prefix": _key_prefix(check_prefix(prefix)), "recursive": True}
        if after:
            # The service compares whole keys; a name that is cut short sorts before its objects.
            asked["start_after"] = _key_prefix(after)
        listed = iter(self._client.list_objects(self._bucket, **asked))
        while True:
            with s3_failures():
                found = next(listed, None)
            if found is None:
                return
            name = str(found.object_name).rpartition("/")[2]
            if is_name(name) and name > after:
                yield Listed(name, int(found.size), found.last_modified)

    def __iter__(self) -> Iterator[str]:
        return (each.sha256 for each in self.listed())

    def retain(self, sha256: str, until: datetime) -> None:
        end = check_retention(until)
        present = self.stat(sha256).retain_until
        if present is not None and present > end:
            raise retained()
        self._lock(sha256, end)

    def hold(self, sha256: str, held: bool) -> None:
        self.stat(sha256)
        act = "enable_object_legal_hold" if held else "disable_object_legal_hold"
        with s3_failures():
            getattr(self._client, act)(self._bucket, _key(sha256))

    def discard(self, sha256: str, *, now: datetime, older_than: timedelta) -> None:
        state = self.stat(sha256)
        if state.held:
            raise held()
        if state.retain_until is not None and state.retain_until > now:
            raise retained()
        # The versions seen here are removed, each by its own id: one that is put meanwhile stays.
        versions = self._versions(sha256)
        if any(version.last_modified > now - older_than for version in versions):
            raise too_young()
        for version in versions:
            try:
                with s3_failures():
                    self._client.remove_object(
                        self._bucket, _key(sha256), version_id=version.version_id
                    )
            except ObjectError as refusal:
                if getattr(refusal, "cause", None) == "denied":
                    raise retained() from None  # an older version is locked still
                raise

    def restore(self, sha256: str) -> bool:
        newest = True
        for version in self._versions(check_name(sha256)):
            if version.is_delete_marker:
                if newest:
                    with s3_failures():
                        self._client.remove_object(
                            self._bucket, _key(sha256), version_id=version.version_id
                        )
                continue
            if has_hash(self._chunks(sha256, version.version_id), sha256):
                if not newest:
                    self._bring_back(sha256, version.version_id)
                return True
            newest = False
        return False

    def sweep(self, *, now: datetime, older_than: timedelta) -> int:
        """Nothing: a service removes uploads that were broken off by a rule of its bucket."""
        return 0

    def link(
        self, sha256: str, *, now: datetime, lifetime: timedelta, media_type: str | None = None
    ) -> str:
        if self._public is None:
            if self._links is None:
                raise no_links()
            return self._links.link(sha256, now=now, lifetime=lifetime, media_type=media_type)
        headers = {"response-content-disposition": "attachment"}
        if check_media_type(media_type) is not None:
            headers["response-content-type"] = str(media_type)
        return str(
            self._public.presigned_get_object(
                self._bucket,
                _key(check_name(sha256)),
                expires=check_lifetime(lifetime),
                response_headers=headers,
                request_date=now.astimezone(UTC),
            )
        )

    def _has_versions(self) -> bool:
        return bool(self._client.get_bucket_versioning(self._bucket).status == "Enabled")

    def _has_lock(self) -> bool:
        try:
            self._client.get_object_lock_config(self._bucket)
        except Exception as failure:
            if code_of(failure) == "ObjectLockConfigurationNotFoundError":
                return False
            raise
        return True

    def _find(self, name: str) -> ObjectState | None:
        found = self._ask(name)
        return None if found is None else _state(name, found)

    def _ask(self, name: str) -> Any:
        """What the service says of the newest version, with the hash it remembers; or None."""
        try:
            with s3_failures():
                return self._client.stat_object(
                    self._bucket, _key(name), extra_headers={"x-amz-checksum-mode": "ENABLED"}
                )
        except ObjectError as error:
            if error.code == "not-found":
                return None
            raise

    def _has_whole(self, state: ObjectState, ref: ObjectRef, answered_at: datetime) -> bool:
        """Whether these very bytes are here, and safe from being discarded as litter."""
        if state.size != ref.size:
            return False
        if not state.proven and not has_hash(self._chunks(ref.sha256), ref.sha256):
            return False
        locked = state.held or state.retain_until is not None
        return locked or answered_at - state.changed_at <= PUT_ANEW_AFTER

    def _upload(self, spool: Any, ref: ObjectRef, media_type: str, until: datetime | None) -> None:
        from minio.commonconfig import COMPLIANCE
        from minio.retention import Retention

        checksum = b64encode(bytes.fromhex(ref.sha256)).decode()
        whole = ref.size <= IN_ONE_PIECE
        spool.seek(0)
        with s3_failures():
            try:
                answer = self._client.put_object(
                    self._bucket,
                    _key(ref.sha256),
                    spool,
                    ref.size,
                    content_type=media_type,
                    metadata={_CHECKSUM: checksum} if whole else None,
                    part_size=IN_ONE_PIECE if whole else PART,
                    num_parallel_uploads=1,
                    retention=None if until is None else Retention(COMPLIANCE, until),
                )
            except Exception as failure:
                if until is not None and code_of(failure) == "InvalidRequest":
                    raise (bad_retention() if self._has_lock() else no_lock()) from None
                raise
        agreed = (answer.http_headers or {}).get(_CHECKSUM) == checksum
        if not agreed and not has_hash(self._chunks(ref.sha256, answer.version_id), ref.sha256):
            raise bad_transfer()

    def _lock(self, name: str, until: datetime) -> None:
        from minio.commonconfig import COMPLIANCE
        from minio.retention import Retention

        with s3_failures():
            try:
                self._client.set_object_retention(
                    self._bucket, _key(name), Retention(COMPLIANCE, until)
                )
            except Exception as failure:
                if code_of(failure) == "InvalidRequest":
                    raise (bad_retention() if self._has_lock() else no_lock()) from None
                raise

    def _versions(self, name: str) -> list[Any]:
        """Versions and delete markers of one object, newest first. Not every service lists
        them so."""
        with s3_failures():
            listed = self._client.list_objects(
                self._bucket, prefix=_key(name), recursive=True, include_version=True
            )
            found = sorted(listed, key=lambda version: version.last_modified, reverse=True)
        return sorted(found, key=lambda version: version.is_latest != "true")

    def _bring_back(self, name: str, version: str) -> None:
        """Make an older version the newest again, with what is left of its retention."""
        with s3_failures():
            older = self._client.stat_object(self._bucket, _key(name), version_id=version)
        state = _state(name, older)
        until = None if _ends_before(state, _answered_at(older)) else state.retain_until
        with SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
            for chunk in self._chunks(name, version):
                spool.write(chunk)
            self._upload(
                spool,
                ObjectRef(name, state.size),
                older.content_type or "application/octet-stream",
                until,
            )
        if state.held:
            self.hold(name, True)

    def _chunks(self, name: str, version: str | None = None) -> Iterator[bytes]:
        with s3_failures():
            answer = self._client.get_object(self._bucket, _key(name), version_id=version)
            try:
                yield from answer.stream(CHUNK)
            finally:
                answer.close()
                answer.release_conn()


def _key(name: str) -> str:
    return f"{name[:2]}/{name[2:4]}/{name}"


def _key_prefix(prefix: str) -> str:
    """What the keys of names with this beginning begin with."""
    if len(prefix) < 2:
        return prefix
    if len(prefix) < 4:
        return f"{prefix[:2]}/{prefix[2:]}"
    return _key(prefix)


def _answered_at(found: Any) -> datetime:
    """When the service answered, by its own clock."""
    return parsedate_to_datetime(found.metadata["date"])


def _ends_before(state: ObjectState, until: datetime) -> bool:
    return state.retain_until is None or state.retain_until < until


def _state(name: str, found: Any) -> ObjectState:
    headers = found.metadata
    until = headers.get("x-amz-object-lock-retain-until-date")
    checksum = headers.get(_CHECKSUM)
    return ObjectState(
        sha256=name,
        size=int(found.size),
        changed_at=found.last_modified,
        retain_until=None if until is None else datetime.fromisoformat(until).astimezone(UTC),
        held=headers.get("x-amz-object-lock-legal-hold") == "ON",
        proven=checksum == b64encode(bytes.fromhex(name)).decode(),
    )
