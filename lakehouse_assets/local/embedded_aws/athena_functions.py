"""What Trino computes otherwise than DuckDB does under the same name, as DuckDB's macros, and a query's calls of it turned into calls of them.

A macro is asked for what it is given (`typeof`): of a column's type nothing is known before the query runs. Each case is held against Trino's documentation and
source: `date_diff` counts whole units, a double becomes an integer half up and away from zero, and a text only if it is one; `substr` has no character 0;
`split_part` past the last part is NULL.
"""

from sqlglot import exp

INTEGERS = {exp.DType.TINYINT: "TINYINT", exp.DType.SMALLINT: "SMALLINT", exp.DType.INT: "INTEGER", exp.DType.BIGINT: "BIGINT"}
NO_INTEGER = "error('INVALID_CAST_ARGUMENT: Could not convert string ''' || x || ''' to {type}')"
CAST = """{name}(x) AS CASE
    WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN {cast}(round(TRY_CAST(x AS DOUBLE)) AS {type})
    WHEN typeof(x) = 'VARCHAR' AND NOT regexp_full_match(CAST(x AS VARCHAR), '[+-]?[0-9]+') THEN {no_integer}
    ELSE {cast}(x AS {type}) END"""
SUBSTRING = """{name}({parameters}) AS CASE
    WHEN s IS NULL OR first IS NULL THEN NULL
    WHEN first = 0 OR first < -length(s){nothing} THEN ''
    ELSE substring({parameters}) END"""
SPLIT_PART = """trino_split_part(s, delimiter, part) AS CASE
    WHEN part < 1 THEN error('INVALID_FUNCTION_ARGUMENT: Index must be greater than zero')
    WHEN part <= len(string_split(s, delimiter)) THEN split_part(s, delimiter, part) END"""


def macros_for(sql: str) -> list[str]:
    """The statements that make the macros which some of DuckDB's SQL calls, in a database that goes with the connection. (All of them take 10 ms, as long as a
    small query.)"""
    called = sql.lower()
    return [f"CREATE TEMP MACRO {macro}" for macro in MACROS if f"{macro.partition('(')[0]}(" in called]


def _macros() -> list[str]:
    casts = [
        CAST.format(name=_cast_to(type_, cast), cast=cast, type=type_, no_integer=no_integer.format(type=type_))
        for type_ in INTEGERS.values()
        for cast, no_integer in (("CAST", NO_INTEGER), ("TRY_CAST", "NULL"))
    ]
    substrings = [
        SUBSTRING.format(name="trino_substring", parameters="s, first", nothing=""),
        SUBSTRING.format(name="trino_substring_of", parameters="s, first, characters", nothing=" OR characters <= 0"),
    ]
    return [*casts, *substrings, SPLIT_PART]


def call_macros(statement: exp.Expr) -> None:
    """Turns what they stand for into calls of them, in place."""
    for node in list(statement.find_all(exp.DateDiff, exp.Cast, exp.Substring, exp.SplitPart)):
        if isinstance(node, exp.DateDiff):
            # DuckDB's own date_sub: its date_diff counts the boundaries between units.
            _call(node, "date_sub", exp.Literal.string(node.text("unit").lower()), node.expression, node.this)
        elif isinstance(node, exp.Substring):
            name = "trino_substring_of" if node.args.get("length") else "trino_substring"
            _call(node, name, node.this, node.args["start"], node.args.get("length"))
        elif isinstance(node, exp.SplitPart):
            _call(node, "trino_split_part", node.this, node.args["delimiter"], node.args["part_index"])
        elif isinstance(node, exp.Cast) and (type_ := INTEGERS.get(node.to.this)):
            _call(node, _cast_to(type_, "TRY_CAST" if isinstance(node, exp.TryCast) else "CAST"), node.this)


def _call(node: exp.Expr, name: str, *arguments: exp.Expr | None) -> None:
    node.replace(exp.Anonymous(this=name, expressions=[argument for argument in arguments if argument is not None]))


def _cast_to(type_: str, cast: str) -> str:
    return f"trino_{cast}_{type_}".lower()


MACROS = _macros()
