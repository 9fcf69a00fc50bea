"""电子证照标识 · certificate identifiers, GB/T 36904.

    1.2.156.3005.2.<type 21>.<issuer 18 or 6>.<serial>.<version 3>.<check>

The check character is ISO 7064 MOD 37,36 (GB/T 17710) over the four parts joined without dots.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from stdnum.iso7064 import mod_37_36

from certstore.errors import IdentifierError

ROOT: Final = "1.2.156.3005.2"
MAX_SERIAL: Final = 200

_TYPE = re.compile(r"[0-9A-Z]{18}[0-9]{3}")
_ISSUER = re.compile(r"[0-9A-Z]{18}|[0-9]{6}")
_SERIAL = re.compile(r"[0-9A-Z]+")
_WHOLE = re.compile(
    r"1\.2\.156\.3005\.2\.([0-9A-Z]{18}[0-9]{3})\.([0-9A-Z]{18}|[0-9]{6})"
    r"\.([0-9A-Z]{1,200})\.([0-9]{3})\.([0-9A-Z])"
)
_ESCAPED: Final = "ZX"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _malformed(zh: str, en: str, field: str) -> IdentifierError:
    return IdentifierError("malformed", zh, en, field=field)


@dataclass(frozen=True, slots=True)
class CertificateIdentifier:
    """The four parts that name one version of one certificate.

    `type_code` is the defining body's USCC and three digits, `issuer` a USCC (or, as some places
    do, a six-digit area code), `serial` `[0-9A-Z]+` unique per issuer, `version` 1 to 999: a
    change or renewal keeps the serial and raises the version.

    Raises IdentifierError `malformed` when a part has not its shape.
    """

    type_code: str
    issuer: str
    serial: str
    version: int
    _text: str = field(default="", init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _TYPE.fullmatch(self.type_code):
            raise _malformed(
                "证照类型代码应为18位统一社会信用代码加3位数字",
                "the type code is 18 characters of a USCC and three digits",
                "type_code",
            )
        if not _ISSUER.fullmatch(self.issuer):
            raise _malformed(
                "颁发机构代码应为18位统一社会信用代码或6位区划代码",
                "the issuer is a USCC of 18 characters or an area code of six digits",
                "issuer",
            )
        if len(self.serial) > MAX_SERIAL or not _SERIAL.fullmatch(self.serial):
            raise _malformed(
                "流水号只能由数字和大写字母组成",
                "the serial is made of digits and capital letters only",
                "serial",
            )
        if not 1 <= self.version <= 999:
            raise _malformed("版本号应为001至999", "the version is 001 to 999", "version")

    @property
    def check(self) -> str:
        """The check character over the four parts, ISO 7064 MOD 37,36."""
        stands = _folded(self.type_code + self.issuer)
        for character in f"{self.serial}{self.version:03d}":
            stands = _STEP[stands][character]
        return _CHECK[stands]

    def __str__(self) -> str:
        if not self._text:
            parts = f"{self.type_code}.{self.issuer}.{self.serial}.{self.version:03d}"
            object.__setattr__(self, "_text", f"{ROOT}.{parts}.{self.check}")
        return self._text

    @property
    def certificate(self) -> tuple[str, str, str]:
        """What stays the same through all versions: type code, issuer, serial."""
        return self.type_code, self.issuer, self.serial

    def next_version(self) -> CertificateIdentifier:
        """The identifier after a change or renewal. Raises IdentifierError after version 999."""
        return CertificateIdentifier(self.type_code, self.issuer, self.serial, self.version + 1)

    @classmethod
    def parse(cls, text: str) -> CertificateIdentifier:
        """The identifier written in `text`.

        Raises IdentifierError: `malformed` when it has not the shape, `check-digit` when the
        printed check character is not the computed one.
        """
        identifier, sound = cls.parse_flagged(text)
        if not sound:
            raise IdentifierError(
                "check-digit",
                "电子证照标识的校验位不符",
                "the check character of the identifier does not agree with its parts",
                field="identifier",
            )
        return identifier

    @classmethod
    def parse_flagged(cls, text: str) -> tuple[CertificateIdentifier, bool]:
        """The identifier and whether its printed check character agrees.

        Identifiers with a wrong check character have been issued; a received one is kept and
        flagged, neither silently accepted nor dropped. Raises IdentifierError `malformed`.
        """
        return _parse(text)


# The first character of a number puts the sum of MOD 37,36 to its own value. So where the sum
# stands is written as that character, and all its steps and outcomes are asked for once.
_STEP: Final = {
    stands: {
        character: _ALPHABET[mod_37_36.checksum(stands + character)] for character in _ALPHABET
    }
    for stands in _ALPHABET
}
_CHECK: Final = {stands: str(mod_37_36.calc_check_digit(stands)) for stands in _ALPHABET}


@lru_cache(maxsize=4096)
def _folded(prefix: str) -> str:
    """Where the sum stands after `prefix`, which many identifiers share."""
    return _ALPHABET[mod_37_36.checksum(prefix)]


@lru_cache(maxsize=4096)
def _parse(text: str) -> tuple[CertificateIdentifier, bool]:
    match = _WHOLE.fullmatch(text)
    if match is None or match[4] == "000":
        raise _malformed(
            "不符合电子证照标识的格式（GB/T 36904）",
            "not of the form of a certificate identifier (GB/T 36904)",
            "identifier",
        )
    identifier = _of_parts(match[1], match[2], match[3], int(match[4]))
    return identifier, identifier.check == match[5]


def _of_parts(type_code: str, issuer: str, serial: str, version: int) -> CertificateIdentifier:
    """An identifier of parts whose shape was looked at already."""
    identifier = object.__new__(CertificateIdentifier)
    put = object.__setattr__
    put(identifier, "type_code", type_code)
    put(identifier, "issuer", issuer)
    put(identifier, "serial", serial)
    put(identifier, "version", version)
    put(identifier, "_text", "")
    return identifier


def find_issuer_in(text: str) -> str | None:
    """The issuer's code in an identifier, None when `text` has not the form of one.

    The check character is not looked at.
    """
    match = _WHOLE.fullmatch(text)
    return None if match is None else match[2]


def serial_from(text: str) -> str:
    """The serial `[0-9A-Z]+` for a register's own number, reversible by `register_number_from`.

    A number that already is a serial, such as "20230000403", stays as it is. Any other is "ZX"
    followed by the number in which digits and the letters A to Y stand for themselves, Z is
    "ZZ", and every other character is "Z" and two hexadecimal digits for each byte of its UTF-8:
    "0363009-DCA" becomes "ZX0363009Z2DDCA". A number that itself begins with "ZX" is written the
    second way, so no two numbers share a serial, not even two that differ only in case.

    Raises IdentifierError `malformed` for an empty, an untrimmed or a too long number.
    """
    if text and not text.startswith(_ESCAPED) and _SERIAL.fullmatch(text):
        serial = text
    else:
        if not text or text != text.strip():
            raise _malformed(
                "编号为空或前后有空白", "the number is empty or has blanks around it", "serial"
            )
        serial = _ESCAPED + "".join(_escape(character) for character in text)
    if len(serial) > MAX_SERIAL:
        raise _malformed("编号过长", f"the serial has more than {MAX_SERIAL} characters", "serial")
    return serial


def _escape(character: str) -> str:
    if character == "Z":
        return "ZZ"
    if "A" <= character <= "Y" or "0" <= character <= "9":
        return character
    try:
        encoded = character.encode("utf-8")
    except UnicodeEncodeError:
        raise _malformed(
            "编号含有无法编码的字符", "the number has a character that is not text", "serial"
        ) from None
    return "".join(f"Z{byte:02X}" for byte in encoded)


def register_number_from(serial: str) -> str:
    """The register's own number that `serial_from` turned into `serial`.

    Raises IdentifierError `malformed` for a serial that `serial_from` never makes.
    """
    if not serial.startswith(_ESCAPED):
        return serial
    raw = bytearray()
    body = serial[len(_ESCAPED) :]
    position = 0
    try:
        while position < len(body):
            if body[position] != "Z":
                raw += body[position].encode("ascii")
                position += 1
            elif body[position + 1] == "Z":
                raw += b"Z"
                position += 2
            else:
                raw.append(int(body[position + 1 : position + 3], 16))
                position += 3
        number = raw.decode("utf-8")
        if serial_from(number) == serial:
            return number
    except (IndexError, ValueError, IdentifierError):
        pass
    raise _malformed("流水号不是由登记编号转换而来", "the serial encodes no number", "serial")
