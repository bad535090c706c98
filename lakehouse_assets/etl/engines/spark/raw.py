"""From files to rows of text by column name, distributed over Spark's workers, with each row's place in its file, which
is not known in a file that is split.

Files are grouped by layout and read line by line. In a file without quotes, the fields of a line are the texts between
delimiters (measured: twice as fast as Spark's CSV reader, which also drops blank lines). In a file with quotes,
Python's csv module splits the line. Files with records of several lines are read by `records`. Landing has checked that
the text is UTF-8 and that its quotes close.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that Spark's own documentation gives it
from pyspark.sql.types import ArrayType, IntegerType, LongType, StringType, StructField, StructType

from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.engines.base import RawFile
from lakehouse_assets.etl.engines.spark.inline import listed
from lakehouse_assets.etl.engines.spark.records import RecordsFile, fields_of_line
from lakehouse_assets.landing.csv_files.blanks import BLANK
from lakehouse_assets.landing.csv_files.dialect import Dialect
from lakehouse_assets.landing.routing import MALFORMED
from lakehouse_assets.quoting import spark_literal

RECORD = StructType(
    [
        StructField("file_no", IntegerType()),
        StructField("block", LongType()),
        StructField("fields", ArrayType(StringType())),
    ]
)
"""A record before it has column names. `block`: the start of the piece of its file that one task read."""
BY_RECORD = "by record"


@dataclass(frozen=True)
class Layout:
    """The properties that files must share to be read together. `way`: line by line without quotes, line by line with
    quotes, or record by record.
    """

    header: tuple[str, ...]
    delimiter: str
    way: str


@dataclass(frozen=True)
class RawRows:
    """The batch's rows. `named` has file_no, block, row_id (unique, without gaps within a block), each column of the
    contract as text, and `_malformed`. `as_read` has row_id and `raw`, the text by column name as in the file.
    `headed`: the files whose first row is their header, which is so for files that are read line by line.
    """

    named: DataFrame
    as_read: DataFrame
    headed: frozenset[int]


def raw_rows(
    spark: SparkSession, contract: Contract, files: Sequence[RawFile], environment: Mapping[str, str], links: Path
) -> RawRows:
    """Returns the rows without reading yet. `files`: at least one. `links`: a folder for links to local files, with
    names from which Spark knows their compression.
    """
    layouts: dict[Layout, list[tuple[int, RawFile]]] = defaultdict(list)
    for file_no, file in enumerate(files):
        layouts[Layout(file.dialect.header, file.dialect.delimiter, _way(file.dialect))].append((file_no, file))
    parts = [(layout, _records(spark, layout, alike, environment, links)) for layout, alike in layouts.items()]
    named = [
        records.select("file_no", "block", *_named(contract, layout), _malformed(layout)) for layout, records in parts
    ]
    as_read = [records.select(_as_map(layout).alias("raw")) for layout, records in parts]
    row_id = F.monotonically_increasing_id().alias("row_id")
    headed = frozenset(file_no for file_no, file in enumerate(files) if _way(file.dialect) != BY_RECORD)
    return RawRows(
        reduce(DataFrame.unionAll, named).select("*", row_id),
        reduce(DataFrame.unionAll, as_read).select("*", row_id),
        headed,
    )


def first_rows(raw: RawRows, blocks: Iterable[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Returns the place of each block's rows in their file: file_no, block, its smallest row_id, and that row's number
    (from 1; 0 is a header).

    `blocks`: file_no, block, smallest row_id, number of rows.
    """
    numbered = []
    rows_before: dict[int, int] = {}
    for file_no, block, first, rows in sorted(blocks):
        number = rows_before.setdefault(file_no, 0 if file_no in raw.headed else 1)
        numbered.append((file_no, block, first, number))
        rows_before[file_no] = number + rows
    return numbered


def _way(dialect: Dialect) -> str:
    irregular_gzip = dialect.compression == "gzip" and not dialect.regular
    if dialect.multiline or dialect.skipped_lines or irregular_gzip or dialect.encoding != "utf-8":
        return BY_RECORD
    return "quoted lines" if dialect.quoted else "plain lines"


