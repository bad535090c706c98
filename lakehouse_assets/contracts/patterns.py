r"""Regular expressions that mean the same to both engines: Java's in Spark, RE2's in DuckDB.

Only their common part is taken, and what they read differently is written so that they do not: `.` (Java's stops at \r
and U+2028, too), `\s` (RE2's lacks the vertical tab), `$` (Java's also matches before a last newline).

Java matches a repeated group by calling itself, once for each repeat: text of a few thousand letters overflows its
stack, which ends Spark's process. So a group has a limit to its repeats, and so have groups in groups together.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

MOST_REPEATS = 999
"""RE2's limit is 1,000; with the default stack Java overflowed at 1,797 repeats of a group (17.0, `([A-Z0-9]|-)+`)."""
SPACE = r" \t\n\f\r"
PART = re.compile(r"\\.|\[\^?\]?|\(\?:|\(\?|[*+?]|\{[0-9]+(?:,[0-9]*)?\}|.", re.DOTALL)
ESCAPES = re.compile(r"\\[dDwWtnrfAz]\Z|\\[^A-Za-z0-9]\Z", re.DOTALL)
r"""Others are read differently, or by one engine only: `\b` (Java's knows letters of all scripts), `\h`, `\v`, `\R`,
`\p`, `\Q`, `\x`, back references.
"""


class UnfitPattern(ValueError):
    """What the engines would read differently, or not at all. The message follows the pattern's name."""


def portable(pattern: str) -> str:
    """The pattern as both engines read it alike. Raises UnfitPattern."""
    with warnings.catch_warnings():
        # Of a class in a class, which is refused below.
        warnings.simplefilter("ignore", FutureWarning)
        try:
            re.compile(pattern)
        except re.error as error:
            raise UnfitPattern(f"is no regular expression: {error}.") from error
    return "".join(_parts(pattern))


def _parts(pattern: str) -> Iterator[str]:
    in_class, before = False, ""
    depths = [1]
    """Of each open group: how often at most what was read in it so far calls itself."""
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
                        f"repeats a group without a limit, or more than {MOST_REPEATS} times: long text would end"
                        " Spark. Say how often: {0,99}."
                    )
                depths[-1] = max(depths[-1], int(most) * closed)
            yield part
        else:
            yield _outside(part)
        before = part


def _most(part: str) -> float | None:
    """How often at most a quantifier repeats what is before it; None for what is none."""
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
        raise UnfitPattern("has a `{` that says no count: write it as `\\{`, or {0,3} for at most three.")
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
        raise UnfitPattern(f"uses `{part}`, which the engines read differently, or one of them not at all.")
    return part
