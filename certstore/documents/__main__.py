"""`python -m certstore.documents samples FOLDER`: draw one certificate of each sample type."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from certstore.documents.drawing import Drawer
from certstore.documents.samples import write_samples
from certstore.errors import DocumentError


def main(arguments: list[str]) -> int:
    """Exit code 0, or 2 where there is no font to draw with."""
    parser = argparse.ArgumentParser(prog="python -m certstore.documents")
    commands = parser.add_subparsers(dest="command", required=True)
    samples = commands.add_parser(
        "samples", help="样本图片 / pictures of one certificate per sample type"
    )
    samples.add_argument("folder", type=Path, help="写入目录 / where they are written")
    samples.add_argument("--fonts", type=Path, help="字体目录 / folder of fonts")
    chosen = parser.parse_args(arguments)
    try:
        written = write_samples(chosen.folder, Drawer(chosen.fonts))
    except DocumentError as error:
        print(f"{error.zh} / {error.en}", file=sys.stderr)
        return 2
    for path in written:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
