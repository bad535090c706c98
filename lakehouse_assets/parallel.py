"""Many small requests at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

THREADS = 12
T = TypeVar("T")
R = TypeVar("R")


def in_parallel(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The results in order; the first failure is raised. For small requests to S3, which are all waiting."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(function, items))
