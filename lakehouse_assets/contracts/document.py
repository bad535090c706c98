"""One contract document as YAML: its content, and the line of each part that a fault is about.

YAML that cannot be read to its end is cut before the fault, so that the columns before it are checked as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader of libyaml, which every wheel of PyYAML has. It reads the shipped documents in 3 ms; PyYAML's own loader
takes 18 ms, and every command and every step reads them.
"""
TABS = "the line is indented with a tab, which YAML does not allow: indent it with spaces"
SYNTAX = {
    "found character that cannot start any token": (
        "a value cannot begin with this character: put the value in quotes"
    ),
    "mapping values are not allowed": (
        "a value contains ': ', or the line is indented differently from the lines that it belongs to; put the value in"
        " quotes, or correct the indentation"
    ),
    "did not find expected key": (
        "the line is indented differently from the lines that it belongs to, or a quote above it is closed too early;"
        " correct the indentation or the quotes"
    ),
    "did not find expected '-' indicator": (
        "an entry of the list above is expected: begin it with '- ', or indent the line as what it belongs to"
    ),
    "did not find expected node content": (
        "a value is expected: a '[' or '{' above is not closed, or there is a comma too many"
    ),
    "could not find expected ':'": "a word without a colon: write it as 'word: value'",
    "found unexpected end of stream": "a quote is opened here and never closed: close it",
    "did not find expected ',' or ']'": "a '[' is not closed before this line, or a comma is missing",
    "did not find expected ',' or '}'": "a '{' is not closed before this line, or a comma is missing",
    "found unknown escape character": (
        "a backslash in double quotes begins an escape, and this one is unknown: use single quotes"
    ),
    "found undefined alias": "a value that begins with * refers to an anchor that does not exist: put it in quotes",
    "could not determine a constructor": "a value cannot begin with an exclamation mark: put it in quotes",
    "found unhashable key": "a list or a mapping stands where a word is expected: write 'word: value'",
    "but found another document": "a second document begins here: delete the line '---', one document per file",
}
"""What libyaml says of a fault, and what the author is told instead."""
UNKNOWN = "the YAML cannot be read from here on: compare the indentation, quotes and brackets with the lines above"
SUBJECTS = ("column ", "column name ", "key ", "partition column ", "version column ")
RULES = ("quality rule ", "two rules are named ")
OF_SCHEMA = "schema: "
ALIASES = {"relationship": "relationships", "parent": "relationships"}
IMPLIED = {"key ": "primaryKey", "partition column ": "partitioned"}
"""The word that a fault is about which begins so."""
NO_SUBJECT = {"name", "description", "value", "schema", "server"}
"""Words that are rarely what a fault is about."""
Say = Callable[[int, str], None]


@dataclass(frozen=True)
class Document:
    """`value`: the content. `root`: its nodes, which know their lines. `is_cut`: the YAML could not be read to its
    end.
    """

    value: Any
    root: yaml.Node | None
    is_cut: bool = False

    def line_of(self, text: str) -> int:
        """The line, from 1, of what a fault is about: of the word that it mentions, in the column or the rule that it
        names.
        """
        if named := self._subject(text):
            return _line(_mentioned(text, named) or named)
        schema = _at(self.root, "schema")
        entry = schema.value[0] if isinstance(schema, yaml.SequenceNode) and schema.value else None
        own = _at(entry, "customProperties") if text.startswith(OF_SCHEMA) else None
        places = [node for node in (own, entry, self.root) if node is not None]
        found = next((key for node in places if (key := _mentioned(text, node)) is not None), None)
        return _line(found or places[0]) if places else 1

    def line_at(self, path: tuple[Any, ...]) -> int:
        """The line of the deepest part of a path of keys and places that exists."""
        node, line = self.root, _line(self.root) if self.root is not None else 1
        for part in path:
            if isinstance(node, yaml.MappingNode) and (pair := _pair(node, part)):
                line, node = _line(pair[0]), pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = _line(node)
        return line

    def is_certain(self, text: str) -> bool:
        """Whether a fault holds although the document was cut: it is about a column that is followed by another."""
        columns = self._entries("properties")
        return self._subject(text) in [node for _, node in columns[:-1]]

    def repeated_words(self) -> Iterator[tuple[int, str]]:
        """The line of each word that stands twice in one mapping, of which YAML keeps the last, and the word."""
        for node in _all(self.root) if self.root is not None else ():
            if isinstance(node, yaml.MappingNode):
                words: set[str] = set()
                for key, _ in node.value:
                    if isinstance(key, yaml.ScalarNode) and key.value in words:
                        yield _line(key), key.value
                    words.add(str(key.value))

    def _subject(self, text: str) -> yaml.Node | None:
        """The column or rule whose name follows the first words of the text; of two with that name, the last."""
        named: list[tuple[tuple[str, ...], str, yaml.Node]] = [
            (SUBJECTS, *entry) for entry in self._entries("properties")
        ]
        named += [(RULES, *entry) for entry in self._entries("quality")]
        named += [(("server ",), *entry) for entry in self._entries("servers", "server")]
        for heads, name, node in reversed(named):
            for written in (name, repr(name)):
                if any(
                    text.startswith(head + written) and not re.match(r"\w", text[len(head + written) :])
                    for head in heads
                ):
                    return node
        return None

    def _entries(self, word: str, named: str = "name") -> list[tuple[str, yaml.Node]]:
        """The entries of each list of this name in the document, with their names."""
        return [
            (str(name.value) if isinstance(name := _at(entry, named), yaml.ScalarNode) else "", entry)
            for node in (_all(self.root) if self.root is not None else ())
            if isinstance(node, yaml.MappingNode) and isinstance(entries := _at(node, word), yaml.SequenceNode)
            for entry in entries.value
        ]


