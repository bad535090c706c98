"""What is in a Markdown page: its code blocks, links, headings and pieces of code."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"( *)(`{3,}|~{3,})(.*)\Z")
TITLE = re.compile(r'title="([^"]+)"')
MARKER = re.compile(r"<!--\s*(not run|exits with)\b:?((?:(?!-->).)*)-->\Z", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
CODE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
HEADING = re.compile(r"#{1,6} +(.+?) *#* *\Z")


@dataclass(frozen=True)
class Block:
    """A code block. `line`: that of its fence, from 1. `title`: the file that it is to be, if it names one. `not_run`:
    why it is not run, as the comment before it says; None if it is. `exits_with`: the exit code that it must end with.
    """

    language: str
    code: str
    line: int
    title: str | None = None
    not_run: str | None = None
    exits_with: int = 0


def pages(*patterns: str) -> list[Path]:
    """The files of the repository that the patterns name, sorted. Fails for a pattern that names none."""
    found = {pattern: sorted(ROOT.glob(pattern)) for pattern in patterns}
    assert all(found.values()), f"no page: {[pattern for pattern in patterns if not found[pattern]]}"
    return [page for paths in found.values() for page in paths]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name


def blocks(text: str) -> list[Block]:
    """The fenced code blocks of a page, in order. Raises ValueError for one that does not end."""
    lines = text.splitlines()
    found, number = [], 0
    while number < len(lines):
        opened = FENCE.match(lines[number])
        if not opened:
            number += 1
            continue
        indent, fence, info = opened.groups()
        end = next((n for n in range(number + 1, len(lines)) if _closes(lines[n], fence)), None)
        if end is None:
            raise ValueError(f"line {number + 1}: the code block does not end")
        body = [line.removeprefix(indent) for line in lines[number + 1 : end]]
        found.append(_block(info.strip(), "\n".join(body), number + 1, "\n".join(lines[:number])))
        number = end + 1
    return found


def prose(text: str) -> str:
    """The page without its code blocks; the lines stay where they are."""
    lines, fence = [], None
    for line in text.splitlines():
        opened = FENCE.match(line) if fence is None else None
        lines.append("" if opened or fence is not None else line)
        if opened:
            fence = opened[2]
        elif fence is not None and _closes(line, fence):
            fence = None
    return "\n".join(lines)


def links(text: str) -> Iterator[tuple[int, str]]:
    """The target of each link and picture, with its line."""
    without_code = CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), prose(text))
    for found in LINK.finditer(without_code):
        yield without_code.count("\n", 0, found.start()) + 1, found[1]


def code_spans(text: str) -> Iterator[tuple[int, str]]:
    """Each piece of code within a sentence, with its line."""
    without_blocks = prose(text)
    for found in CODE.finditer(without_blocks):
        yield without_blocks.count("\n", 0, found.start()) + 1, " ".join(found[1].split())


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as Python-Markdown and GitHub make them of plain headings."""
    found: dict[str, int] = {}
    names = set()
    for line in prose(text).splitlines():
        if heading := HEADING.match(line):
            slug = _slug(heading[1])
            number = found[slug] = found.get(slug, -1) + 1
            names |= {f"{slug}_{number}", f"{slug}-{number}"} if number else {slug}
    return names


def _slug(heading: str) -> str:
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    ascii_only = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", ascii_only).strip().lower())


def _closes(line: str, fence: str) -> bool:
    return line.strip().startswith(fence) and not line.strip().strip(fence[0])


def _block(info: str, code: str, line: int, before: str) -> Block:
    language, _, rest = info.partition(" ")
    marker = MARKER.search(before.rstrip())
    kind, said = (marker[1], " ".join(marker[2].split())) if marker else ("", "")
    title = TITLE.search(rest)
    return Block(
        language,
        textwrap.dedent(code),
        line,
        title[1] if title else None,
        said if kind == "not run" else None,
        int(said) if kind == "exits with" else 0,
    )
