"""Keys that never leave a hardware module (PKCS #11 v2.40, OASIS), or SoftHSM in its place.

`Pkcs11Signer` signs ES256: SHA-256 here, CKM_ECDSA in the module, whose signature is r ‖ s as
JOSE has it. A process logs in to a token once, since a login counts for the whole process; all
keys of the token share that session. After a fork it is opened anew, and after a failure too: at
first the session, then the module as a whole, as a device that was unplugged needs it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

from certstore.base64url import b64url
from certstore.errors import KeyFault
from certstore.public_keys import thumbprint

_P256: Final = encode_named_curve_parameters("secp256r1")
# An uncompressed point (SEC 1 section 2.3.3) within the OCTET STRING that CKA_EC_POINT is.
_POINT: Final = b"\x04\x41\x04"
_Result = TypeVar("_Result")

_SAID: Final = (
    (pkcs11.PinLocked, "pin-locked", "加密模块口令已被锁定", "the token's PIN is locked"),
    (
        (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange),
        "pin-wrong",
        "加密模块口令不正确；连续输错会被锁定",
        "the PIN is wrong; a token locks after some wrong ones",
    ),
    (
        (pkcs11.NoSuchToken, pkcs11.TokenNotPresent, pkcs11.TokenNotRecognised),
        "token-missing",
        "加密模块中没有该标签的令牌，请检查设备和标签",
        "the module has no token of this label; look at the device and the label",
    ),
    (
        pkcs11.MultipleTokensReturned,
        "token-ambiguous",
        "有多个令牌使用同一标签",
        "several tokens have this label",
    ),
    (
        pkcs11.NoSuchKey,
        "key-missing",
        "令牌中没有该标签的密钥",
        "the token has no key of this label",
    ),
    (
        pkcs11.MultipleObjectsReturned,
        "key-ambiguous",
        "令牌中有多个密钥使用同一标签",
        "several keys of the token have this label",
    ),
)
_FINAL: Final = (
    pkcs11.PinLocked, pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange,
    pkcs11.MultipleTokensReturned, pkcs11.MultipleObjectsReturned, pkcs11.NoSuchKey,
)  # fmt: skip
"""What trying again cannot mend; a wrong PIN tried again would help to lock the token."""


class Pkcs11Signer:
    """ES256 with the key of `key_label` in the token of `token_label`.

    Raises KeyFault when made: `module-missing`, `token-missing`, `token-ambiguous`, `pin-wrong`,
    `pin-locked`, `key-missing`, `key-ambiguous`, `wrong-curve`, `token-failed`; `sign` raises
    the same for what has come about since.
    """

    __slots__ = ("_jwk", "_label", "_pin", "_token", "kid")

    alg = "ES256"

    def __init__(self, module: Path, token_label: str, pin: str, key_label: str) -> None:
        self._token = _token(module, token_label)
        self._pin = pin
        self._label = key_label
        members = self._token.run(pin, lambda session: _public_members(session, key_label))
        self.kid = thumbprint(members)
        self._jwk = {**members, "kid": self.kid, "alg": self.alg, "use": "sig"}

    @classmethod
    def generate(cls, module: Path, token_label: str, pin: str, key_label: str) -> Pkcs11Signer:
        """A new key pair in the token, not extractable. Raises KeyFault also `key-exists`."""
        token = _token(module, token_label)
        token.run(pin, lambda _: _generate(token, key_label))
        return cls(module, token_label, pin, key_label)

    def sign(self, data: bytes) -> bytes:
        digest = sha256(data).digest()
        signature: bytes = self._token.run(
            self._pin,
            lambda session: session.key(self._label).sign(digest, mechanism=Mechanism.ECDSA),
        )
        if len(signature) != 64:
            raise KeyFault("token-failed", "加密模块返回了无效签名", "the module's answer is odd")
        return signature

    def public_jwk(self) -> dict[str, str]:
        return dict(self._jwk)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer is not pickled; open it from its token where it is needed")

    def __repr__(self) -> str:
        return f"<Pkcs11Signer {self.kid}>"


class _Session:
    """One login, and the keys found so far."""

    __slots__ = ("_keys", "_session")

    def __init__(self, session: Any) -> None:
        self._session = session
        self._keys: dict[str, Any] = {}

    def key(self, label: str) -> Any:
        if label not in self._keys:
            self._keys[label] = self._session.get_key(ObjectClass.PRIVATE_KEY, label=label)
        return self._keys[label]

    def public(self, label: str) -> Any:
        return self._session.get_key(ObjectClass.PUBLIC_KEY, label=label)

    def close(self) -> None:
        self._session.close()


class _Module:
    """One PKCS #11 library in one process. One thread at a time is in it, so that it can be made
    ready anew under nobody's feet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.tokens: dict[str, _Token] = {}
        self._stale = False

    def library(self) -> Any:
        if not self.path.is_file():
            raise KeyFault(
                "module-missing",
                "没有该PKCS #11模块文件",
                "there is no PKCS #11 module of this path",
            )
        library = pkcs11.lib(str(self.path))
        if self._stale:
            library.reinitialize()
            self._stale = False
        return library

    def start_over(self) -> None:
        """Have the module made ready anew before its next use; every session is gone with it."""
        self._stale = True
        for token in self.tokens.values():
            token.session = None

    def forked(self) -> None:
        # A child has its parent's locks and handles, and must make the module ready itself
        # (PKCS #11 v2.40 base, section 2.5).
        self.lock = threading.Lock()
        self.start_over()


