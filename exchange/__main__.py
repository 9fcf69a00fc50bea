"""``python -m exchange`` is ``yici``."""

from exchange.cli import main

main()
