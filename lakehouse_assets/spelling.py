"""The forms in which the names of columns are compared: those in a file's header with those of a contract."""

from __future__ import annotations

import re
import unicodedata

SEPARATORS = re.compile(r"[\s_\-\u2010-\u2015]+")


def plain(text: str) -> str:
    """The name without surrounding white space and invisible characters, with full-width letters as plain ones,
    case-folded. (Nobody sees format characters, Unicode's category Cf: zero width space, soft hyphen, byte order mark.)
    """
    if not text.isascii():
        text = "".join(letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.category(letter) != "Cf")
    return text.strip().casefold()


def loosened(name: str) -> str:
    """The same for plain names that differ only by spaces, dashes and underscores."""
    return SEPARATORS.sub("_", name)