class _Token:
    """One token of a module, logged in to once."""

    def __init__(self, module: _Module, label: str) -> None:
        self._module = module
        self._label = label
        self._pin: str | None = None
        self.session: _Session | None = None

    def run(self, pin: str, act: Callable[[_Session], _Result]) -> _Result:
        """What `act` gives, tried anew where a new session or a new start may help."""
        with self._module.lock:
            try:
                for recover in (self._close, self._module.start_over):
                    try:
                        return act(self._opened(pin))
                    except _FINAL:
                        raise
                    except pkcs11.PKCS11Error:
                        recover()
                return act(self._opened(pin))
            except pkcs11.PKCS11Error as error:
                if not isinstance(error, _FINAL):
                    self._module.start_over()
                raise _fault(error) from None

    def find(self) -> Any:
        return self._module.library().get_token(token_label=self._label)

    def _opened(self, pin: str) -> _Session:
        if self.session is None:
            token = self.find()
            try:
                session = token.open(user_pin=pin)
                self._pin = pin
            except pkcs11.UserAlreadyLoggedIn:
                session = token.open()
            self.session = _Session(session)
        # A session that is open already asks for no PIN; a wrong one must not borrow it.
        if self._pin is None or not compare_digest(self._pin.encode(), pin.encode()):
            raise pkcs11.PinIncorrect
        return self.session

    def _close(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            with contextlib.suppress(pkcs11.PKCS11Error):  # the module may have lost it already
                session.close()


_modules: dict[Path, _Module] = {}
_lock = threading.Lock()


def _token(module: Path, label: str) -> _Token:
    with _lock:
        known = _modules.setdefault(module, _Module(module))
    with known.lock:
        return known.tokens.setdefault(label, _Token(known, label))


def _forked() -> None:
    global _lock
    _lock = threading.Lock()
    for module in _modules.values():
        module.forked()


os.register_at_fork(after_in_child=_forked)


def _generate(token: _Token, label: str) -> None:
    with token.find().open(rw=True) as session:
        if any(True for _ in session.get_objects({Attribute.LABEL: label})):
            raise KeyFault(
                "key-exists",
                "令牌中已有该标签的密钥",
                "the token has a key of this label already",
            )
        parameters = session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: _P256}, local=True
        )
        parameters.generate_keypair(
            store=True,
            label=label,
            id=sha256(label.encode()).digest()[:16],
            private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )


def _public_members(session: _Session, label: str) -> dict[str, str]:
    session.key(label)
    public = session.public(label)
    point = public[Attribute.EC_POINT]
    if public[Attribute.EC_PARAMS] != _P256 or not point.startswith(_POINT) or len(point) != 67:
        raise KeyFault("wrong-curve", "密钥曲线不是P-256", "the key is not on P-256")
    return {
        "crv": "P-256",
        "kty": "EC",
        "x": b64url(point[3:35]).decode(),
        "y": b64url(point[35:]).decode(),
    }


def _fault(error: pkcs11.PKCS11Error) -> KeyFault:
    for kinds, code, zh, en in _SAID:
        if isinstance(error, kinds):
            return KeyFault(code, zh, en)
    name = type(error).__name__
    return KeyFault(
        "token-failed", f"加密模块故障（{name}）", f"the hardware module failed ({name})"
    )
