"""The picture in docs/architecture.md shows the packages and the imports that exist."""

from __future__ import annotations

import html
import re

import grimp

from lakehouse_assets_tests.docs.markdown import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PICTURE = (ROOT / "docs" / "architecture.mmd").read_text("utf-8")
DRAWN = (ROOT / "docs" / "architecture.svg").read_text("utf-8")
ARROWS = re.findall(r"(\w+) --> (\w+)", PICTURE)
BASICS = {"errors", "locks", "parallel", "quoting", "spelling", "written"}
"""Modules that everything uses: arrows to them would hide the others."""


def imports() -> dict[str, set[str]]:
    """The packages and modules at the top of lakehouse_assets, and aws_deploy, each with those that it imports."""
    graph = grimp.build_graph("lakehouse_assets", "aws_deploy", cache_dir=None)
    found: dict[str, set[str]] = {room(module): set() for module in graph.modules if room(module)}
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            if room(module) and room(imported):
                found[room(module)].add(room(imported))
    return found


def room(module: str) -> str:
    top, _, inside = module.partition(".")
    return top if top == "aws_deploy" else inside.partition(".")[0]


def test_the_picture_has_every_package_and_no_other() -> None:
    nodes = {node for line in PICTURE.splitlines() if (node := re.match(r"\s+(\w+)(\[|$)", line))}
    names = {node[1] for node in nodes} - {"end"}
    assert names == imports().keys() - BASICS


def test_the_picture_is_drawn_from_its_source() -> None:
    """Else `make picture` was left out."""
    assert list(dict.fromkeys(re.findall(r'data-id="L_(\w+)_\d+"', DRAWN))) == [f"{a}_{b}" for a, b in ARROWS]
    labels = {label or name for name, label in re.findall(r'^\s+(\w+)(?:\["(.+)"\])?$', PICTURE, re.MULTILINE)} - {
        "end"
    }
    words = {word for text in re.findall(r">([^<>]+)</tspan>", DRAWN) for word in html.unescape(text).split()}
    assert {word for label in labels for word in label.split()} - words == set()


def test_every_arrow_is_an_import() -> None:
    found = imports()
    assert [f"{one} --> {other}" for one, other in ARROWS if other not in found[one]] == []


def test_every_package_that_is_named_in_the_page_exists() -> None:
    named = set(re.findall(r"`(lakehouse_assets/[\w/]+|aws_deploy/[\w/]+)(?:\.py|/)?`", PAGE))
    assert [name for name in named if not ((ROOT / name).exists() or (ROOT / f"{name}.py").exists())] == []
