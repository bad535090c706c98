"""Which pages are generated, and by what."""

from __future__ import annotations

from collections.abc import Callable

from docs_reference.commands import commands_page
from docs_reference.contracts import contracts_page
from docs_reference.exit_codes import exit_codes_page
from docs_reference.llms import llms_txt
from docs_reference.queries import queries_page
from docs_reference.rejects import rejects_page
from docs_reference.reports import reports_page
from docs_reference.settings import settings_page

PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands_page,
    "reference/settings.md": settings_page,
    "reference/contracts.md": contracts_page,
    "reference/reports.md": reports_page,
    "reference/rejects.md": rejects_page,
    "reference/exit-codes.md": exit_codes_page,
    "reference/queries.md": queries_page,
    "llms.txt": llms_txt,
}
"""The text of each generated page, by its path in docs/. llms.txt comes last: it quotes the others."""
