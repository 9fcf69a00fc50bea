"""The QR code in a picture that somebody shows, read in a limited child process only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import orjson

from certstore.documents.limited import Limits, run_limited
from certstore.errors import DocumentError, ShownError

MOST_BYTES: Final = 10 * 1024 * 1024

_WORKER: Final = "certstore.picture_worker"
_LIMITS: Final = Limits(cpu_seconds=5, wall_seconds=10.0, answer=256 * 1024)

REFUSALS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "picture-too-large": ("图片过大", "the picture is larger than it may be"),
        "not-a-picture": ("不是PNG或JPEG图片", "neither a PNG nor a JPEG"),
        "picture-malformed": ("图片不完整或有误", "the picture is cut off or malformed"),
        "memory-limit": (
            "检查该图片所需内存超过上限",
            "looking at the picture takes more memory than is allowed",
        ),
        "time-limit": (
            "检查该图片所需时间超过上限",
            "looking at the picture takes more time than is allowed",
        ),
        "no-qr-code": ("图片中没有可读的二维码", "no readable QR code is in the picture"),
        "several-qr-codes": (
            "图片中有多个不同的二维码，请只保留证照上的那一个",
            "several different QR codes are in the picture; keep only the certificate's",
        ),
    }
)


def read_qr_code(data: bytes, *, limits: Limits = _LIMITS) -> str:
    """What the one QR code in a PNG or JPEG says.

    Raises ShownError with a code of `REFUSALS`, DocumentError `busy` where no child is free.
    """
    if len(data) > MOST_BYTES:
        raise refused("picture-too-large")
    try:
        answer = orjson.loads(run_limited(_WORKER, data, limits))
    except DocumentError as fault:
        if fault.code in REFUSALS:
            raise refused(fault.code) from None
        raise
    if "refusal" in answer:
        raise refused(str(answer["refusal"]))
    texts = {str(each) for each in answer["texts"]}
    if len(texts) != 1:
        raise refused("several-qr-codes" if texts else "no-qr-code")
    return texts.pop()


def refused(code: str) -> ShownError:
    """The refusal of that code."""
    zh, en = REFUSALS[code]
    return ShownError(code, zh, en, field="picture")
