"""Where private keys lie, and how they are opened: encrypted files, or a hardware module's token.

A :class:`KeyOpener` says where, so that it may be handed to another process; keys may not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from certstore.errors import KeyFault
from certstore.keys import Es256Signer, Signer, load_signer
from exchange.errors import SettingsFault
from exchange.keyring.records import OWN, KeyPlace
from exchange.settings import Settings

FOLDER = "issuers"
_CODE = re.compile(r"[0-9A-Z]{18}")
_LABEL = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+){0,2}")


@dataclass(frozen=True, slots=True)
class KeyOpener:
    """A folder with its passphrase, and a token with its PIN; the latter may be missing."""

    folder: Path
    passphrase: bytes = field(repr=False)
    module: Path | None = None
    token: str | None = None
    pin: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> KeyOpener:
        """What the settings name."""
        return cls(
            settings.keys_dir,
            settings.keys_passphrase.get_secret_value().encode(),
            settings.pkcs11_module,
            settings.pkcs11_token,
            _pin_of(settings),
        )

    def open(self, place: KeyPlace) -> Signer:
        """The key of a place.

        Raises:
            KeyFault: it is not there, or cannot be opened; names what to do.
        """
        if place.kind == "pkcs11":
            from certstore.pkcs11 import Pkcs11Signer

            return Pkcs11Signer(*self._token(), place.label)
        signer = load_signer(self._path(place), self.passphrase)
        if not isinstance(signer, Es256Signer):
            raise KeyFault(
                "wrong-kind", f"{place.label} 须为 P-256 密钥", f"{place.label} must be a P-256 key"
            )
        return signer

    def make(self, owner: str, kind: str, number: int) -> tuple[Signer, KeyPlace]:
        """A new key of an owner, its ``number``-th, and where it lies.

        A file is named by its kid; a token's key by owner and number, the next one where that
        is taken. Raises KeyFault.
        """
        if kind == "file":
            signer = Es256Signer.generate()
            place = KeyPlace(kind, f"{plain_place(owner).label}/{signer.kid}")
            signer.save(self._path(place), self.passphrase)
            return signer, place
        from certstore.pkcs11 import Pkcs11Signer

        while True:
            label = f"yici-{owner}-{number}"
            try:
                return Pkcs11Signer.generate(*self._token(), label), KeyPlace(kind, label)
            except KeyFault as fault:
                if fault.code != "key-exists":
                    raise
                number += 1

    def make_at(self, place: KeyPlace) -> Signer:
        """A new key in a place of that very name. Raises KeyFault."""
        if place.kind == "pkcs11":
            from certstore.pkcs11 import Pkcs11Signer

            return Pkcs11Signer.generate(*self._token(), place.label)
        signer = Es256Signer.generate()
        signer.save(self._path(place), self.passphrase)
        return signer

    def found(self) -> dict[str, KeyPlace]:
        """The keys of the folder that bear their owner's plain name, by owner."""
        files = {name: self.folder / f"{name}.pem" for name in OWN}
        files |= {
            path.stem: path
            for path in sorted((self.folder / FOLDER).glob("*.pem"))
            if _CODE.fullmatch(path.stem)
        }
        return {owner: plain_place(owner) for owner, path in files.items() if path.exists()}

    def _path(self, place: KeyPlace) -> Path:
        if not _LABEL.fullmatch(place.label):
            raise KeyFault("key-missing", "密钥文件名有误", "not the name of a key file")
        return self.folder / f"{place.label}.pem"

    def _token(self) -> tuple[Path, str, str]:
        if self.module is None or self.token is None or self.pin is None:
            raise KeyFault(
                "no-token",
                "未配置加密模块，请设置 YICI_PKCS11_MODULE、YICI_PKCS11_TOKEN 和 YICI_PKCS11_PIN",
                "no hardware module is set: YICI_PKCS11_MODULE, YICI_PKCS11_TOKEN, YICI_PKCS11_PIN",
            )
        return self.module, self.token, self.pin


def plain_place(owner: str) -> KeyPlace:
    """Where an owner's first key lies as a file."""
    return KeyPlace("file", owner if owner in OWN else f"{FOLDER}/{owner}")


def _pin_of(settings: Settings) -> str | None:
    if settings.pkcs11_pin is not None:
        return settings.pkcs11_pin.get_secret_value()
    if settings.pkcs11_pin_file is None:
        return None
    try:
        return settings.pkcs11_pin_file.read_text("utf-8").strip()
    except (OSError, ValueError):
        raise SettingsFault(("YICI_PKCS11_PIN_FILE: cannot be read",)) from None
