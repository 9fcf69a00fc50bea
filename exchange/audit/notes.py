"""Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint), Ed25519 only.

Pure: `cryptography` and the standard library. Everything here is strict: base64 in its one
canonical form, sizes without leading zeros, no control character other than the newline.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from exchange.audit.errors import NoteRefused
from exchange.audit.merkle import HASH_SIZE

ED25519 = b"\x01"
MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100
MAX_SIZE = (1 << 63) - 1

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_KEY_ID = re.compile(r"[0-9a-f]{8}")


def malformed(what_zh: str, what_en: str) -> NoteRefused:
    """The refusal of something that does not follow the format."""
    return NoteRefused(zh=f"格式有误：{what_zh}", en=f"malformed: {what_en}")


def decode_base64(text: str) -> bytes:
    """RFC 4648 section 4, padded and canonical. Raises NoteRefused."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise malformed("base64 编码", "base64") from None
    # Unused trailing bits would give one value several spellings.
    if encode_base64(decoded) != text:
        raise malformed("base64 编码不规范", "base64 is not canonical")
    return decoded


def encode_base64(value: bytes) -> str:
    """RFC 4648 section 4, padded."""
    return binascii.b2a_base64(value, newline=False).decode("ascii")


def parse_size(text: str) -> int:
    """A size or index: ASCII decimal, no leading zeros, below 2^63. Raises NoteRefused."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise malformed("数值", "number")
    return int(text)


def checked_name(name: str) -> str:
    """A key's name: no space, plus sign or control character. Raises NoteRefused."""
    if not name or "+" in name or _CONTROL.search(name) or any(c.isspace() for c in name):
        raise malformed("密钥名称", "key name")
    return name


def key_id(name: str, public_key: bytes) -> bytes:
    """SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key)[:4], C2SP signed-note."""
    return sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:4]


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """One key that notes are checked with."""

    name: str
    public_key: bytes
    key_id: bytes

    @classmethod
    def from_public_key(cls, name: str, public_key: bytes) -> NoteVerifier:
        """A verifier from a key's name and its 32 bytes (RFC 8032)."""
        if len(public_key) != 32:
            raise malformed("Ed25519 公钥应为 32 字节", "an Ed25519 public key has 32 bytes")
        return cls(checked_name(name), public_key, key_id(name, public_key))

    @classmethod
    def from_vkey(cls, vkey: str) -> NoteVerifier:
        """Parse `<name>+<key id>+<base64(0x01 ‖ public key)>`. Raises NoteRefused."""
        name, identifier, material = key_parts(vkey)
        verifier = cls.from_public_key(name, material)
        if verifier.key_id.hex() != identifier:
            raise malformed("密钥标识与公钥不符", "the key id does not belong to the key")
        return verifier

    @property
    def vkey(self) -> str:
        """The key as text, to be given to those who verify."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(ED25519 + self.public_key)}"

    def holds(self, text: bytes, signature: bytes) -> bool:
        """Whether the Ed25519 signature over the text is this key's."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """One key that signs notes. Its secret is not shown by `repr`."""

    verifier: NoteVerifier
    _key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def from_private_key(cls, name: str, key: Ed25519PrivateKey) -> NoteSigner:
        """A signer of that name."""
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return cls(NoteVerifier.from_public_key(name, public), key)

    @classmethod
    def from_skey(cls, skey: str) -> NoteSigner:
        """Parse `PRIVATE+KEY+<name>+<key id>+<base64(0x01 ‖ seed)>`. Raises NoteRefused."""
        if not skey.startswith("PRIVATE+KEY+"):
            raise malformed("私钥", "private key")
        name, identifier, seed = key_parts(skey.removeprefix("PRIVATE+KEY+"))
        if len(seed) != 32:
            raise malformed("Ed25519 私钥应为 32 字节", "an Ed25519 private key has 32 bytes")
        signer = cls.from_private_key(name, Ed25519PrivateKey.from_private_bytes(seed))
        if signer.verifier.key_id.hex() != identifier:
            raise malformed("密钥标识与私钥不符", "the key id does not belong to the key")
        return signer

    @property
    def skey(self) -> str:
        """The secret key as text. Keep it where only the hub can read it."""
        seed = self._key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        identifier = self.verifier.key_id.hex()
        return f"PRIVATE+KEY+{self.verifier.name}+{identifier}+{encode_base64(ED25519 + seed)}"

    def signature_line(self, text: bytes) -> str:
        """`— <name> <base64(key id ‖ signature)>` with its newline."""
        signed = encode_base64(self.verifier.key_id + self._key.sign(text))
        return f"— {self.verifier.name} {signed}\n"


