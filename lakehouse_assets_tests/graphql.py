"""Questions to the API of Dagster's user interface."""

from __future__ import annotations

import json
import urllib.request
from typing import Any


def answer_of(url: str, query: str, seconds: float) -> dict[str, Any]:
    """The answer of the user interface at this address."""
    request = urllib.request.Request(
        f"{url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        data: dict[str, Any] = json.load(answer)["data"]
        return data
