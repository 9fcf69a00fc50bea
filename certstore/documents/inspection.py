"""What a sealed PDF says of itself. Runs in the limited child only; takes nothing on trust.

Whether the signer's certificate leads to a root is not decided here: the certificate is handed
out, and who asked decides with a parser that no file reaches.
"""

from __future__ import annotations

import asyncio
import base64
import re
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, Final

from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import (
    DecodeLimits,
    DocumentDecodeBudget,
    StreamDecodeLimits,
)
from pyhanko.pdf_utils.misc import PdfDecodeLimitError, PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

from certstore.documents.metadata import CREDENTIAL_NAME, CREDENTIAL_TYPE, METADATA_NAME

MOST_PAGES: Final = 500
MOST_ATTACHMENTS: Final = 64
MOST_ATTACHED_BYTES: Final = 1024 * 1024
_DEEPEST: Final = 16
_MEGABYTE: Final = 1024 * 1024
_UNPACKING: Final = DecodeLimits(
    per_stream=StreamDecodeLimits(max_output_size=32 * _MEGABYTE),
    document_budget=DocumentDecodeBudget(base_allowance=64 * _MEGABYTE),
)
_HEX: Final = re.compile(rb"<(?:[0-9a-f]*|[0-9A-F]*)>")


class Refusal(Exception):
    """The file is not one that can be vouched for; `code` is one of `check.REFUSALS`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def inspect(data: bytes, *, tsa_roots: Sequence[bytes], at: datetime) -> dict[str, Any]:
    """What there is to say of a PDF whose one seal covers all of it and holds.

    Raises Refusal for every other file.
    """
    if not data.startswith(b"%PDF-"):
        raise Refusal("not-a-pdf")
    if b"%%EOF" not in data[-1024:]:
        raise Refusal("truncated")
    try:
        reader = _read(data)
        embedded = _only_seal(reader)
        _check_range(embedded, data)
        status = _validate(embedded, tsa_roots, at)
        if not status.intact:
            raise Refusal("altered")
        if not status.valid:
            raise Refusal("seal-broken")
        return {
            "certificate": base64.b64encode(embedded.signer_cert.dump()).decode(),
            "sealed_at": _iso(status.signer_reported_dt),
            **_stamp(status),
            "certified": embedded.docmdp_level is MDPPerm.NO_CHANGES,
            **_attached(reader),
        }
    except PdfDecodeLimitError:
        raise Refusal("unpacks-too-large") from None
    except (Refusal, MemoryError):
        raise
    except Exception:
        # A parser meets what nobody foresaw; whatever it was, such a file is not vouched for.
        raise Refusal("malformed") from None


def _read(data: bytes) -> PdfFileReader:
    try:
        reader = PdfFileReader(BytesIO(data), strict=True, decode_limits=_UNPACKING)
        if reader.encrypted:
            raise Refusal("encrypted")
        count = reader.root["/Pages"]["/Count"]
    except PdfDecodeLimitError:
        raise
    except PdfReadError as error:
        raise Refusal("cyclic" if "loop detected" in str(error) else "malformed") from None
    if not isinstance(count, int) or not 0 < count <= MOST_PAGES:
        raise Refusal("too-many-pages")
    return reader


def _only_seal(reader: PdfFileReader) -> EmbeddedPdfSignature:
    found = list(reader.embedded_regular_signatures)
    if not found:
        raise Refusal("not-sealed")
    if len(found) > 1:
        raise Refusal("several-seals")
    return found[0]


def _check_range(embedded: EmbeddedPdfSignature, data: bytes) -> None:
    """All of the file is sealed but the place of the seal itself, which holds nothing else."""
    begin, first, second, rest = (int(one) for one in embedded.byte_range)
    if begin != 0 or not 0 < first < second <= len(data) or rest < 0:
        raise Refusal("not-whole-file")
    if not _HEX.fullmatch(data, first, second):
        raise Refusal("not-whole-file")
    if second + rest < len(data):
        raise Refusal("changed-after-seal")
    if second + rest > len(data):
        raise Refusal("truncated")
    _check_encoding(bytes.fromhex(data[first + 1 : second - 1].decode("ascii")), embedded)


def _check_encoding(content: bytes, embedded: EmbeddedPdfSignature) -> None:
    """The seal is DER (EN 319 142-1 section 6.3), filled up with zeros, and those of its parts
    that no signature covers say what the others do: not one bit of it is free."""
    der, padding = _split(content)
    whole = cms.ContentInfo.load(der, strict=True)
    signed = whole["content"]
    (signer,) = signed["signer_infos"]
    named = signer["sid"].chosen
    if (
        any(padding)
        or whole.copy().dump(force=True) != der
        or {signed["version"].native, signer["version"].native} != {"v1"}
        or [one.dump() for one in signed["digest_algorithms"]]
        != [signer["digest_algorithm"].dump()]
        or signer["sid"].name != "issuer_and_serial_number"
        or named["issuer"].dump() != embedded.signer_cert.issuer.dump()
    ):
        raise Refusal("altered")


def _split(content: bytes) -> tuple[bytes, bytes]:
    """The one DER value that `content` begins with (X.690 section 8.1.3), and what follows."""
    length, header = content[1], 2
    if length & 0x80:
        header += length & 0x7F
        length = int.from_bytes(content[2:header], "big")
    if header + length > len(content):
        raise Refusal("altered")
    return content[: header + length], content[header + length :]


def _validate(
    embedded: EmbeddedPdfSignature, tsa_roots: Sequence[bytes], at: datetime
) -> PdfSignatureStatus:
    # No root for the signer here: only what the signature itself proves is asked for.
    nobody = ValidationContext(trust_roots=[], allow_fetching=False, moment=at)
    stampers = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(one) for one in tsa_roots],
        allow_fetching=False,
        moment=at,
        retroactive_revinfo=True,
    )
    return asyncio.run(
        async_validate_pdf_signature(
            embedded, signer_validation_context=nobody, ts_validation_context=stampers
        )
    )


def _stamp(status: PdfSignatureStatus) -> dict[str, Any]:
    stamp = status.timestamp_validity
    if stamp is None:
        return {"stamped_at": None, "stamp_trusted": False}
    sound = bool(stamp.intact and stamp.valid)
    return {
        "stamped_at": _iso(stamp.timestamp) if sound else None,
        "stamp_trusted": sound and bool(stamp.trusted),
    }


def _attached(reader: PdfFileReader) -> dict[str, str | None]:
    """The credential and the metadata that travel inside, None where there is none."""
    credentials: list[bytes] = []
    metadata: bytes | None = None
    for number, (name, media_type, stream) in enumerate(_attachments(reader)):
        if number >= MOST_ATTACHMENTS:
            raise Refusal("too-many-attachments")
        if media_type == CREDENTIAL_TYPE or name == CREDENTIAL_NAME:
            credentials.append(_unpacked(stream))
        elif name == METADATA_NAME:
            metadata = _unpacked(stream)
    if len(credentials) > 1:
        raise Refusal("several-credentials")
    return {
        "credential": credentials[0].decode("ascii") if credentials else None,
        "metadata": metadata.decode("utf-8") if metadata is not None else None,
    }


def _attachments(reader: PdfFileReader) -> Iterator[tuple[str, str, generic.StreamObject]]:
    names = reader.root.get("/Names", generic.DictionaryObject())
    tree = names.get("/EmbeddedFiles") if isinstance(names, generic.DictionaryObject) else None
    for spec in _leaves(tree, _DEEPEST):
        stream = spec["/EF"]["/F"]
        if not isinstance(stream, generic.StreamObject):
            raise Refusal("malformed")
        kind = str(stream.get("/Subtype", "/"))[1:]
        name = spec.get("/UF") or spec.get("/F") or ""
        yield str(name), kind, stream


def _leaves(node: Any, depth: int) -> Iterator[generic.DictionaryObject]:
    if node is None:
        return
    if depth == 0 or not isinstance(node, generic.DictionaryObject):
        raise Refusal("malformed")
    listed = node.get("/Names", ())
    for position in range(1, min(len(listed), 2 * MOST_ATTACHMENTS + 2), 2):
        yield listed[position]
    children = node.get("/Kids", ())
    for position in range(min(len(children), MOST_ATTACHMENTS)):
        yield from _leaves(children[position], depth - 1)


def _unpacked(stream: generic.StreamObject) -> bytes:
    """A stream's content, unpacked no further than it may be large."""
    filters = stream.get("/Filter", ())
    named = [filters] if isinstance(filters, generic.NameObject) else list(filters)
    packed: bytes = stream.encoded_data
    if not named:
        content = packed
    elif [str(one) for one in named] == ["/FlateDecode"] and "/DecodeParms" not in stream:
        content = zlib.decompressobj().decompress(packed, MOST_ATTACHED_BYTES + 1)
    else:
        raise Refusal("malformed")
    if len(content) > MOST_ATTACHED_BYTES:
        raise Refusal("unpacks-too-large")
    return content


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
