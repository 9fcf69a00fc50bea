"""The child that opens a stranger's picture: the only place where one is decoded.

Run as `python -m certstore.picture_worker MEMORY CPU ANSWER`. Request: the picture. Answer: JSON,
either `{"refusal": code}` or `{"texts": [the text of each QR code]}`.
"""

from __future__ import annotations

import sys
import warnings
from io import BytesIO
from typing import Any, Final

import orjson

from certstore.documents.limited import limit_this_process

FORMATS: Final = ("PNG", "JPEG")
MOST_PIXELS: Final = 40_000_000
"""A page of A4 at 600 dots per inch has 35 million."""
MOST_CODES: Final = 16


def main(arguments: list[str]) -> int:
    """Limit this process, read the picture, answer."""
    limit_this_process(arguments)
    try:
        found = look(sys.stdin.buffer.read())
    except MemoryError:
        found = {"refusal": "memory-limit"}
    sys.stdout.buffer.write(orjson.dumps(found))
    sys.stdout.buffer.flush()
    return 0


def look(data: bytes) -> dict[str, Any]:
    """The QR codes of a picture, or why it cannot be looked at."""
    import zxingcpp
    from PIL import Image, UnidentifiedImageError

    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # the size is looked at here, before anything is unpacked
    try:
        picture = Image.open(BytesIO(data), formats=FORMATS)
        if picture.width * picture.height > MOST_PIXELS:
            return {"refusal": "picture-too-large"}
        grey = picture.convert("L")
    except UnidentifiedImageError:
        return {"refusal": "not-a-picture"}
    except (OSError, ValueError, SyntaxError, KeyError, IndexError, TypeError, OverflowError):
        return {"refusal": "picture-malformed"}
    codes = zxingcpp.read_barcodes(grey, formats=zxingcpp.BarcodeFormat.QRCode)
    return {"texts": [each.text for each in codes[:MOST_CODES]]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
