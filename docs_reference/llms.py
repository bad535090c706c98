"""llms.txt: what the site is, and a link to each page with a line on it, for language models (llmstxt.org)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LONGEST = 160
"""Characters of a page's line."""
INCLUDED = re.compile(r'--8<-- "(.+)"')
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def llms_txt() -> str:
    """docs/llms.txt, from the navigation of mkdocs.yml and the first paragraph of each page."""
    site = configuration()
    lines = [f"# {site['site_name']}", "", f"> {site['site_description']}", ""]
    pages: list[tuple[str, Any]] = []
    sections: list[tuple[str, Any]] = []
    for title, found in entries(site["nav"]):
        (pages if isinstance(found, str) else sections).append((title, found))
    for title, found in (("Pages", [{title: path} for title, path in pages]), *sections):
        lines += [f"## {title}", "", *(_line(name, path) for name, path in _pages(found)), ""]
    return "\n".join(lines).rstrip() + "\n"


def configuration() -> dict[str, Any]:
    """mkdocs.yml"""
    found: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    return found


def entries(nav: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The titles of a navigation, each with its page's path or the entries below it."""
    for entry in nav:
        yield from entry.items()


def _pages(nav: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The titles and paths of the pages of a section and of the sections in it."""
    for title, found in entries(nav):
        if isinstance(found, str):
            yield title, found
        else:
            yield from _pages(found)


def first_paragraph(text: str) -> str:
    """The first paragraph of a page: behind its title, without comments and links."""
    for part in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL).split("\n\n"):
        words = " ".join(part.split())
        if words and not words.startswith(("#", "```", "|", "- ", "!")):
            return re.sub(r"[*`]", "", LINK.sub(r"\1", words))
    return ""


def _line(title: str, path: str) -> str:
    text = (DOCS / path).read_text("utf-8")
    if included := INCLUDED.match(text):
        text = (ROOT / included[1]).read_text("utf-8")
    said = first_paragraph(text)
    short = said if len(said) <= LONGEST else said[: said.rfind(" ", 0, LONGEST)] + " …"
    return f"- [{title}]({path}): {short}"
