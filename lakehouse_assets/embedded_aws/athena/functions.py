"""DuckDB macros for functions that Trino computes differently under the same name, and the rewriting of a query's
calls into calls of these macros.

The macros branch on `typeof(x)`, because column types are unknown until the query runs. Each case was compared with
Trino's documentation and source. Examples: a double is rounded half away from zero when it becomes an integer; a text
becomes an integer only if it is written as one; `substr` has no character 0; `split_part` beyond the last part is NULL.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

TYPED_BY_OPERANDS = (
    exp.Add
    | exp.Sub
    | exp.Mul
    | exp.Div
    | exp.Mod
    | exp.Coalesce
    | exp.If
    | exp.Case
    | exp.Greatest
    | exp.Least
    | exp.Array
    | exp.Lag
    | exp.Lead
)
"""Expressions whose type follows from the types of their operands."""
INTEGER_LITERALS = 2**31
INTEGERS = {
    exp.DType.TINYINT: "TINYINT",
    exp.DType.SMALLINT: "SMALLINT",
    exp.DType.INT: "INTEGER",
    exp.DType.BIGINT: "BIGINT",
}
NO_INTEGER = "error('INVALID_CAST_ARGUMENT: Could not convert string ''' || x || ''' to {type}')"
CAST = r"""{name}(x) AS CASE
    WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN {cast}(round(TRY_CAST(x AS DOUBLE)) AS {type})
    WHEN typeof(x) = 'VARCHAR' AND NOT regexp_full_match(CAST(x AS VARCHAR), '\s*[+-]?[0-9]+\s*') THEN {no_integer}
    ELSE {cast}(x AS {type}) END"""
SUBSTRING = """{name}({parameters}) AS CASE
    WHEN s IS NULL OR first IS NULL THEN NULL
    WHEN first = 0 OR first < -length(s){nothing} THEN ''
    ELSE substring({parameters}) END"""
SPLIT_PART = """trino_split_part(s, delimiter, part) AS CASE
    WHEN part < 1 THEN error('INVALID_FUNCTION_ARGUMENT: Index must be greater than zero')
    WHEN part <= len(string_split(s, delimiter)) THEN split_part(s, delimiter, part) END"""


@dataclass
class Macros:
    """Creates macros on a connection as they are needed. (Creating all takes 10 ms, as long as a small query.)"""

    connection: duckdb.DuckDBPyConnection
    created: set[str] = field(default_factory=set)

    def make_for(self, sql: str) -> None:
        """Creates the macros that this SQL calls."""
        called = sql.lower()
        for macro in MACROS:
            if macro not in self.created and f"{macro.partition('(')[0]}(" in called:
                self.connection.execute(f"CREATE TEMP MACRO {macro}")
                self.created.add(macro)


UNSCALED = "abs(CAST(replace(CAST({} AS VARCHAR), '.', '') AS HUGEINT))"
OTHERS = (
    # `/` of doubles. Division by zero is not an error.
    """trino_double_quotient(a, b) AS CASE
        WHEN CAST(b AS DOUBLE) <> 0 THEN CAST(a AS DOUBLE) / CAST(b AS DOUBLE)
        WHEN b IS NULL OR a IS NULL THEN NULL
        WHEN CAST(a AS DOUBLE) > 0 THEN CAST('Infinity' AS DOUBLE)
        WHEN CAST(a AS DOUBLE) < 0 THEN CAST('-Infinity' AS DOUBLE)
        ELSE CAST('NaN' AS DOUBLE) END""",
    # `/` of decimals as a text: exact, rounded half away from zero. (DuckDB divides them as doubles.)
    f"""trino_quotient(a, b, scale_a, scale_b, scale) AS CASE
        WHEN a IS NULL OR b IS NULL THEN NULL
        WHEN b = 0 THEN error('DIVISION_BY_ZERO: Division by zero')
        ELSE (CASE WHEN (a < 0) <> (b < 0) THEN '-' ELSE '' END) || CAST(
            (2 * {UNSCALED.format("a")} * CAST('1' || repeat('0', scale_b + scale - scale_a) AS HUGEINT) + {UNSCALED.format("b")})
            // (2 * {UNSCALED.format("b")}) AS VARCHAR) || 'e-' || CAST(scale AS VARCHAR) END""",
    """trino_element(items, n, found) AS CASE
        WHEN n = 0 THEN error('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1')
        WHEN n < 0 THEN error('INVALID_FUNCTION_ARGUMENT: Array subscript is negative')
        WHEN n > len(items) THEN error('INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to array length')
        ELSE found END""",
    (
        "trino_element_at(items, n, found) AS CASE WHEN n = 0 THEN error('INVALID_FUNCTION_ARGUMENT: SQL array indices"
        " start at 1') ELSE found END"
    ),
    """trino_value(items, k, found) AS CASE
        WHEN found IS NULL AND NOT map_contains(items, k) THEN error('INVALID_FUNCTION_ARGUMENT: Key not present in map')
        ELSE found END""",
    # DuckDB's levenshtein counts bytes.
    """trino_levenshtein(a, b) AS CASE
        WHEN strlen(a) = length(a) AND strlen(b) = length(b) THEN levenshtein(a, b)
        WHEN a IS NOT NULL AND b IS NOT NULL THEN error('NOT_SUPPORTED: the embedded Athena compares by levenshtein_distance texts of ASCII only') END""",
    "trino_timestamp_text(t, zone) AS strftime(t, '%Y-%m-%d %H:%M:%S.%g') || zone",
    """trino_written(s, form) AS CASE
        WHEN s IS NULL OR regexp_full_match(s, form) THEN s
        ELSE error('INVALID_CAST_ARGUMENT: Cannot cast this text to the type') END""",
    "trino_written_or_null(s, form) AS CASE WHEN regexp_full_match(s, form) THEN s END",
    # DuckDB has an upper-case sharp s, Java has not.
    "trino_upper(s) AS array_to_string(list_transform(string_split(s, 'ß'), lambda part : upper(part)), 'ß')",
    "trino_regexp_extract(s, pattern, part) AS list_extract(regexp_extract_all(s, pattern, part), 1)",
    """trino_contains(items, one) AS CASE
        WHEN list_contains(items, one) THEN true WHEN list_count(items) < len(items) THEN NULL WHEN items IS NOT NULL AND one IS NOT NULL THEN false END""",
    (
        "trino_array_join(items, separator) AS CASE WHEN items IS NOT NULL AND separator IS NOT NULL THEN"
        " coalesce(array_to_string(items, separator), '') END"
    ),
    (
        "trino_number(x) AS CASE WHEN isnan(x) THEN error('NOT_SUPPORTED: the embedded Athena does not compare NaN')"
        " ELSE x END"
    ),
    # Every operand is evaluated, and appears once in the SQL, so an operand that fails makes the query fail.
    *(
        f"trino_{name}(items) AS list_reduce(items, lambda a, b : CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN a"
        f" {sign} b THEN a ELSE b END)"
        for name, sign in (("greatest", ">"), ("least", "<"))
    ),
    """trino_few(items) AS CASE
        WHEN len(items) > 10000 THEN error('INVALID_FUNCTION_ARGUMENT: result of sequence function must not have more than 10000 entries') ELSE items END""",
    (
        "trino_sequence(first, last) AS CASE WHEN first <= last THEN generate_series(first, last) ELSE"
        " generate_series(first, last, -1) END"
    ),
)


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
    return [*casts, *substrings, SPLIT_PART, *OTHERS]