def _records(
    spark: SparkSession, layout: Layout, files: list[tuple[int, RawFile]], environment: Mapping[str, str], links: Path
) -> DataFrame:
    if layout.way == BY_RECORD:
        return _by_record(spark, files, environment)
    named = {_readable(file, file_no, links): file_no for file_no, file in files}
    lines = spark.read.text(list(named)).where(~_is_blank(layout))
    place = F.col("_metadata.file_block_start").alias("block")
    if len(files) == 1:
        return lines.select(F.lit(files[0][0]).alias("file_no"), place, _fields(layout))
    numbers = listed(spark, [(Path(name).name, file_no) for name, file_no in named.items()], "name string, file_no int")
    return lines.join(F.broadcast(numbers), F.col("_metadata.file_name") == numbers.name).select(
        "file_no", place, _fields(layout)
    )


def _by_record(spark: SparkSession, files: list[tuple[int, RawFile]], environment: Mapping[str, str]) -> DataFrame:
    tasks = [RecordsFile(file_no, file.location, file.dialect, environment) for file_no, file in files]
    rows = spark.sparkContext.parallelize(tasks, len(tasks)).flatMap(RecordsFile.rows)
    return spark.createDataFrame(rows, RECORD, verifySchema=False)


def _readable(file: RawFile, file_no: int, links: Path) -> str:
    """Returns a name by which Spark reads the file correctly: it knows gzip by the name's end, and skips hidden names.
    Files in the bucket have such names already.
    """
    if file.location.startswith("s3://"):
        return file.location
    link = links / f"{file_no}.csv{'.gz' if file.dialect.compression == 'gzip' else ''}"
    link.symlink_to(Path(file.location).absolute())
    return str(link)


def _is_blank(layout: Layout) -> Column:
    """Whether a line has only blanks and delimiters. Blank fields may be quoted; a quoted delimiter is text."""
    value = F.col("value")
    nothing = F.translate(value, f'{BLANK}{layout.delimiter}"', "") == ""
    if layout.way == "plain lines":
        return nothing
    delimiter = re.escape(layout.delimiter)
    bare = f"[{re.escape(BLANK.replace(layout.delimiter, ''))}]*"
    field = f'(?:"[{re.escape(BLANK)}]*"|{bare})'
    return nothing & value.rlike(f"^{field}(?:{delimiter}{field})*$")


def _fields(layout: Layout) -> Column:
    """The fields of a line, without blank ones beyond the header's."""
    value = F.col("value")
    delimiter, width = layout.delimiter, len(layout.header)
    if layout.way != "plain lines":
        return F.udf(lambda line: fields_of_line(line, delimiter, width), ArrayType(StringType()))(value).alias(
            "fields"
        )
    fields = F.split(value, re.escape(delimiter), -1)
    beyond = F.array_join(F.slice(fields, width + 1, F.greatest(F.size(fields) - width, F.lit(0))), "")
    return (
        F.when((F.size(fields) > width) & (F.translate(beyond, BLANK, "") == ""), F.slice(fields, 1, width))
        .otherwise(fields)
        .alias("fields")
    )


def _named(contract: Contract, layout: Layout) -> list[Column]:
    """The contract's columns as text. They are NULL in a ragged row, whose fields cannot be assigned to columns."""
    whole = F.when(F.size("fields") == len(layout.header), F.col("fields"))
    return [
        (F.get(whole, F.lit(layout.header.index(name))) if name in layout.header else F.lit(None).cast("string")).alias(
            name
        )
        for name in contract.file_names
    ]


def _malformed(layout: Layout) -> Column:
    """The reason why the row does not fit its header: ragged, or a fault that the conversion of its workbook found."""
    own = (
        F.get("fields", F.lit(layout.header.index(MALFORMED)))
        if MALFORMED in layout.header
        else F.lit(None).cast("string")
    )
    width = len(layout.header)
    ragged = F.concat(F.size("fields").cast("string"), F.lit(f" fields where the header has {width}"))
    return F.when(F.size("fields") != width, ragged).otherwise(own).alias(MALFORMED)


def _as_map(layout: Layout) -> Column:
    """The fields by the header's names; fields beyond the header by their number."""
    names = ", ".join(spark_literal(name) for name in layout.header)
    return F.expr(
        f"map_filter(map_from_entries(transform(fields, (text, place) -> struct(coalesce(get(array({names}), place),"
        f" concat('(field ', place + 1, ')')), text))), (name, text) -> name <> '{MALFORMED}')"
    )
