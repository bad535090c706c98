"""Which pages are generated, and by what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docs_reference.commands import commands_page
from docs_reference.settings import settings_page

DOCS = Path(__file__).parents[1] / "docs"
PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands_page,
    "reference/settings.md": settings_page,
}
"""The text of each generated page, by its path in docs/. llms.txt comes last: it quotes the others."""
