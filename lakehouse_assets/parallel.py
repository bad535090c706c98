"""Runs many small requests in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

THREADS = 12
T = TypeVar("T")
R = TypeVar("R")


def in_parallel(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The results in the order of the items. Raises the first failure. Uses threads: requests to AWS mostly wait."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(function, items))