def read_document(path: Path, say: Say) -> Document | None:
    """Reads a document; reports each fault of its YAML with its line. None if there is nothing to read."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        return say(1, f"the file cannot be read: {error.strerror}. Check that it exists and its permissions.")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return say(line, "the file is not UTF-8 from here on: save it as UTF-8.")
    found, is_cut = _composed(text, say), False
    while isinstance(found, int):
        is_cut = True
        text = "".join(text.splitlines(keepends=True)[:found])
        found = _composed(text, lambda *_: None) if found else (None, None)
    document = Document(*found, is_cut)
    for line, word in document.repeated_words():
        say(line, f"{word!r} is written twice in the same place: delete one of the two.")
    return None if is_cut and document.root is None else document


def _composed(text: str, say: Say) -> tuple[Any, yaml.Node | None] | int:
    """The content and its nodes, or the number of lines before the fault."""
    try:
        loader = LOADER(text)
        node = loader.get_single_node()
        return (None if node is None else loader.construct_document(node)), node
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n")
        say(line + 1, "the file has a control character, which YAML does not allow: delete it.")
    except yaml.MarkedYAMLError as error:
        is_open = error.problem and "end of stream" in error.problem
        mark = error.context_mark if is_open and error.context_mark else error.problem_mark
        line = mark.line if mark else 0
        words = next((ours for theirs, ours in SYNTAX.items() if theirs in (error.problem or "")), UNKNOWN)
        if re.match(r" *\t", "".join(text.splitlines()[line : line + 1])):
            words = TABS
        say(line + 1, f"{words}.")
    except (yaml.YAMLError, ValueError, RecursionError):
        line = 0
        say(1, "the document has a value that YAML cannot read, such as a date that does not exist: put it in quotes.")
    return min(line, len(text.splitlines()) - 1)


def _all(node: yaml.Node, above: tuple[yaml.Node, ...] = ()) -> Iterator[yaml.Node]:
    """The node and those below it, in their order; an alias that leads back to a node above is left out."""
    if any(node is one for one in above):
        return
    yield node
    for part in node.value if isinstance(node, yaml.CollectionNode) else ():
        for each in part if isinstance(part, tuple) else (part,):
            yield from _all(each, (*above, node))


def _pair(node: yaml.Node, word: object) -> tuple[yaml.Node, yaml.Node] | None:
    """The last entry of a mapping with this key: the one that YAML keeps."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next(((key, value) for key, value in reversed(pairs) if key.value == str(word)), None)


def _at(node: yaml.Node | None, word: str) -> yaml.Node | None:
    pair = _pair(node, word) if node is not None else None
    return pair[1] if pair else None


def _mentioned(text: str, within: yaml.Node) -> yaml.Node | None:
    """The last key below a node that the text mentions, or the entry of customProperties; the word that comes first in
    the text is taken. Of a rule it is the word that the text begins with, or else its predicate.
    """
    keys: dict[str, yaml.Node] = {}
    for node in _all(within):
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            keys[str(key.value)] = key
            if key.value == "property":
                keys[str(value.value)] = value
    if text.startswith(RULES):
        said = re.search(r": (\w+)|'(type): custom'", text)
        return keys.get((said[1] or said[2]) if said else "", keys.get("implementation"))
    words = [word for start, word in IMPLIED.items() if text.startswith(start)]
    words += [ALIASES.get(word, word) for word in re.findall(r"(?:\w+[.])*(\w+)", text)]
    ours = [word for word in words if word in keys and word not in NO_SUBJECT]
    return keys[ours[0]] if ours else None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
