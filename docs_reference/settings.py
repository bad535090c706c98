"""The page of the settings, from the two pydantic models that read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from aws_deploy.settings import Deployment
from docs_reference.markdown import bullets, code, page, paragraph, plain
from lakehouse_assets.contracts import SHIPPED
from lakehouse_assets.settings import PREFIX_BYTES, Settings

INTRODUCTION = (
    "Every setting is an environment variable. All are validated at the start of a command, and all faults are in one"
    " message; `lakehouse doctor` also names variables that nothing reads. An empty variable counts as not set."
)
DEPLOYMENT = (
    "`make deploy` and its kin read these as well, and the settings of the lakehouse above. See [Deploy to"
    " AWS](../how-to/deploy-to-aws.md)."
)
OTHERS = {
    "LAKEHOUSE_MAVEN_MIRROR": (
        "Where `make spark` and `make test-trino` download Java archives from: the address of a Maven repository."
        " Unless it is set: Maven Central."
    ),
}
"""Variables that are not settings. A test holds them to those that `lakehouse doctor` knows."""
PATTERNS = {
    r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$": "3 to 63 lower-case letters, digits, `.` and `-`",
    r"^[a-z][a-z0-9_]{0,127}$": "up to 128 lower-case letters, digits and `_`, beginning with a letter",
    r"^[A-Za-z0-9_-]{1,64}$": "up to 64 letters, digits, `_` and `-`",
    r"^[A-Za-z0-9_-]{1,256}$": "up to 256 letters, digits, `_` and `-`",
    r"^https?://": "an address that begins with `http://` or `https://`",
}
"""Each regular expression of a setting, in words."""
PREFIX = f"a folder in the bucket: it ends with `/`, does not begin with one, and has at most {PREFIX_BYTES} bytes"


def settings_page() -> str:
    """docs/reference/settings.md"""
    return page(
        "Settings",
        INTRODUCTION,
        "## The lakehouse",
        *_fields(Settings),
        "## The deployment",
        paragraph(DEPLOYMENT),
        *_fields(Deployment),
        "## Other variables",
        *(part for name, meaning in OTHERS.items() for part in (f"### {name}", paragraph(meaning))),
    )


def variables(kind: type[BaseSettings]) -> dict[str, FieldInfo]:
    """The environment variable of each field of a settings model."""
    prefix = kind.model_config["env_prefix"]
    own_first = sorted(kind.model_fields.items(), key=lambda item: item[0] not in kind.__annotations__)
    return {f"{prefix}{name.upper()}": field for name, field in own_first}


def _fields(kind: type[BaseSettings]) -> Iterator[str]:
    for name, field in variables(kind).items():
        yield f"### {name}"
        yield paragraph(plain(field.description or ""))
        yield bullets((f"Default: {_default(field)}", f"Values: {_values(name, field)}"))


def _default(field: FieldInfo) -> str:
    if field.default == SHIPPED:
        return "the contracts of the package"
    if field.default in (None, "", ()):
        return "not set"
    return code(field.default)


def _values(name: str, field: FieldInfo) -> str:
    """What may be said, in words: from the type of the field and its bounds."""
    kinds = [kind for kind in (get_args(field.annotation) or (field.annotation,)) if kind is not type(None)]
    choices = _choices(field.annotation)
    if choices:
        return ", ".join(map(code, choices))
    if pattern := _of(field, "pattern"):
        return PATTERNS[pattern]
    if name.endswith("_PREFIX"):
        return PREFIX
    if isinstance(field.json_schema_extra, dict) and "enum" in field.json_schema_extra:
        listed: Any = field.json_schema_extra["enum"]
        return ", ".join(map(code, listed))
    if Path in kinds:
        return "a path"
    if int in kinds or float in kinds:
        return f"{'a whole number' if int in kinds else 'a number'}{_bounds(field)}"
    return "a text" if str in kinds and get_origin(field.annotation) is None else "texts, separated by commas"


def _choices(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((found for part in get_args(annotation) if (found := _choices(part))), ())


def _bounds(field: FieldInfo) -> str:
    least, above, most = (_of(field, name) for name in ("ge", "gt", "le"))
    if above is not None:
        return f" above {above}"
    if most is not None:
        return f" from {least} to {most}"
    return f", at least {least}" if least is not None else ""


def _of(field: FieldInfo, name: str) -> Any:
    """A bound of a field, which pydantic keeps in its metadata."""
    return next((value for each in field.metadata if (value := getattr(each, name, None)) is not None), None)
