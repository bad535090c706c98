r"""Regular expressions with the same meaning in both engines: Java's in Spark, RE2's in DuckDB.

Only the common part of both is accepted. Parts that the engines read differently are rewritten: `.` (Java's also stops
at \r and U+2028), `\s` (RE2's lacks the vertical tab), `$` (Java's also matches before a last newline).

Java matches a repeated group by recursion, one call per repetition. A text of a few thousand characters overflows its
stack, which ends Spark's process. So the repetitions of a group are limited, and so is their product in nested groups.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

MOST_REPEATS = 999
"""RE2's limit is 1,000. With the default stack, Java 17.0 overflowed at 1,797 repetitions of a group (`([A-Z0-9]|-)+`).
"""
SPACE = r" \t\n\f\r"
PART = re.compile(r"\\.|\[\^?\]?|\(\?:|\(\?|[*+?]|\{[0-9]+(?:,[0-9]*)?\}|.", re.DOTALL)
ESCAPES = re.compile(r"\\[dDwWtnrfAz]\Z|\\[^A-Za-z0-9]\Z", re.DOTALL)
r"""The engines read other escapes differently, or only one of them reads them: `\b` (Java's knows letters of all
scripts), `\h`, `\v`, `\R`, `\p`, `\Q`, `\x`, back references.
"""


class UnfitPattern(ValueError):
    """The pattern would be read differently by the engines, or one of them does not support it. The message is a
    predicate: the caller puts the pattern before it.
    """


def portable(pattern: str) -> str:
    """Returns the pattern in a form that both engines read alike. Raises UnfitPattern if there is none."""
    with warnings.catch_warnings():
        # Python warns of a class in a class, which is rejected below.
        warnings.simplefilter("ignore", FutureWarning)
        try:
            re.compile(pattern)
        except re.error as error:
            at = pattern[error.pos or 0 :][:20]
            raise UnfitPattern(
                f"is not a regular expression: it cannot be read from {at!r} on. Close each bracket, and put a"
                " backslash before a sign that means itself."
                if at
                else "is not a regular expression: it ends too early. Close each bracket."
            ) from error
    return "".join(_parts(pattern))


def _parts(pattern: str) -> Iterator[str]:
    in_class, before = False, ""
    depths = [1]
    """For each open group, the greatest depth of recursion of its content so far."""
    closed = 0
    for part in PART.findall(pattern):
        if in_class:
            yield _in_class(part)
            in_class = part != "]"
        elif part.startswith("["):
            if part.endswith("]"):
                raise UnfitPattern("has a `]` that begins a class: write it as `\\]`.")
            in_class = True
            yield part
        elif part == "(?":
            raise UnfitPattern("uses a look-around or a flag.")
        elif part.startswith("("):
            depths.append(1)
            yield part
        elif part == ")":
            closed = depths.pop()
            depths[-1] = max(depths[-1], closed)
            yield part
        elif (most := _most(part)) is not None:
            if part == "+" and _most(before) is not None:
                raise UnfitPattern("uses a possessive quantifier.")
            if most > MOST_REPEATS and part not in ("*", "+") and not part.endswith(",}"):
                raise UnfitPattern(f"repeats something more than {MOST_REPEATS} times.")
            if before == ")" and most > 1:
                if most * closed > MOST_REPEATS:
                    raise UnfitPattern(
                        f"repeats a group without a limit, or more than {MOST_REPEATS} times: a long text would"
                        " crash Spark. Give a limit, such as {0,99}."
                    )
                depths[-1] = max(depths[-1], int(most) * closed)
            yield part
        else:
            yield _outside(part)
        before = part


def _most(part: str) -> float | None:
    """The greatest number of repetitions that a quantifier allows; None if the part is not a quantifier."""
    if part in ("*", "+"):
        return float("inf")
    if part == "?":
        return 1
    if part.startswith("{") and len(part) > 1:
        least, comma, most = part[1:-1].partition(",")
        return float(most) if most else float("inf") if comma else float(least)
    return None


def _outside(part: str) -> str:
    if part == "{":
        raise UnfitPattern("has a `{` without a count: write it as `\\{`, or {0,3} for at most three.")
    if part == ".":
        return r"[^\n]"
    if part == "$":
        return r"\z"
    if part == r"\s":
        return f"[{SPACE}]"
    if part == r"\S":
        return f"[^{SPACE}]"
    return _escaped(part)


def _in_class(part: str) -> str:
    if part.startswith("[") or part == "&":
        raise UnfitPattern(f"has a `{part[0]}` in a class: write it as `\\{part[0]}`.")
    return SPACE if part == r"\s" else _escaped(part)


def _escaped(part: str) -> str:
    if len(part) == 2 and part.startswith("\\") and not ESCAPES.match(part):
        raise UnfitPattern(f"uses `{part}`, which the engines read differently, or which one of them does not support.")
    return part
