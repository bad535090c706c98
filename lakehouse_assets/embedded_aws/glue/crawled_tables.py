"""What a crawler registers: an entry of the Glue catalog for each Delta table, as a real crawler writes it with
CreateNativeDeltaTable.

`aws/delta_entry.py` builds the entry. The crawler adds the table's schema as Spark stores it, and its own mark. An
entry that has the same content already, whoever wrote it, stays unchanged.
"""

import re
from typing import Any

from ministack.services import glue  # type: ignore[import-untyped]

from lakehouse_assets.aws.delta_entry import delta_entry, says_the_same
from lakehouse_assets.embedded_aws.athena.delta_tables import (
    DeltaType,
    NotReadableError,
    Snapshot,
    read_snapshot,
    type_in,
)

HIVE_NAMES = {"long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint", "timestamp_ntz": "timestamp"}
HIVE_NESTED = {
    "array": "array<{element}>",
    "map": "map<{key},{value}>",
    "struct": "struct<{fields}>",
    "field": "{name}:{type}",
}
# Spark splits the schema into table parameters of this many characters (spark.sql.sources.schemaStringLengthThreshold).
SCHEMA_PART_CHARACTERS = 4000


def register_targets(crawler: dict[str, Any]) -> list[str]:
    """Registers every Delta table of the crawler's targets that can be read. Returns the problems with the others."""
    targets = crawler.get("Targets") or {}
    problems = [
        f"{kind} are not crawled by the embedded AWS"
        for kind, given in targets.items()
        if given and kind != "DeltaTargets"
    ]
    if crawler.get("DatabaseName") not in glue._databases:
        return [*problems, f"there is no database {crawler.get('DatabaseName')}"]
    for target in targets.get("DeltaTargets") or []:
        for location in target.get("DeltaTables") or []:
            try:
                problem = _register(crawler, read_snapshot(location))
            except NotReadableError as error:
                problem = str(error)
            if problem:
                problems.append(problem)
    return problems


def _register(crawler: dict[str, Any], snapshot: Snapshot) -> str | None:
    database = crawler["DatabaseName"]
    table = _table(crawler.get("TablePrefix") or "", snapshot)
    found = glue._tables.get(f"{database}/{table['Name']}")
    if found is None:
        status, _, body = glue._create_table({"DatabaseName": database, "TableInput": table})
    elif says_the_same(found, table) or (crawler.get("SchemaChangePolicy") or {}).get("UpdateBehavior") == "LOG":
        return None
    else:
        status, _, body = glue._update_table({"DatabaseName": database, "TableInput": table})
    return None if status == 200 else f"table {table['Name']}: {body.decode()}"


def _table(prefix: str, snapshot: Snapshot) -> dict[str, Any]:
    folder = snapshot.location.rstrip("/").rsplit("/", 1)[1]
    name = prefix + re.sub(r"[^a-z0-9_]", "_", folder.lower())
    columns = {field.name.lower(): _hive_type(field.type) for field in snapshot.fields}
    return delta_entry(name, columns, snapshot.location, _parameters(snapshot))


def _parameters(snapshot: Snapshot) -> dict[str, str]:
    schema = snapshot.schema_json
    parts = [schema[start : start + SCHEMA_PART_CHARACTERS] for start in range(0, len(schema), SCHEMA_PART_CHARACTERS)]
    return {
        "spark.sql.sources.schema.numParts": str(len(parts)),
        **{f"spark.sql.sources.schema.part.{number}": part for number, part in enumerate(parts)},
        "delta.lastUpdateVersion": str(snapshot.version),
        "UPDATED_BY_CRAWLER": "delta-lake-native-connector",
        "CrawlerSchemaSerializerVersion": "1.0",
        "CrawlerSchemaDeserializerVersion": "1.0",
    }


def _hive_type(type_: DeltaType) -> str:
    return type_in(HIVE_NAMES, HIVE_NESTED, type_)
