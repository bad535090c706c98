"""Compares the column names of a file with those of a contract."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

SEPARATORS = re.compile(r"[\s_\-\u2010-\u2015]+")


def normalise(header: Sequence[str], known: Sequence[str] = ()) -> tuple[str, ...]:
    """The names in the form in which they are compared: without invisible characters and surrounding white space, with
    full-width letters as plain ones, case-folded.

    An empty name becomes its position: the seventh is `column_7`. A name that differs from exactly one of the `known`
    columns, and only by spaces, dashes and underscores, becomes that column.
    """
    loosely = _loosely(tuple(known))
    names = []
    for place, text in enumerate(header, start=1):
        name = _plain(text) or unnamed(place)
        meant = loosely.get(_loosened(name), [])
        names.append(name if name in known or len(meant) != 1 else meant[0])
    return tuple(names)


def unnamed(place: int) -> str:
    """The name of a column that has none, by its position, which counts from 1."""
    return f"column_{place}"


def named_width(header: Sequence[str]) -> int:
    """The number of columns up to the last one that has a name."""
    return max((place for place, text in enumerate(header, start=1) if _plain(text)), default=0)


def spellings(header: Sequence[str], known: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The known columns that the header spells differently, beyond case and surrounding blanks, as pairs (name in the
    header, column)."""
    names = zip(header, normalise(header, known), strict=True)
    return tuple((text, name) for text, name in names if name in known and spelled(text) != name)


def spelled(text: str) -> str:
    """A name without case and surrounding blanks, which people do not call another spelling."""
    return text.strip(" \t\r\n").casefold()


def shown(text: str) -> str:
    """A name for a person to read, with invisible characters escaped."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def _plain(text: str) -> str:
    """Removes format characters (Unicode category Cf: zero width space, soft hyphen, byte order mark), which nobody
    sees."""
    if not text.isascii():
        text = "".join(letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.category(letter) != "Cf")
    return text.strip().casefold()


@cache
def _loosely(known: tuple[str, ...]) -> dict[str, list[str]]:
    """The known columns by their loose form. Cached, because each file of a batch asks for the same contract."""
    loosely: dict[str, list[str]] = {}
    for column in known:
        loosely.setdefault(_loosened(column), []).append(column)
    return loosely


def _loosened(name: str) -> str:
    return SEPARATORS.sub("_", name)
