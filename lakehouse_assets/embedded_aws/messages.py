"""Errors of delta-rs and sqlglot come coloured for a terminal; here they go into answers of an API."""

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def plain(error: Exception) -> str:
    """The message of an error without terminal colours."""
    return _COLOUR.sub("", str(error))
