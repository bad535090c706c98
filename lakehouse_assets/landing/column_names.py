"""Compares the column names of a file with those of a contract."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from lakehouse_assets.spelling import loosened, plain

Aliases = tuple[tuple[str, str], ...]
"""Pairs (name in a file, column) of the names that a contract gives its columns beside their own."""


def normalise(header: Sequence[str], known: Sequence[str] = (), aliases: Aliases = ()) -> tuple[str, ...]:
    """The names in the form in which they are compared: without invisible characters and surrounding white space, with
    full-width letters as plain ones, case-folded.

    An empty name becomes its position: the seventh is `column_7`. An alias of a `known` column becomes that column. So
    does a name that differs from the names and aliases of exactly one known column, and only by spaces, dashes and
    underscores.
    """
    exactly, loosely = _known(tuple(known), aliases)
    names = []
    for place, text in enumerate(header, start=1):
        name = plain(text) or unnamed(place)
        meant = loosely.get(loosened(name), frozenset())
        names.append(exactly.get(name) or (next(iter(meant)) if len(meant) == 1 else name))
    return tuple(names)


def unnamed(place: int) -> str:
    """The name of a column that has none, by its position, which counts from 1."""
    return f"column_{place}"


def named_width(header: Sequence[str]) -> int:
    """The number of columns up to the last one that has a name."""
    return max((place for place, text in enumerate(header, start=1) if plain(text)), default=0)


def spellings(header: Sequence[str], known: Sequence[str], aliases: Aliases = ()) -> tuple[tuple[str, str], ...]:
    """The known columns that the header spells differently from their names and aliases, be it only by case or a
    blank, as pairs (name in the header, column)."""
    said = {*((name, name) for name in known), *aliases}
    names = zip(header, normalise(header, known, aliases), strict=True)
    return tuple((text, name) for text, name in names if name in known and (text, name) not in said)


def shown(text: str) -> str:
    """A name for a person to read, with invisible characters escaped."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


@cache
def _known(known: tuple[str, ...], aliases: Aliases) -> tuple[dict[str, str], dict[str, frozenset[str]]]:
    """The known columns by their exact and by their loose names. Cached, because each file of a batch asks for the same
    contract."""
    names = [*((name, name) for name in known), *((plain(alias), name) for alias, name in aliases)]
    loosely: dict[str, frozenset[str]] = {}
    for text, name in names:
        loosely[loosened(text)] = loosely.get(loosened(text), frozenset()) | {name}
    return dict(reversed(names)), loosely
