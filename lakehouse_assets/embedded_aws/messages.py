"""Messages of delta-rs and sqlglot contain terminal colours. The embedded AWS returns them in API responses."""

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def plain(error: Exception) -> str:
    """The message of an error without terminal colours."""
    return _COLOUR.sub("", str(error))
