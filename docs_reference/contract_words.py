"""Every word of a contract document that is read, with its meaning and its values.

A test reads the example contracts of docs_reference, which have each of them, and holds this list to the words that the
reader asks for on the way.
"""

from __future__ import annotations

from docs_reference.form_words import FORM_WORDS
from docs_reference.word import (
    DOCUMENT,
    ENUM,
    NUMBER_COLUMN,
    OPTIONS,
    PROPERTY,
    QUALITY,
    RELATIONSHIP,
    SCHEMA,
    SERVER,
    SYNONYM,
    TEAM,
    TEXT,
    YES_OR_NO,
    Word,
    any_of,
)
from lakehouse_assets.contracts import Severity, WhenAbsent
from lakehouse_assets.contracts.encodings import ENCODINGS
from lakehouse_assets.contracts.keys import KEY_KINDS
from lakehouse_assets.contracts.reader import PARTITION_KINDS, VERSION_KINDS
from lakehouse_assets.contracts.types import FITTING, TYPE_NAMES

WORDS = (
    Word(DOCUMENT, "apiVersion", "The version of the standard.", "a version 3: it begins with `v3.`"),
    Word(DOCUMENT, "version", "The version of the contract. `lakehouse explain` shows it.", TEXT),
    Word(DOCUMENT, "team", "Who answers for the dataset.", "an object, see below"),
    Word(DOCUMENT, "servers", "Where the files come from. Only the encoding is read.", "a list"),
    Word(DOCUMENT, "schema", "The dataset.", "a list with exactly one entry"),
    Word(TEAM, "name", "The owner of the dataset's assets in Dagster's UI.", TEXT),
    Word(
        SERVER,
        "encoding",
        "The encoding of the files. A file that is not in it is quarantined. Sheets of workbooks have none.",
        f"{any_of(ENCODINGS)}; by default `utf-8`; a file in UTF-16 needs a byte order mark",
    ),
    Word(
        SERVER,
        "path",
        "The encoding is that of the files in this folder, in the dataset's own one. Without it, of all files.",
        "a folder such as `berlin` or `berlin/2025`",
    ),
    Word(
        SCHEMA,
        "name",
        "The name of the dataset, its table and its folder under `raw/`.",
        "up to 63 lower-case letters, digits and `_`, beginning with a letter; not `files`",
    ),
    Word(
        SCHEMA,
        "description",
        "What the table holds. It is the description of the table in the catalog and in Dagster's UI.",
        TEXT,
    ),
    Word(SCHEMA, "properties", "The columns.", "a list with at least one entry"),
    Word(SCHEMA, "quality", "Row rules.", "a list"),
    Word(
        SCHEMA,
        "relationships",
        "Parents that the rows refer to by several columns. (One by a single column may be here, or at its column.)",
        "a list; the same columns have one parent",
    ),
    Word(SCHEMA, "customProperties", "What the standard has no word for.", "a list of `property` and `value`"),
    Word(
        SCHEMA,
        "version",
        "The column whose greater value wins among rows of one key. Without it, the time of the file decides.",
        f"the name of a required column of type {any_of(sorted(VERSION_KINDS))}",
        custom=True,
    ),
    Word(
        SCHEMA,
        "whenAbsent",
        "What a file that lacks an optional column says of it: nothing, so that the table's value stays; that it is"
        " empty; or the file is quarantined. A column may state its own.",
        f"{any_of(WhenAbsent)}; by default `keep`",
        custom=True,
    ),
    Word(
        SCHEMA,
        "missingValues",
        "The texts that mean, beside an empty one, that there is no value. A column may state its own.",
        "a list of texts; by default none",
        custom=True,
    ),
    Word(
        SCHEMA,
        "unknownColumns",
        "More than half of a file's columns may be unknown to the contract. Without it such a file is quarantined.",
        "`allow`",
        custom=True,
    ),
    Word(
        SCHEMA,
        "job",
        "The name of the Glue job that loads the dataset (see `LAKEHOUSE_GLUE_JOB`).",
        "up to 255 letters, digits, `_` and `-`; by default `<dataset>_etl`",
        custom=True,
    ),
    Word(
        SCHEMA,
        "sampleRows",
        "How many rows the sample data has.",
        "a whole number above 0; by default 100",
        custom=True,
    ),
    Word(
        PROPERTY,
        "name",
        "The name of the column in the table, and in the files.",
        "up to 63 lower-case letters, digits and `_`, beginning with a letter; not a reserved name",
    ),
    Word(
        PROPERTY,
        "physicalName",
        "Another name of the column in the files. A name that differs only by case, spaces, dashes, underscores or"
        " invisible characters is taken for it, and the report says so. A file with two names of one column is"
        " quarantined.",
        "a text; not a name of another column",
    ),
    Word(PROPERTY, "synonyms", "More names of the column in the files.", "a list"),
    Word(
        PROPERTY,
        "transformLogic",
        "The column is not read from files, but calculated from others, see [Calculated columns](#calculated-columns).",
        "an expression in Spark SQL; not for the key, the version, or a column with a parent",
    ),
    Word(SYNONYM, "synonym", "A name of the column in the files, like physicalName.", "a text"),
    Word(
        PROPERTY,
        "logicalType",
        "What the values are. It decides the type where physicalType is left out: integer is int, number is double.",
        f"{any_of(FITTING)}; it must fit physicalType",
    ),
    Word(
        PROPERTY,
        "physicalType",
        "The type of the column, see [Types](#types).",
        f"{any_of(TYPE_NAMES)}; by default that of logicalType",
    ),
    Word(PROPERTY, "required", "A row without a value is rejected, and a file must have the column.", YES_OR_NO),
    Word(
        PROPERTY,
        "primaryKey",
        "The key: it tells the rows apart. At least one column.",
        f"`true` for a required column of type {any_of(sorted(KEY_KINDS))}",
    ),
    Word(
        PROPERTY,
        "primaryKeyPosition",
        "The position of the column in a key of several columns.",
        "from 1 to the number of the key's columns; without any, the columns count in the order of the document",
    ),
    Word(
        PROPERTY,
        "partitioned",
        "The table is partitioned by this column. At most one column.",
        f"`true` for a required column of type {any_of(sorted(PARTITION_KINDS))}",
    ),
    Word(PROPERTY, "properties", "Refused, as items and map: a CSV file has no nested values.", "must be absent"),
    Word(PROPERTY, "items", "Refused, see properties.", "must be absent"),
    Word(PROPERTY, "map", "Refused, see properties.", "must be absent"),
    Word(PROPERTY, "semanticType", "Only columns of the table are supported, no measures and dimensions.", "`column`"),
    Word(PROPERTY, "encryptedName", "Refused: describe the encrypted column as one of its own.", "must be absent"),
    Word(PROPERTY, "unique", "Refused, except at a key of one column: no check would hold it.", "must be absent"),
    Word(PROPERTY, "description", "What the column holds. Dagster's UI and `lakehouse explain` show it.", TEXT),
    Word(PROPERTY, "logicalTypeOptions", "Bounds of the values.", "an object, see below"),
    Word(PROPERTY, "enum", "The values that are allowed.", "a list, see below"),
    Word(PROPERTY, "relationships", "The parent of the rows by this column.", "a list with at most one entry"),
    Word(PROPERTY, "quality", "Row rules, as those of the dataset.", "a list"),
    Word(PROPERTY, "customProperties", "What the standard has no word for.", "a list of `property` and `value`"),
    Word(
        PROPERTY,
        "whenAbsent",
        "As at the dataset, for this column.",
        any_of(WhenAbsent),
        custom=True,
    ),
    Word(
        PROPERTY,
        "sample",
        "The value of sample row `n`: an expression in DuckDB's SQL. It may name columns of a parent.",
        "an expression; a dataset is sampled if each required column has one, or a parent",
        custom=True,
    ),
    *FORM_WORDS,
    Word(OPTIONS, "minimum", "The value is at least this.", NUMBER_COLUMN),
    Word(OPTIONS, "maximum", "The value is at most this.", NUMBER_COLUMN),
    Word(OPTIONS, "exclusiveMinimum", "The value is above this.", NUMBER_COLUMN),
    Word(OPTIONS, "exclusiveMaximum", "The value is below this.", NUMBER_COLUMN),
    Word(
        OPTIONS, "minLength", "The text has at least so many characters.", "a whole number; for columns of type string"
    ),
    Word(
        OPTIONS, "maxLength", "The text has at most so many characters.", "a whole number; for columns of type string"
    ),
    Word(
        OPTIONS,
        "pattern",
        "The text holds a match of this regular expression; `^` and `$` bind it to the whole text.",
        "a regular expression that Java and RE2 read alike; for columns of type string",
    ),
    Word(ENUM, "value", "A value that is allowed.", "a text for columns of type string, else a number"),
    Word(
        RELATIONSHIP,
        "from",
        "The columns that hold the parent's key. Only in the relationships of the dataset.",
        "`dataset.column`: a column of this dataset; or a list of them",
    ),
    Word(
        RELATIONSHIP,
        "to",
        "The key that must exist. A row whose parent is not there waits, and is loaded once it is.",
        "`dataset.column`: the key of another dataset, of the same type; or a list of all its columns, one for each of"
        " `from`",
    ),
    Word(
        QUALITY,
        "name",
        "The name of the rule. It is the reason of the rows that the rule rejects.",
        "up to 80 letters, digits, spaces and `_ . , : ( ) -`; no two rules have the same",
    ),
    Word(QUALITY, "type", "The kind of quality rule.", "`custom`"),
    Word(QUALITY, "engine", "Who evaluates it.", "`lakehouse`"),
    Word(QUALITY, "severity", "A row that breaks the rule is rejected, or loaded and counted.", any_of(Severity)),
    Word(
        QUALITY,
        "implementation",
        "The rule: a predicate over the columns of one row, see [Row rules](#row-rules).",
        "a predicate in Spark SQL",
    ),
    Word(QUALITY, "description", "What the rule says, for `lakehouse explain` and `lakehouse rejects`.", TEXT),
)
