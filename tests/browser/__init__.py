"""The admin panel in a real browser, over the real system; see ``tests/README.md``."""
