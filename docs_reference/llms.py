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
"""Characters of what is said of a page, if its first sentence is not longer."""
INCLUDED = re.compile(r'--8<-- "(.+)"')
NO_PARAGRAPH = re.compile(r"#|```|\||[-!] ?|\d+\. ")
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def llms_txt() -> str:
    """docs/llms.txt, from the navigation of mkdocs.yml and the first paragraph of each page.

    Raises FileNotFoundError for a page that is not there.
    """
    site = configuration()
    lines = [f"# {site['site_name']}", "", f"> {site['site_description']}"]
    section = None
    for heading, title, path in in_navigation(site["nav"]):
        if heading != section:
            lines += ["", f"## {heading}", ""]
            section = heading
        lines.append(_line(title, path))
    return "\n".join(lines) + "\n"


def configuration() -> dict[str, Any]:
    """mkdocs.yml"""
    found: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    return found


def in_navigation(nav: list[dict[str, Any]], heading: str = "Pages") -> Iterator[tuple[str, str, str]]:
    """Each page of a navigation, as the heading that it is under, its title and its path; those under no heading come
    first."""
    found = [entry for entries in nav for entry in entries.items()]
    for title, path in found:
        if isinstance(path, str):
            yield heading, title, path
    for title, inner in found:
        if not isinstance(inner, str):
            yield from in_navigation(inner, title)


def first_paragraph(text: str) -> str:
    """The first paragraph of a page: behind its title, without comments and links."""
    for part in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL).split("\n\n"):
        words = " ".join(part.split())
        if words and not NO_PARAGRAPH.match(words):
            return re.sub(r"\*\*?([^*`]+)\*\*?", r"\1", LINK.sub(r"\1", words)).removeprefix("Goal: ")
    return ""


def address(path: str) -> str:
    """Where the site has a page, from its root."""
    return path.removesuffix("index.md").removesuffix(".md") + ("" if path.endswith("index.md") else "/") or "./"


def _line(title: str, path: str) -> str:
    text = (DOCS / path).read_text("utf-8")
    if included := INCLUDED.match(text):
        text = (ROOT / included[1]).read_text("utf-8")
    said, *more = re.split(r"(?<=[.:]) (?=[A-Z`])", first_paragraph(text))
    for sentence in more:
        if len(said) + len(sentence) >= LONGEST:
            break
        said = f"{said} {sentence}"
    return f"- [{title}]({address(path)}): {said[0].upper()}{said[1:]}"
