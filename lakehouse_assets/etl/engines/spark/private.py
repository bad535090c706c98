"""Calls classes of Spark and Delta Lake that are not part of their public API, each with a public alternative.

They save jobs, and with them seconds of a small batch. Glue runs builds of its own, in which such a class may be
missing or have other arguments.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from py4j.protocol import Py4JError, Py4JJavaError, Py4JNetworkError

T = TypeVar("T")

OTHER_BUILD = (
    "java.lang.NoSuchMethodError",
    "java.lang.NoSuchFieldError",
    "java.lang.NoClassDefFoundError",
    "java.lang.IllegalAccessError",
)
"""What Java throws if a class was compiled against another version than the one that is present."""

log = logging.getLogger(__name__)
_missed: set[str] = set()


def either(what: str, private: Callable[[], T], public: Callable[[], T]) -> T:
    """Returns the result of `private`, or of `public` if this build of Spark lacks the private classes. `what`: named
    in the log, once.
    """
    if what not in _missed:
        try:
            return private()
        except (Py4JError, TypeError) as error:
            if not _is_missing(error):
                raise
            _missed.add(what)
            log.warning(
                "This build of Spark lacks a private class (%s: %s). The public API is used instead, which is slower.",
                what,
                error,
            )
    return public()


def _is_missing(error: Exception) -> bool:
    """py4j takes an unknown class for a package, which cannot be called (TypeError). For an unknown method or other
    arguments it raises a Py4JError of its own.
    """
    if isinstance(error, Py4JJavaError):
        return error.java_exception.getClass().getName() in OTHER_BUILD
    return not isinstance(error, Py4JNetworkError)