def call_macros(statement: exp.Expr) -> None:
    """Rewrites, in place, the calls whose macro does not depend on types."""
    # Innermost first, because the outer expressions are copied.
    for node in reversed(list(statement.find_all(*CALLS))):
        CALLS[type(node)](node)
    for literal in list(statement.find_all(exp.Literal)):
        _type_integer(literal)


def _type_integer(literal: exp.Literal) -> None:
    """An integer literal as an operand: for Trino it is an INTEGER, for DuckDB it has the other operand's type."""
    around = literal.parent
    while isinstance(around, exp.Neg | exp.Paren):
        around = around.parent
    if (
        isinstance(around, TYPED_BY_OPERANDS)
        and not literal.is_string
        and literal.this.isdigit()
        and int(literal.this) < INTEGER_LITERALS
    ):
        literal.replace(exp.cast(literal.copy(), "INTEGER", dialect=DuckDB))


def _substring(node: exp.Substring) -> None:
    name = "trino_substring_of" if node.args.get("length") else "trino_substring"
    _call(node, name, node.this, node.args["start"], node.args.get("length"))


def _integer_cast(node: exp.Cast) -> None:
    if type_ := INTEGERS.get(node.to.this):
        _call(node, _cast_to(type_, "TRY_CAST" if isinstance(node, exp.TryCast) else "CAST"), node.this)


