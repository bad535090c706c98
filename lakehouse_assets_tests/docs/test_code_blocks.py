"""Every code block of the tour and the how-to pages runs, in order, as a person runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets_tests.docs.commands import faults
from lakehouse_assets_tests.docs.markdown import blocks, name_of, pages
from lakehouse_assets_tests.docs.runner import RUN, SHELL, page_run

PAGES = pages("docs/tour.md", "docs/how-to/*.md")
FEWEST_WORDS = 2
"""Of a reason."""


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.xdist_group(name_of(page)), id=name_of(page)) for page in PAGES]
)
def test_every_block_runs(page: Path, tmp_path: Path) -> None:
    text = page.read_text("utf-8")
    if not any(block.language in RUN and block.not_run is None for block in blocks(text)):
        return
    with page_run(name_of(page), tmp_path) as run:
        run.run(text)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_block_that_is_not_run_says_why_and_names_commands_that_exist(page: Path) -> None:
    found = [block for block in blocks(page.read_text("utf-8")) if block.not_run is not None]
    assert [block.line for block in found if len((block.not_run or "").split()) < FEWEST_WORDS] == []
    shell = [block for block in found if block.language in SHELL]
    assert [(block.line, fault) for block in shell for fault in faults(block.code)] == []
