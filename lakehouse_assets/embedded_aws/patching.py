"""How a gap is filled: a function of ministack gives way to ours.

ministack has no plug-in interface, so its version is pinned and every seam is checked when the server starts: an
upgrade that renames one stops the server with its name, instead of bringing a silent gap back.
"""

from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

# What ministack's request handlers return: the status, the headers, the body.
Response = tuple[int, dict[str, str], bytes]


def replace(module: ModuleType, name: str, replacement: Callable[..., Any]) -> None:
    """Puts `replacement` in the place of the function `module.name`."""
    _function(module, name)
    setattr(module, name, replacement)


def wrap(module: ModuleType, name: str, wrapper: Callable[..., Any]) -> None:
    """Puts `wrapper` in the place of the function `module.name`, which it gets as its first argument."""
    setattr(module, name, partial(wrapper, _function(module, name)))


def _function(module: ModuleType, name: str) -> Callable[..., Any]:
    function: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(function):
        raise TypeError(
            f"this version of ministack has no {module.__name__}.{name}: the gap that is filled there has to be looked"
            " at again"
        )
    return function
