"""One value of a query or a report as text."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

CLEAR = re.compile(r"[^\s,'\"=]+( [^\s,'\"=]+)*\Z")


def is_number(value: Any) -> bool:
    """Whether a value is a number; a boolean is not."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def text_of(value: Any) -> str:
    """A value as text: empty if missing, a boolean as in JSON, a list joined by semicolons, an object as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, list):
        return "; ".join(text_of(item) for item in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def short_text(value: Any) -> str:
    """Like `text_of`, but an object as name=value pairs; a text is quoted only if blanks or commas would mislead."""
    if isinstance(value, dict):
        return ", ".join(
            f"{name}={text_of(text) if CLEAR.match(text_of(text)) else json.dumps(text, ensure_ascii=False)}"
            for name, text in value.items()
        )
    return text_of(value)
