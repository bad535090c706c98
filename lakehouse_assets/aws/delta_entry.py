"""The Glue catalog's entry of a Delta table, as Glue's crawler writes it with CreateNativeDeltaTable.

Trino, the engine of Athena version 3, needs more fields of an entry than AWS's page on Delta tables names. It reads the
table's location only from the SerDe's parameter `path` (`No path property defined for table`), and fails without a
SerDe (`StorageDescriptor SerDeInfo is null`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DELTA = {
    "EXTERNAL": "TRUE",
    "classification": "delta",
    "table_type": "delta",
    "spark.sql.sources.provider": "delta",
    "spark.sql.partitionProvider": "catalog",
}
"""The table parameters by which Athena, Trino and Spark recognize a Delta table."""
INPUT_FORMAT = "org.apache.hadoop.mapred.SequenceFileInputFormat"
OUTPUT_FORMAT = "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat"
SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"


def delta_entry(
    name: str, columns: Mapping[str, str], location: str, parameters: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The TableInput of a Delta table. `columns`: the Hive type of each column, including partition columns.
    `parameters`: table parameters besides those of every Delta table.
    """
    all_parameters = {**DELTA, **(parameters or {})}
    return {
        "Name": name,
        "Owner": "owner",
        "TableType": "EXTERNAL_TABLE",
        # The partitions are in Delta's log. Athena still requires the list, "at least set to an empty list" (Glue's API
        # reference, TableInput).
        "PartitionKeys": [],
        "Parameters": all_parameters,
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": kind} for column, kind in columns.items()],
            "Location": location,
            "InputFormat": INPUT_FORMAT,
            "OutputFormat": OUTPUT_FORMAT,
            "Compressed": False,
            "NumberOfBuckets": -1,
            "SerdeInfo": {"SerializationLibrary": SERDE, "Parameters": {"serialization.format": "1", "path": location}},
            "BucketColumns": [],
            "SortColumns": [],
            "Parameters": all_parameters,
            "StoredAsSubDirectories": False,
        },
    }


def says_the_same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether an entry of the catalog means the same to a reader as this TableInput.

    Ignores what no reader uses and what crawlers and this project write differently: the order of the columns, a slash
    at the end of the location, the case of `delta`, parameters besides those of every Delta table, the description.
    """
    return _relevant(found) == _relevant(wanted)


def delta_path(entry: Mapping[str, Any]) -> str | None:
    """The table's location for Trino; None if the entry has none."""
    path = _serde(entry).get("Parameters", {}).get("path")
    return str(path) if path else None


def has_serde(entry: Mapping[str, Any]) -> bool:
    """Whether the entry has a SerDe, without which Trino fails."""
    return bool(_serde(entry))


def _serde(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return (entry.get("StorageDescriptor") or {}).get("SerdeInfo") or {}


def _relevant(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    storage, serde, parameters = entry.get("StorageDescriptor") or {}, _serde(entry), entry.get("Parameters") or {}
    return (
        entry.get("TableType"),
        entry.get("PartitionKeys") or [],
        {name: parameters.get(name, "").lower() for name in DELTA},
        {column["Name"]: column["Type"] for column in storage.get("Columns") or []},
        [(location or "").rstrip("/") for location in (storage.get("Location"), delta_path(entry))],
        [storage.get(name) for name in ("InputFormat", "OutputFormat")],
        [serde.get("SerializationLibrary"), (serde.get("Parameters") or {}).get("serialization.format")],
    )
