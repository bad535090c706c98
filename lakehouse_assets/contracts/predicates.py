"""A row rule is a deterministic SQL predicate: it gives the same result in DuckDB and Spark, never raises an error, and
does not depend on the current time.

An interrupted batch is validated a second time, so a rule must not depend on the time or on chance. Spark 4 fails on a
division by zero and on a cast that does not fit, where DuckDB returns NULL. Some functions differ (`upper('ß')`, `trim`
of a no-break space, `dayofweek`, `round(1.005, 2)`). So a rule may use only what is listed here;
`etl/test_rules_of_both_engines.py` runs each part in both engines.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types

from lakehouse_assets.contracts.model import Column, Kind
from lakehouse_assets.contracts.patterns import UnfitPattern, portable

LOGIC = (exp.And, exp.Or, exp.Not, exp.Paren, exp.Is, exp.Case, exp.If, exp.Coalesce, exp.Nullif)
VALUES = (exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.DataType, exp.Var)
COMPARISONS = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.In,
    exp.Between,
    exp.Greatest,
    exp.Least,
)
ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.Abs)
TEXT = (
    exp.Length,
    exp.Concat,
    exp.DPipe,
    exp.Substring,
    exp.StartsWith,
    exp.EndsWith,
    exp.Contains,
    exp.StrPosition,
    exp.Like,
    exp.RegexpLike,
)
TIME = (
    exp.Year,
    exp.Quarter,
    exp.Month,
    exp.Day,
    exp.Hour,
    exp.DateDiff,
    exp.TsOrDsAdd,
    exp.TsOrDsToDate,
    exp.Cast,
    exp.TryCast,
)
ALLOWED_NODES = (*LOGIC, *VALUES, *COMPARISONS, *ARITHMETIC, *TEXT, *TIME)
ALLOWED_SYNTAX = (
    "AND OR NOT, comparisons, <=>, IN, BETWEEN, IS NULL, CASE, if, coalesce, nullif, greatest, least, + - * / %, abs,"
    " length, concat, substring, startswith, endswith, contains, instr, LIKE, RLIKE, year, quarter, month, day, hour,"
    " datediff, date_add, date_sub, try_cast(… AS DATE), CAST(a timestamp AS DATE), DATE '…', TIMESTAMP '…'"
)
EXACT_DIGITS = 15
"""Of a decimal that both engines make the same double of. (With more digits, DuckDB's may differ in the last bit.)"""
NOT_A_PREDICATE = "it must be one predicate that is TRUE or FALSE for a row."
NUMBER, WORDS, DAY, MOMENT, TRUTH = "a number", "a text", "a date", "a timestamp", "a boolean"


class UnfitPredicate(ValueError):
    """The reason why a rule cannot be used. The message follows the rule's name."""


def predicate_of(text: str, columns: Mapping[str, Column]) -> str:
    """Returns the predicate as the plan puts it into its SQL: as it was written, except for two things. Patterns are
    rewritten so that both engines read them alike. Floats and the operands of arithmetic are cast to double, because
    whole numbers can overflow, which is an error in both engines, and DuckDB compares floats with numbers in single
    precision. Raises UnfitPredicate.
    """
    tree, typed = checked_expression(text, columns)
    if typed.type is None or not typed.type.is_type(exp.DType.BOOLEAN):
        raise UnfitPredicate(NOT_A_PREDICATE)
    return alike(text, tree, columns)


def checked_expression(
    text: str, columns: Mapping[str, Column], more: tuple[type[exp.Expr], ...] = ()
) -> tuple[exp.Expr, exp.Expr]:
    """Returns the expression as it was parsed, and with the type of each part. `more`: what it may use beside what a
    predicate may. Raises UnfitPredicate if the engines may evaluate it differently.
    """
    try:
        tree = sqlglot.parse_one(text, read="spark")
    except SqlglotError as error:
        raise UnfitPredicate(f"{text!r} is not a SQL expression: {_unreadable(error)}") from error
    if isinstance(tree, exp.Block):
        raise UnfitPredicate(NOT_A_PREDICATE)
    _look_at_words(tree, columns, more)
    typed = _typed(tree, columns)
    _look_at_types(typed)
    return tree, typed


def alike(text: str, tree: exp.Expr, columns: Mapping[str, Column]) -> str:
    """Returns the expression rewritten so that both engines evaluate it alike; `text` as it was written, if there is
    nothing to rewrite.
    """
    patterns = [node.expression for node in tree.find_all(exp.RegexpLike)]
    numbers = [
        part
        for node in tree.find_all(*ARITHMETIC)
        for part in _operands(node)
        if not isinstance(part.unnest(), (exp.Literal, *ARITHMETIC))
    ]
    numbers += [
        node
        for node in tree.find_all(exp.Column)
        if columns[node.name].kind is Kind.FLOAT and not any(node is number for number in numbers)
    ]
    if not patterns and not numbers:
        return text
    for literal in patterns:
        literal.replace(exp.Literal.string(_pattern(literal)))
    for number in numbers:
        in_doubles = exp.cast(exp.null(), "double", dialect="spark")
        number.replace(in_doubles)
        in_doubles.set("this", number)
    return tree.sql("spark")


def mentions(text: object, names: Collection[str]) -> bool:
    """Whether one of the names is in the text, as far as can be told before it is parsed."""
    return not set(names).isdisjoint(re.findall(r"\w+", text)) if isinstance(text, str) else False


def _unreadable(error: SqlglotError) -> str:
    """Where the SQL cannot be read, in our words."""
    at = error.errors[0].get("highlight") if isinstance(error, ParseError) and error.errors else None
    return f"it cannot be read at {at!r}." if at else "it ends too early, or a quote or bracket is not closed."


def _look_at_words(tree: exp.Expr, columns: Mapping[str, Column], more: tuple[type[exp.Expr], ...]) -> None:
    unknown = sorted({found.sql("spark").replace("`", "") for found in tree.find_all(exp.Column)} - set(columns))
    if unknown:
        raise UnfitPredicate(f"no such column: {', '.join(unknown)}.")
    if inexact := sorted(
        {c.name for c in tree.find_all(exp.Column) if (columns[c.name].digits or (0,))[0] > EXACT_DIGITS}
    ):
        raise UnfitPredicate(
            f"{', '.join(inexact)} has more than {EXACT_DIGITS} digits, with which the engines do not calculate alike:"
            " declare fewer digits, or use minimum and maximum."
        )
    if tree.find(exp.Query, exp.AggFunc, exp.Window):
        raise UnfitPredicate("a row rule sees one row: it cannot have a subquery, an aggregate or a window.")
    others = sorted({_word(found) for found in tree.walk() if not isinstance(found, (*ALLOWED_NODES, *more))})
    if others:
        raise UnfitPredicate(
            f"the engines may give different results for {', '.join(others)}, or the result may change over time. A"
            f" rule may use: {ALLOWED_SYNTAX}."
        )
    if any(node.comments for node in tree.walk()):
        raise UnfitPredicate("move the comment to the rule's description: more SQL follows the predicate.")


def _word(node: exp.Expr) -> str:
    return (
        node.name
        if isinstance(node, exp.Anonymous)
        else node.sql_names()[0]
        if isinstance(node, exp.Func)
        else node.key
    ).lower()


def _typed(tree: exp.Expr, columns: Mapping[str, Column]) -> exp.Expr:
    """Returns the tree with the type of each part. Each column is cast to its own type, as it is in the plan."""

    def of_its_type(node: exp.Expr) -> exp.Expr:
        return exp.cast(node, columns[node.name].type, dialect="spark") if isinstance(node, exp.Column) else node

    return annotate_types(tree.copy().transform(of_its_type), dialect="spark")


def _look_at_types(typed: exp.Expr) -> None:
    for node in typed.walk():
        if isinstance(node, COMPARISONS):
            parts = [
                node.this,
                node.args.get("low"),
                node.args.get("high"),
                node.args.get("expression"),
                *node.expressions,
            ]
            found = sorted({sort for part in parts if part is not None and (sort := _sort(part))})
            if len(found) > 1:
                raise UnfitPredicate(
                    f"`{_excerpt(node)}` compares {' with '.join(found)}: convert both to one type (DATE '2025-01-31',"
                    " CAST(a timestamp AS DATE))."
                )
        elif isinstance(node, ARITHMETIC):
            if any(_sort(part) not in (NUMBER, None) for part in _operands(node)):
                raise UnfitPredicate(
                    f"`{_excerpt(node)}` calculates with a value that is not a number: use datediff and date_add for"
                    " dates."
                )
            if isinstance(node, (exp.Div, exp.Mod)) and not _is_never_zero(node.expression):
                raise UnfitPredicate(
                    f"`{_excerpt(node)}` fails if the divisor is 0: write the divisor as nullif(…, 0)."
                )
        elif isinstance(node, TEXT) and any(_is_not_alike_as_text(part) for part in _operands(node)):
            raise UnfitPredicate(f"`{_excerpt(node)}` reads a value as a text which the engines write differently.")
        elif isinstance(node, exp.Cast):
            _look_at_cast(node)
        elif isinstance(node, exp.TsOrDsToDate) and _sort(node.this) not in (DAY, MOMENT):
            raise UnfitPredicate("to_date fails on a text that is not a date: write try_cast(… AS DATE).")
        elif isinstance(node, exp.Like) and (not node.expression.is_string or "\\" in node.expression.name):
            raise UnfitPredicate(
                "LIKE needs a text without backslashes, which the engines read differently. Use RLIKE instead."
            )
        elif isinstance(node, exp.Substring) and not (node.args["start"].is_int and int(node.args["start"].name) >= 1):
            raise UnfitPredicate("substring must start at a number from 1 up: the engines read 0 and less differently.")


def _look_at_cast(node: exp.Cast) -> None:
    """Raises UnfitPredicate unless the cast is one of these: of a column (to its own type, by `_typed`), of a literal
    to a date or timestamp, of a timestamp to its date, or a try_cast to a date.
    """
    literal, wanted = node.this, node.to
    if isinstance(literal, exp.Column) or (wanted.is_type("date") and _sort(literal) in (DAY, MOMENT)):
        return
    if wanted.is_type("date", "timestamp", "timestamptz") and literal.is_string and not isinstance(node, exp.TryCast):
        try:
            datetime.fromisoformat(literal.name)
        except ValueError:
            raise UnfitPredicate(f"{literal.name!r} is not a date or timestamp.") from None
        return
    if not (wanted.is_type("date") and node.sql("spark").startswith("TRY_CAST")):
        raise UnfitPredicate(
            f"`{_excerpt(node)}` may fail, or give different results in the engines. A rule may use try_cast(… AS DATE)"
            " or CAST(a timestamp AS DATE)."
        )


def _operands(node: exp.Expr) -> list[exp.Expr]:
    return [part for part in (node.this, node.args.get("expression")) if part is not None]


def _is_not_alike_as_text(node: exp.Expr) -> bool:
    return node.type is not None and node.type.is_type("decimal", "float", "boolean")


def _is_never_zero(divisor: exp.Expr) -> bool:
    divisor = divisor.unnest()
    if isinstance(divisor, exp.Nullif):
        return divisor.expression.is_number and float(divisor.expression.name) == 0
    return divisor.is_number and float(divisor.name) != 0


def _sort(node: exp.Expr) -> str | None:
    if isinstance(node, exp.TimestampTrunc):
        return MOMENT
    kind = node.type
    if kind is None:
        return None
    if kind.is_type(*exp.DataType.NUMERIC_TYPES):
        return NUMBER
    if kind.is_type(*exp.DataType.TEXT_TYPES):
        return WORDS
    if kind.is_type("date"):
        return DAY
    if kind.is_type("boolean"):
        return TRUTH
    return MOMENT if kind.is_type("timestamp", "timestamptz", "timestampltz", "datetime") else None


def _excerpt(node: exp.Expr) -> str:
    as_written = node.copy().transform(
        lambda part: part.this if isinstance(part, exp.Cast) and isinstance(part.this, exp.Column) else part
    )
    return " ".join(as_written.sql("spark").split())[:80]


def _pattern(literal: exp.Expr) -> str:
    if not literal.is_string:
        raise UnfitPredicate("RLIKE needs its pattern as a text, not a column.")
    try:
        return portable(literal.name)
    except UnfitPattern as unfit:
        raise UnfitPredicate(f"pattern {literal.name!r} {unfit}") from unfit
