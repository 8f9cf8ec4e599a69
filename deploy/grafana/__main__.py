"""Write every dashboard to ``dashboards/``: ``python -m deploy.grafana``."""

from pathlib import Path

from deploy.grafana import chat, log, propagation

FOLDER = Path(__file__).parent / "dashboards"


def documents() -> dict[str, str]:
    """Each dashboard's JSON by the name of its file; the same text at every call."""
    return {
        "propagation.json": propagation.board(),
        "chat.json": chat.board(),
        "log.json": log.board(),
    }


if __name__ == "__main__":
    for name, text in documents().items():
        (FOLDER / name).write_text(text)
