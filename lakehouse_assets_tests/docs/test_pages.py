"""Every page can be followed: links lead somewhere, commands and variables exist, and lines can be read in a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aws_deploy.settings import Deployment
from docs_reference.commands import NAME
from docs_reference.llms import configuration, in_navigation
from docs_reference.settings import OTHERS, variables
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.docs.commands import faults
from lakehouse_assets_tests.docs.markdown import DOCS, ROOT, anchors, blocks, code_spans, links, name_of, pages
from lakehouse_assets_tests.docs.runner import SHELL

PAGES = pages("*.md", "docs/**/*.md", "benchmarks/*.md")
WIDTH, MOST_WORDS_OF_README = 120, 1200
VARIABLE = re.compile(r"\b(?:LAKEHOUSE|DEPLOY)_[A-Z_]*[A-Z]\b")
every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@every_page
def test_every_relative_link_resolves(page: Path) -> None:
    assert [
        (line, target) for line, target in links(page.read_text("utf-8")) if not leads_somewhere(page, target)
    ] == []


def leads_somewhere(page: Path, target: str) -> bool:
    if re.match(r"[a-z]+:", target):
        return True
    path, _, anchor = target.partition("#")
    found = (page.parent / path).resolve() if path else page
    if not found.exists() or not found.is_relative_to(ROOT):
        return False
    return not anchor or found.suffix != ".md" or anchor in anchors(found.read_text("utf-8"))


def test_the_changelog_has_no_relative_link() -> None:
    """It is read from two folders: as CHANGELOG.md, and as a page of the site."""
    targets = [target for _, target in links((ROOT / "CHANGELOG.md").read_text("utf-8"))]
    assert [target for target in targets if not re.match(r"https?:", target)] == []


@every_page
def test_no_line_is_longer_than_a_terminal_is_wide(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()
    assert [number for number, line in enumerate(lines, start=1) if len(line) > WIDTH] == []


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").split()) <= MOST_WORDS_OF_README


@every_page
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    spans = [(line, code) for line, code in code_spans(text) if code.split()[0] in (NAME, "make")]
    scripts = [(block.line, block.code) for block in blocks(text) if block.language in SHELL]
    assert [(line, fault) for line, code in (*spans, *scripts) for fault in faults(code)] == []


@every_page
def test_every_variable_that_a_page_names_exists(page: Path) -> None:
    known = {*variables(Settings), *variables(Deployment), *OTHERS}
    assert set(VARIABLE.findall(page.read_text("utf-8"))) - known == set()


def test_every_page_is_in_the_navigation() -> None:
    there = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert {path for _, _, path in in_navigation(configuration()["nav"])} == there
