"""Delta tables as the embedded Glue and Athena see them: the current version, read from the table's log."""

import json
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from lakehouse_assets.embedded_aws.messages import plain

# A Delta type as in the log: a name, or an object for arrays, maps and structs.
DeltaType = str | dict[str, Any]


class NotReadableError(Exception):
    """There is no Delta table, or its Parquet files alone do not show its rows."""


@dataclass(frozen=True)
class Field:
    """A column of a Delta table."""

    name: str
    type: DeltaType


@dataclass(frozen=True)
class LiveFile:
    """A data file of the current version. `key`: in the table's bucket; `size`: in bytes; `partition`: the values of
    the partition columns.
    """

    key: str
    size: int
    partition: dict[str, object]


@dataclass(frozen=True)
class Snapshot:
    """The current version of a Delta table."""

    location: str
    version: int
    schema_json: str
    fields: tuple[Field, ...]
    partition_columns: tuple[str, ...]
    bucket: str
    live_files: tuple[LiveFile, ...]


def read_snapshot(location: str) -> Snapshot:
    """The current version of the Delta table at this `s3://` location. Reads only the log.

    Raises NotReadableError if there is no table, or if it needs more than reader version 1
    (https://github.com/delta-io/delta/blob/master/PROTOCOL.md#reader-version-requirements): with deletion vectors the
    files contain deleted rows, and with column mapping their columns have other names.
    """
    try:
        table = DeltaTable(location)
    except TableNotFoundError as error:
        raise NotReadableError(f"there is no Delta table at {location}") from error
    except (DeltaError, OSError) as error:
        raise NotReadableError(f"the Delta table at {location} cannot be read: {plain(error)}") from error
    _refuse_more_than_the_first_reader_version(table, location)
    bucket, _, prefix = location.removeprefix("s3://").rstrip("/").partition("/")
    schema_json = table.schema().to_json()
    partition_columns = tuple(table.metadata().partition_columns)
    return Snapshot(
        location=location,
        version=table.version(),
        schema_json=schema_json,
        fields=tuple(Field(field["name"], field["type"]) for field in json.loads(schema_json)["fields"]),
        partition_columns=partition_columns,
        bucket=bucket,
        live_files=_live_files(table, prefix, partition_columns),
    )


def _refuse_more_than_the_first_reader_version(table: DeltaTable, location: str) -> None:
    protocol = table.protocol()
    if protocol.min_reader_version > 1:
        features = ", ".join(protocol.reader_features or []) or "column mapping"
        raise NotReadableError(
            f"the Delta table at {location} needs reader version {protocol.min_reader_version} ({features});"
            " the embedded AWS reads version 1, without deletion vectors and column mapping"
        )


def _live_files(table: DeltaTable, prefix: str, partition_columns: tuple[str, ...]) -> tuple[LiveFile, ...]:
    added = table.get_add_actions(flatten=True)

    def column(name: str) -> list[Any]:
        return cast(list[Any], added[name].to_pylist())

    partition_values = {name: column(f"partition.{name}") for name in partition_columns}
    files = []
    for number, (path, size) in enumerate(zip(column("path"), column("size_bytes"), strict=True)):
        if "://" in path:
            raise NotReadableError(f"the Delta table {prefix} refers to a file outside of it: {path}")
        # Paths in the log are URL-encoded (PROTOCOL.md, "Add File and Remove File"); keys are not.
        files.append(
            LiveFile(
                f"{prefix}/{unquote(path)}", size, {name: values[number] for name, values in partition_values.items()}
            )
        )
    return tuple(files)


def type_in(names: dict[str, str], nested: dict[str, str], type_: DeltaType) -> str:
    """The name of a Delta type in another type system.

    `names`: the primitive types that have another name there. `nested`: the templates of `array` (`{element}`), `map`
    (`{key}`, `{value}`), `struct` (`{fields}`) and `field` (`{name}`, `{type}`).
    """
    if isinstance(type_, str):
        return names.get(type_, type_)
    if type_["type"] == "array":
        return nested["array"].format(element=type_in(names, nested, type_["elementType"]))
    if type_["type"] == "map":
        key, value = (type_in(names, nested, type_[part]) for part in ("keyType", "valueType"))
        return nested["map"].format(key=key, value=value)
    fields = [
        nested["field"].format(name=field["name"], type=type_in(names, nested, field["type"]))
        for field in type_["fields"]
    ]
    return nested["struct"].format(fields=",".join(fields))
