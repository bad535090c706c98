"""From a document's content to the ODCS model. Each value of a wrong form, and each word that ODCS does not have, is
reported and left out, so that the rest of the document is checked as well.
"""

from __future__ import annotations

import re
from copy import deepcopy
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

from open_data_contract_standard.model import (
    CustomProperty,
    DataQuality,
    EnumValue,
    OpenDataContractStandard,
    Relationship,
    SchemaObject,
    SchemaProperty,
    Server,
    Synonym,
)
from pydantic import BaseModel, ValidationError

from lakehouse_assets.contracts.document import Document, Say

Path = tuple[Any, ...]
FORMS = {
    "string": "a text: put it in quotes",
    "list": "a list: begin each entry with '- '",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "too": "a list of two numbers",
    "model": "a mapping: write 'word: value' lines below it",
    "dict": "a mapping: write 'word: value' lines below it",
}
"""What ODCS wants, by the beginning of the name of pydantic's error."""
FORM_OF = {"enum": "a list of entries such as {value: new}"}
"""The same for words of which the error does not say enough."""
PARTS: dict[type[BaseModel], dict[str, type[BaseModel]]] = {
    OpenDataContractStandard: {"servers": Server, "schema": SchemaObject},
    SchemaObject: {
        "properties": SchemaProperty,
        "quality": DataQuality,
        "relationships": Relationship,
        "customProperties": CustomProperty,
    },
    SchemaProperty: {
        "quality": DataQuality,
        "relationships": Relationship,
        "enum": EnumValue,
        "synonyms": Synonym,
        "customProperties": CustomProperty,
    },
}
"""The parts of a document whose words are compared with those of ODCS."""
OWNERS = {"properties": ("column", "name"), "servers": ("server", "server")}
"""The lists whose entries a fault names: what an entry is, and the word of its name."""
TRIES = 5
"""A value that is left out may uncover another fault of the same part."""


class Structure:
    """`model`: the document, without the parts that were reported; None if nothing is left of it."""

    def __init__(self, document: Document, say: Say) -> None:
        self._document, self._say = document, say
        self._left_out: list[tuple[str | None, str]] = []
        self.model = self._read(document.value)

    def explains(self, text: str) -> bool:
        """Whether a fault follows from a value that was left out, or from a word that was misspelled."""
        return any(
            re.search(rf"\b{re.escape(word)}\b", text)
            and (owner is None or re.search(rf"\b{re.escape(owner)}\b", text) or text.startswith("no column"))
            for owner, word in self._left_out
        )

    def _read(self, value: Any) -> OpenDataContractStandard | None:
        if not isinstance(value, dict):
            what = "is empty" if value is None else "is not a mapping"
            return self._say(
                1, f"the document {what}: it must begin with 'apiVersion: v3.1.0' and 'kind: DataContract'."
            )
        content = deepcopy(value)
        for path, known in _unknown_words(value, OpenDataContractStandard, ()):
            near = get_close_matches(str(path[-1]), known, 1, 0.7)
            meant = f"did you mean {near[0]!r}?" if near else "delete it, or put it into customProperties."
            self._say(
                self._document.line_at(path), f"{self._place(path)}{path[-1]!r} is not a word of ODCS here; {meant}"
            )
            self._leave_out(content, path, near[0] if near else str(path[-1]))
        for _ in range(TRIES):
            try:
                return OpenDataContractStandard.model_validate(content)
            except ValidationError as error:
                wrong = {_in_document(content, found["loc"]): found["type"] for found in reversed(error.errors())}
                # From the end, so that the places in a list before stay what they are.
                for path, kind in sorted(wrong.items(), key=lambda item: [str(part).zfill(6) for part in item[0]])[
                    ::-1
                ]:
                    form = FORM_OF.get(_word(path)) or next(
                        (form for start, form in FORMS.items() if kind.startswith(start)), "another value"
                    )
                    self._say(self._document.line_at(path), f"{self._place(path)}{_word(path)} must be {form}.")
                    self._leave_out(content, path, _word(path))
        return None

    def _leave_out(self, content: Any, path: Path, word: str) -> None:
        self._left_out.append((self._owner(path)[1], word))
        for part in path[:-1]:
            content = content[part]
        if path:
            del content[path[-1]]

    def _place(self, path: Path) -> str:
        what, name = self._owner(path)
        return f"{what} {name}: " if name else ""

    def _owner(self, path: Path) -> tuple[str, str | None]:
        """The column, or the server, that a path leads into: what it is, and its name."""
        value: Any = self._document.value
        for part, within in pairwise(path):
            value = value[part]
            if part in OWNERS and isinstance(within, int) and isinstance(value[within], dict):
                what, word = OWNERS[part]
                return what, str(value[within].get(word))
        return "", None


def _word(path: Path) -> str:
    """The last word of a path, as `enum` of the path (…, enum, 0)."""
    return next((str(part) for part in reversed(path) if not isinstance(part, int)), "the document")


def _in_document(content: Any, location: tuple[Any, ...]) -> Path:
    """The part of pydantic's location that is in the document: it also names the types of a union."""
    path: list[Any] = []
    for part in location:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            continue
        path.append(part)
    return tuple(path)


def _unknown_words(value: Any, model: type[BaseModel], path: Path) -> list[tuple[Path, list[str]]]:
    """The path of each word that the model does not have, from the end of the document on, with the words that it
    has.
    """
    if not isinstance(value, dict):
        return []
    known = [field.alias or name for name, field in model.model_fields.items()]
    found: list[tuple[Path, list[str]]] = [((*path, word), known) for word in value if word not in known]
    for word, part in PARTS.get(model, {}).items():
        entries = value.get(word)
        for place, entry in enumerate(entries if isinstance(entries, list) else []):
            found += _unknown_words(entry, part, (*path, word, place))
    return found
