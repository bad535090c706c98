"""Reads what a typed dictionary says of its keys: the text that follows each of them in its class."""

from __future__ import annotations

import ast
import inspect
import textwrap


def keys_of(kind: type) -> dict[str, str]:
    """Each key of a TypedDict (or field of a dataclass) and the docstring below it.

    Raises LookupError for a key without one.
    """
    [tree] = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            said = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else None
            if said is None:
                raise LookupError(f"{kind.__name__}.{node.target.id} has no docstring.")
            found[node.target.id] = " ".join(str(said).split())
    return found
