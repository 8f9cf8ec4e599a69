"""``python -m services.cli`` is ``promptcast``."""

from services.cli.main import main

main()