def key_parts(text: str, algorithm: bytes = ED25519) -> tuple[str, str, bytes]:
    """(name, key id in hexadecimal, key) of an encoded key. Raises NoteRefused."""
    # Base64 may hold further plus signs; a name may not.
    parts = text.split("+", 2)
    if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):
        raise malformed("密钥", "key")
    material = decode_base64(parts[2])
    if material[:1] != algorithm:
        raise malformed("不是所需算法的密钥", "not a key of the algorithm that is needed")
    return checked_name(parts[0]), parts[1], material[1:]


def sign_note(text: str, signers: Iterable[NoteSigner]) -> str:
    """The text, an empty line, and one signature line per signer. Raises NoteRefused."""
    encoded = _checked_text(text)
    if not text.endswith("\n"):
        raise malformed("文本须以换行结尾", "the text must end with a newline")
    return text + "\n" + "".join(signer.signature_line(encoded) for signer in signers)


def _checked_text(text: str) -> bytes:
    if len(text) > MAX_NOTE_BYTES:
        raise malformed("过长", "too long")
    if _CONTROL.search(text):
        raise malformed("含控制字符", "a control character")
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise malformed("不是 UTF-8", "not UTF-8") from None
    if len(encoded) > MAX_NOTE_BYTES:
        raise malformed("过长", "too long")
    return encoded


@dataclass(frozen=True, slots=True)
class Note:
    """A note that at least one trusted key signed."""

    text: str
    signed_by: tuple[str, ...]


def open_note(note: str, verifiers: Sequence[NoteVerifier]) -> Note:
    """Check a signed note against trusted keys.

    Signatures of other keys are ignored. Raises NoteRefused if the note is malformed, if a
    signature of a trusted key does not hold, or if there is none.
    """
    text, signatures = split_note(note)
    encoded = text.encode()
    trusted = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    signed_by: list[str] = []
    for name, blob in signatures:
        verifier = trusted.get((name, blob[:4]))
        if verifier is None:
            continue
        if not verifier.holds(encoded, blob[4:]):
            raise NoteRefused(zh="签名不成立", en="a trusted key's signature does not hold")
        if name not in signed_by:
            signed_by.append(name)
    if not signed_by:
        raise NoteRefused(zh="没有受信任密钥的签名", en="no trusted key has signed this")
    return Note(text, tuple(signed_by))


def split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text and (key name, key id ‖ signature) of each line, unproven. Raises NoteRefused."""
    _checked_text(note)
    body, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise malformed("签名说明", "signed note")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise malformed("签名过多", "too many signatures")
    return body + "\n", [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—":
        raise malformed("签名行", "signature line")
    blob = decode_base64(parts[2])
    if len(blob) < 5:
        raise malformed("签名过短", "signature too short")
    return checked_name(parts[1]), blob


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its name, its number of records and the root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The note text (C2SP tlog-checkpoint)."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "\n".join(lines) + "\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Parse a checkpoint's note text, without its signatures. Raises NoteRefused."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or not all(lines):
        raise malformed("检查点", "checkpoint")
    root = decode_base64(lines[2])
    if len(root) != HASH_SIZE:
        raise malformed("树根应为 32 字节", "a root has 32 bytes")
    return Checkpoint(lines[0], parse_size(lines[1]), root, tuple(lines[3:]))


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner) -> str:
    """The checkpoint as a signed note."""
    return sign_note(checkpoint.text(), (signer,))


def open_checkpoint(note: str, verifiers: Sequence[NoteVerifier], origin: str) -> Checkpoint:
    """Check a signed checkpoint of the log called `origin`. Raises NoteRefused."""
    checkpoint = parse_checkpoint(open_note(note, verifiers).text)
    if checkpoint.origin != origin:
        raise NoteRefused(zh="检查点属于另一日志", en="the checkpoint is of another log")
    return checkpoint
