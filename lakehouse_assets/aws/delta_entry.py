"""What the Glue catalog says of a Delta table, by whoever registers it: what Glue's crawler writes with
CreateNativeDeltaTable.

Trino, the engine of Athena version 3, needs more of an entry than AWS's page on Delta tables names. It takes the
table's location from the SerDe's parameter `path` alone (`No path property defined for table`), and fails without a
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
"""The table parameters by which Athena, Trino and Spark know a Delta table."""
INPUT_FORMAT = "org.apache.hadoop.mapred.SequenceFileInputFormat"
OUTPUT_FORMAT = "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat"
SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"


def delta_entry(
    name: str, columns: Mapping[str, str], location: str, parameters: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The TableInput of a Delta table. `columns`: each one's Hive type, partition columns among them. `parameters` come
    on top of every Delta table's own.
    """
    said = {**DELTA, **(parameters or {})}
    return {
        "Name": name,
        "Owner": "owner",
        "TableType": "EXTERNAL_TABLE",
        # Delta's log knows the partitions. Athena wants the list all the same, "at least set to an empty list" (Glue's
        # API reference, TableInput).
        "PartitionKeys": [],
        "Parameters": said,
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
            "Parameters": said,
            "StoredAsSubDirectories": False,
        },
    }


def says_the_same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a reader learns the same of an entry of the catalog as of this TableInput.

    Not told apart is what no reader looks at and the two who register tables write differently: the order of the
    columns, a slash at the end of the location, the case of `delta`, parameters beyond those of every Delta table, the
    description.
    """
    return _said(found) == _said(wanted)


def delta_path(entry: Mapping[str, Any]) -> str | None:
    """Where Trino looks for the table; None where the entry does not say."""
    path = _serde(entry).get("Parameters", {}).get("path")
    return str(path) if path else None


def has_serde(entry: Mapping[str, Any]) -> bool:
    return bool(_serde(entry))


def _serde(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return (entry.get("StorageDescriptor") or {}).get("SerdeInfo") or {}


def _said(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    storage, serde, parameters = entry.get("StorageDescriptor") or {}, _serde(entry), entry.get("Parameters") or {}
    return (
        entry.get("TableType"),
        entry.get("PartitionKeys") or [],
        {name: parameters.get(name, "").lower() for name in DELTA},
        {column["Name"]: column["Type"] for column in storage.get("Columns") or []},
        [(place or "").rstrip("/") for place in (storage.get("Location"), delta_path(entry))],
        [storage.get(name) for name in ("InputFormat", "OutputFormat")],
        [serde.get("SerializationLibrary"), (serde.get("Parameters") or {}).get("serialization.format")],
    )