def _regexp_replace(node: exp.RegexpReplace) -> None:
    """A group is `$1` in Java, `\\1` in DuckDB."""
    node.set("replacement", exp.Literal.string(re.sub(r"\$(\d)", r"\\\1", node.text("replacement"))))


def _count_if(node: exp.CountIf) -> None:
    """DuckDB's count_if returns NULL if all values are NULL."""
    node.replace(exp.Count(this=exp.Case(ifs=[exp.If(this=node.this.copy(), true=exp.Literal.number(1))])))


def _extreme(node: exp.Greatest | exp.Least) -> None:
    name = "trino_greatest" if isinstance(node, exp.Greatest) else "trino_least"
    _call(node, name, exp.Array(expressions=[node.this, *node.expressions]))


def _by(node: exp.ArgMax | exp.ArgMin, name: str) -> None:
    """DuckDB's variants that include rows whose value is NULL, as Trino does."""
    node.replace(exp.AnonymousAggFunc(this=name, expressions=[node.this, node.expression]))


def _bigint(node: exp.Expr) -> None:
    node.replace(exp.cast(exp.paren(node.copy(), copy=False), "BIGINT", dialect=DuckDB))


CALLS: dict[type[exp.Expr], Callable[[Any], None]] = {
    exp.Cast: _integer_cast,
    exp.TryCast: _integer_cast,
    exp.Substring: _substring,
    exp.SplitPart: lambda node: _call(
        node, "trino_split_part", node.this, node.args["delimiter"], node.args["part_index"]
    ),
    **dict.fromkeys(
        (exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor, exp.BitwiseNot, exp.Extract, exp.YearOfWeek), _bigint
    ),
    exp.Upper: lambda node: _call(node, "trino_upper", node.this),
    exp.RegexpExtract: lambda node: _call(
        node, "trino_regexp_extract", node.this, node.expression, node.args.get("group") or exp.Literal.number(0)
    ),
    exp.RegexpReplace: _regexp_replace,
    exp.Levenshtein: lambda node: _call(node, "trino_levenshtein", node.this, node.expression),
    exp.CountIf: _count_if,
    **dict.fromkeys((exp.Greatest, exp.Least), _extreme),
    exp.ArgMax: lambda node: _by(node, "arg_max_null"),
    exp.ArgMin: lambda node: _by(node, "arg_min_null"),
    exp.ArrayContains: lambda node: _call(node, "trino_contains", node.this, node.expression),
    exp.Date: lambda node: node.replace(exp.cast(node.this.copy(), "DATE", dialect=DuckDB)),
}


def _call(node: exp.Expr, name: str, *arguments: exp.Expr | None) -> None:
    node.replace(exp.Anonymous(this=name, expressions=[argument for argument in arguments if argument is not None]))


def _cast_to(type_: str, cast: str) -> str:
    return f"trino_{cast}_{type_}".lower()


MACROS = _macros()
