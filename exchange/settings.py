"""Everything that can be set, read once from the environment (prefix ``YICI_``).

There are no default secrets: what is missing is named at start-up, all of it at once.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from exchange.errors import SettingsFault


class Settings(BaseSettings):
    """The hub's settings. Frozen; see ``docs/operations.md`` for each one."""

    model_config = SettingsConfigDict(env_prefix="YICI_", frozen=True, extra="ignore")

    database_url: Annotated[SecretStr, Field(description="the application's role, no DDL")]
    owner_database_url: Annotated[
        SecretStr | None, Field(description="the owner's role; needed by `yici migrate` only")
    ] = None
    public_url: Annotated[str, Field(description="the address the hub is reached at")]
    keys_dir: Annotated[Path, Field(description="folder of the encrypted key files")]
    keys_passphrase: Annotated[SecretStr, Field(min_length=12)]
    pkcs11_module: Annotated[Path | None, Field(description="PKCS #11 library")] = None
    pkcs11_token: Annotated[str | None, Field(description="label of the token")] = None
    pkcs11_pin: Annotated[SecretStr | None, Field(description="its user's PIN")] = None
    pkcs11_pin_file: Annotated[Path | None, Field(description="or the file it stands in")] = None
    holder_key: Annotated[SecretStr, Field(description="hex, 32 bytes: HMAC key for holder ids")]
    log_origin: Annotated[str, Field(description="name of the log (C2SP tlog-checkpoint origin)")]
    objects_dir: Path | None = None
    s3_endpoint: str | None = None
    s3_bucket: str | None = None
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    s3_region: str = "us-east-1"
    s3_secure: bool = True
    s3_public_endpoint: Annotated[
        str | None, Field(description="where the store is reached from outside; links lead there")
    ] = None
    registers_dir: Annotated[Path | None, Field(description="root of file registers")] = None
    fonts_dir: Annotated[
        Path | None, Field(description="fonts that certificates are drawn with")
    ] = None
    looks_dir: Annotated[
        Path | None, Field(description="templates of certificates, and their options")
    ] = None
    seals_dir: Annotated[
        Path | None, Field(description="departments' own seals, <code>.svg or <code>.png")
    ] = None
    timestamp_url: Annotated[
        str | None, Field(description="RFC 3161 service that stamps seals", pattern=r"^https?://")
    ] = None
    trusted_proxies: Annotated[
        str, Field(description="networks whose X-Forwarded-For is believed, in CIDR notation")
    ] = ""
    upload_max_bytes: Annotated[int, Field(ge=1024, le=1 << 30)] = 10 * 1024 * 1024
    bulk_max_bytes: Annotated[int, Field(ge=1024, le=1 << 34)] = 1024 * 1024 * 1024
    body_max_bytes: Annotated[int, Field(ge=1024, le=1 << 26)] = 1024 * 1024
    queue_max_lookups: Annotated[int, Field(ge=500)] = 20_000
    access_token_seconds: Annotated[int, Field(ge=60, le=3600)] = 600
    witness_policy: Annotated[Path | None, Field(description="who cosigns this log")] = None
    witness_max_age_seconds: Annotated[int, Field(ge=60, le=604_800)] = 3600
    witnessed_logs: Annotated[Path | None, Field(description="logs this hub cosigns")] = None
    log_level: str = "INFO"

    @field_validator("database_url", "owner_database_url")
    @classmethod
    def _names_a_driver_that_is_here(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        url = value.get_secret_value()
        # SQLAlchemy 2.1 reads a bare postgresql:// as psycopg 3; the hub speaks psycopg2.
        url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg2://", url)
        if not url.startswith("postgresql+psycopg2://"):
            raise ValueError("must be a postgresql:// address")
        return SecretStr(url)

    @field_validator("holder_key")
    @classmethod
    def _is_32_bytes_of_hex(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[0-9a-fA-F]{64}", value.get_secret_value()):
            raise ValueError("must be 64 hexadecimal digits (`openssl rand -hex 32` makes one)")
        return value

    @field_validator("log_origin")
    @classmethod
    def _is_a_key_name(cls, value: str) -> str:
        if not re.fullmatch(r"[^\s+]{1,200}", value):
            raise ValueError("must be a name without spaces or plus signs, such as hub.example/log")
        return value

    @model_validator(mode="after")
    def _names_a_whole_token(self) -> Settings:
        pins = [name for name in ("pkcs11_pin", "pkcs11_pin_file") if getattr(self, name)]
        if self.pkcs11_module is None and (pins or self.pkcs11_token):
            raise ValueError("YICI_PKCS11_MODULE is needed with the other YICI_PKCS11_ settings")
        if self.pkcs11_module is not None and not (self.pkcs11_token and len(pins) == 1):
            raise ValueError(
                "YICI_PKCS11_MODULE also needs YICI_PKCS11_TOKEN and either YICI_PKCS11_PIN "
                "or YICI_PKCS11_PIN_FILE"
            )
        return self

    @field_validator("trusted_proxies")
    @classmethod
    def _is_a_list_of_networks(cls, value: str) -> str:
        try:
            for each in value.split(","):
                if each.strip():
                    ip_network(each.strip())
        except ValueError:
            raise ValueError("must be networks such as 10.0.0.0/8, with commas between") from None
        return value

    @field_validator("s3_public_endpoint")
    @classmethod
    def _is_an_address_without_a_path(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/?#@]+/?", value):
            raise ValueError("must be an address without a path, such as https://s3.example")
        return value

    @model_validator(mode="after")
    def _names_one_object_store(self) -> Settings:
        if self.s3_endpoint:
            missing = [
                f"YICI_{name.upper()}"
                for name in ("s3_bucket", "s3_access_key", "s3_secret_key")
                if not getattr(self, name)
            ]
            if missing:
                raise ValueError(f"YICI_S3_ENDPOINT also needs {', '.join(missing)}")
        elif self.objects_dir is None:
            raise ValueError("either YICI_S3_ENDPOINT or YICI_OBJECTS_DIR must be set")
        return self

    @property
    def holder_key_bytes(self) -> bytes:
        """The HMAC key that turns a holder's id into what the log may show."""
        return bytes.fromhex(self.holder_key.get_secret_value())


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsFault: names every missing or wrong variable at once, never a value.
    """
    try:
        return Settings()  # type: ignore[call-arg]  # the environment gives the arguments
    except ValidationError as fault:
        lines = []
        for error in fault.errors(include_input=False, include_url=False):
            name = ".".join(str(part) for part in error["loc"])
            lines.append(f"YICI_{name.upper()}: {error['msg']}" if name else error["msg"])
        raise SettingsFault(tuple(lines)) from None
