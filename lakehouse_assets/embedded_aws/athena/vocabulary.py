"""The functions, operators and forms of Trino's SQL that the embedded Athena supports. It refuses all others, even if
DuckDB would answer them.

Each function here is compared with Trino itself (lakehouse_assets_tests/trino/expressions.txt), with NULLs and edge
values. Functions of Trino that are not here are refused as well, because an answer that was not compared may differ
from Athena's.
"""

import re
from collections.abc import Sequence

from sqlglot import exp
from sqlglot.dialects.athena import Athena
from sqlglot.tokenizer_core import Token, TokenType

from lakehouse_assets.embedded_aws.athena.results import QueryError

FUNCTIONS = frozenset(
    """
    abs acos any_value approx_distinct arbitrary array_agg array_join array_sort asin atan atan2 avg bitwise_and bitwise_not bitwise_or bitwise_xor bool_and
    bool_or cardinality cast cbrt ceil ceiling chr coalesce concat concat_ws contains corr cos cosh count count_if cume_dist date date_add date_diff
    date_format date_parse date_trunc day day_of_month day_of_week day_of_year degrees dense_rank dow doy element_at exp extract filter first_value
    floor from_base64 from_hex from_unixtime from_utf8 geometric_mean greatest histogram hour if lag last_day_of_month last_value
    lead least length levenshtein_distance listagg ln log log10 log2 lower lpad ltrim map map_keys map_values max max_by md5 min min_by minute mod
    month now nth_value ntile nullif percent_rank pi position pow power quarter radians rand random rank reduce regexp_extract regexp_extract_all regexp_like
    regexp_replace replace reverse round row row_number rpad rtrim second sequence sha256 sign sin sinh split split_part sqrt starts_with stddev
    stddev_pop stddev_samp strpos substr substring sum tan tanh to_base64 to_hex to_unixtime to_utf8 transform trim truncate try_cast unnest upper
    var_pop var_samp variance week week_of_year year year_of_week
    """.split()
)
KEYWORDS = frozenset(
    """
    all and any array as bernoulli between by case char cube decimal distinct else end escape except exists from group having in intersect interval is
    join lateral like limit not offset on or order over partition recursive rollup select sets some system then time timestamp union using values
    varchar when where window with within
    """.split()
)
"""Keywords that may be followed by a parenthesis and are not functions."""
CALLED = re.compile(r"[A-Za-z_]\w*")
NAMES_BEFORE = (TokenType.ALIAS, TokenType.R_PAREN, TokenType.VAR, TokenType.IDENTIFIER, TokenType.ORDINALITY)
"""Tokens before a name with a list of columns, `(…) AS t(x)` or `things t(x)`, and never before a call."""
SIGNS = {
    TokenType.DCOLON: "::",
    TokenType.CARET: "^",
    TokenType.ILIKE: "ILIKE",
    TokenType.SIMILAR_TO: "SIMILAR TO",
    TokenType.GLOB: "GLOB",
    TokenType.TILDE: "~",
    TokenType.L_BRACE: "{",
    TokenType.COLON: ":",
    TokenType.QUALIFY: "QUALIFY",
}
DATE_FORMATS = re.compile(r"(?:[^%]|%[YymdHisSjaMbWT%])*")
BIGINTS = 2**63
POSITIONAL = exp.Lag | exp.Lead | exp.RowNumber | exp.Rank | exp.DenseRank | exp.PercentRank | exp.CumeDist | exp.Ntile


def refuse_words(tokens: Sequence[Token], named: frozenset[str]) -> None:
    """Raises QueryError for operators and functions that are not supported. `named`: the names of WITH queries, which
    may have a list of columns.
    """
    for number, token in enumerate(tokens):
        following = tokens[number + 1] if number + 1 < len(tokens) else None
        if token.token_type == TokenType.OFFSET and number > 1 and tokens[number - 2].token_type == TokenType.LIMIT:
            raise QueryError("SYNTAX_ERROR: mismatched input 'offset': put OFFSET before LIMIT")
        if sign := SIGNS.get(token.token_type):
            raise QueryError(f"SYNTAX_ERROR: mismatched input '{sign}'")
        if token.text.startswith("$$") or token.token_type == TokenType.HEX_STRING:
            raise _unknown("this kind of literal")
        if token.token_type == TokenType.FROM and (number == 0 or tokens[number - 1].token_type == TokenType.L_PAREN):
            raise QueryError("SYNTAX_ERROR: mismatched input 'from'")
        if following and token.token_type == TokenType.USING and following.text.lower() == "sample":
            raise QueryError("SYNTAX_ERROR: mismatched input 'using'")
        if (
            following
            and token.token_type == TokenType.NUMBER
            and following.token_type == TokenType.VAR
            and following.start == token.end + 1
        ):
            raise _unknown(f"the number {token.text}{following.text}")
        if following and following.token_type == TokenType.L_PAREN and CALLED.fullmatch(token.text):
            before = tokens[number - 1].token_type if number else None
            name = token.text.lower()
            if before not in NAMES_BEFORE and name not in FUNCTIONS | KEYWORDS | named:
                raise QueryError(
                    f"FUNCTION_NOT_FOUND: the embedded Athena has no function '{name}' (Athena may have it)"
                )


def refuse_forms(statement: exp.Expr) -> None:
    """Raises QueryError for forms that Trino does not have, or that mean something else there."""
    for node in statement.walk():
        if problem := _form(node):
            raise QueryError(problem)


def _form(node: exp.Expr) -> str | None:
    match node:
        case exp.Pivot() | exp.Slice() | exp.Explode():
            return f"SYNTAX_ERROR: Athena has no {type(node).__name__.upper()}"
        case exp.Unnest() if not isinstance(node.parent, exp.From | exp.Join | exp.Lateral | exp.Alias):
            return "SYNTAX_ERROR: UNNEST belongs into FROM"
        case exp.Star() if node.args.get("except_") or node.args.get("replace") or node.args.get("except"):
            return "SYNTAX_ERROR: Athena has no * EXCEPT and no * REPLACE"
        case exp.Join() if node.method or node.kind in ("SEMI", "ANTI"):
            return f"NOT_SUPPORTED: {node.method or node.kind} join not supported"
        case exp.Group() if node.args.get("all"):
            return "COLUMN_NOT_FOUND: Column 'all' cannot be resolved"
        case exp.Join() if node.args.get("using") and (named := _named_past_using(node)):
            return (
                f"COLUMN_NOT_FOUND: Column '{named}' cannot be resolved: a column of USING does not belong to a table"
            )
        case exp.Distinct() if node.args.get("on"):
            return "SYNTAX_ERROR: Athena has no DISTINCT ON"
        case exp.In() if not (node.expressions or node.args.get("query") or node.args.get("unnest")):
            return "SYNTAX_ERROR: mismatched input ')'"
        case exp.Literal() if not node.is_string and node.this.isdigit() and int(node.this) >= BIGINTS:
            return f"SYNTAX_ERROR: Invalid numeric literal: {node.this}"
        case exp.DPipe() | exp.Concat() | exp.AggFunc() if any(
            isinstance(one, exp.Null) for one in node.iter_expressions()
        ):
            return f"AMBIGUOUS_FUNCTION_CALL: Explicit type casts must be added to NULL: {node.sql(dialect=Athena)}"
        case exp.Escape() if not _is_escaped(node):
            return (
                "INVALID_FUNCTION_ARGUMENT: Escape character must be followed by '%', '_' or the escape character"
                " itself"
            )
        case exp.Cast() if node.to.this == exp.DType.JSON:
            return "NOT_SUPPORTED: the embedded Athena does not support the type JSON"
        case exp.Tuple() if isinstance(node.parent, exp.Select | exp.Alias | exp.In) and not (
            isinstance(node.parent, exp.In) and node.parent.args.get("query")
        ):
            return f"NOT_SUPPORTED: the embedded Athena does not support rows as values: {node.sql(dialect=Athena)}"
        case exp.Struct() if not isinstance(node.parent, exp.Cast | exp.In | exp.Predicate):
            return (
                "NOT_SUPPORTED: the embedded Athena does not support rows without names for their fields:"
                f" {node.sql(dialect=Athena)}"
            )
        case exp.StrPosition() if node.args.get("position") or node.args.get("occurrence"):
            return "NOT_SUPPORTED: the embedded Athena supports strpos(text, part) only"
        case exp.ArgMax() | exp.ArgMin() if node.args.get("count"):
            return "NOT_SUPPORTED: the embedded Athena supports max_by and min_by of one value only"
        case exp.Split() if node.args.get("limit"):
            return "NOT_SUPPORTED: the embedded Athena supports split(text, delimiter) only"
        case exp.Replace() if node.text("expression") == "":
            return "NOT_SUPPORTED: the embedded Athena does not replace an empty text, nor one that is not a literal"
        case exp.RegexpReplace() if not isinstance(node.args.get("replacement"), exp.Literal) or "\\" in node.text(
            "replacement"
        ):
            return "NOT_SUPPORTED: the embedded Athena replaces by a literal without backslashes only"
        case exp.RegexpExtract() if node.args.get("group") and re.search(r"\)[?*{]|\||^$", node.text("expression")):
            return "NOT_SUPPORTED: the embedded Athena cannot recognise a group that did not take part in a match"
        case exp.ArraySort() if node.find(exp.Lambda):
            return "NOT_SUPPORTED: the embedded Athena sorts an array by its values only"
        case exp.Order() if isinstance(node.this, exp.Distinct) and any(
            one.this not in node.this.expressions for one in node.expressions
        ):
            return (
                f"EXPRESSION_NOT_IN_DISTINCT: ORDER BY expressions must appear in arguments: {node.sql(dialect=Athena)}"
            )
        case exp.Window():
            return _window_problem(node)
        case exp.OverflowTruncateBehavior():
            return "NOT_SUPPORTED: the embedded Athena supports listagg without ON OVERFLOW only"
        case exp.GroupConcat() if not isinstance(node.this, exp.Order) or not node.args.get("separator"):
            return (
                "NOT_SUPPORTED: the embedded Athena supports listagg(value, separator) WITHIN GROUP (ORDER BY …) only"
            )
        case exp.TimeToStr() | exp.StrToTime() if not DATE_FORMATS.fullmatch(node.text("format")):
            return (
                "NOT_SUPPORTED: the format is not a literal, or has a letter that the embedded Athena does not support"
            )
        case exp.Select() if node.args.get("distinct") and (hidden := _hidden_order(node)):
            return (
                "EXPRESSION_NOT_IN_DISTINCT: For SELECT DISTINCT, ORDER BY expressions must appear in select list:"
                f" {hidden}"
            )
    return None


def _named_past_using(join: exp.Join) -> str | None:
    shared = {column.name.lower() for column in join.args["using"]}
    select = join.find_ancestor(exp.Select)
    columns = select.find_all(exp.Column) if select else ()
    return next(
        (
            column.sql()
            for column in columns
            if column.table and column.name.lower() in shared and column.find_ancestor(exp.Select) is select
        ),
        None,
    )


def _window_problem(window: exp.Window) -> str | None:
    """Functions of the position in a window accept no frame in Trino. DuckDB ignores it."""
    if isinstance(window.this, exp.Filter):
        return f"NOT_SUPPORTED: FILTER is not yet supported for window functions: {window.sql(dialect=Athena)}"
    called = window.this.this if isinstance(window.this, exp.IgnoreNulls | exp.RespectNulls) else window.this
    if not isinstance(called, POSITIONAL):
        return None
    select = window.find_ancestor(exp.Select)
    named = {one.name.lower(): one for one in (select.args.get("windows") if select else None) or ()}
    parts = [window]
    while (base := named.get(parts[-1].alias.lower())) is not None and base not in parts:
        parts.append(base)
    if any(part.args.get("spec") for part in parts):
        return f"INVALID_WINDOW_FRAME: Cannot specify window frame for this function: {window.sql(dialect=Athena)}"
    if isinstance(called, exp.Lag | exp.Lead) and not any(part.args.get("order") for part in parts):
        return f"MISSING_ORDER_BY: the function requires an ORDER BY window clause: {window.sql(dialect=Athena)}"
    return None


def _is_escaped(node: exp.Escape) -> bool:
    sign = re.escape(node.text("expression"))
    like = node.this if isinstance(node.this, exp.Like) else node.find(exp.Like)
    return bool(like and sign and re.fullmatch(rf"(?:[^{sign}]|{sign}[%_{sign}])*", like.text("expression")))


def _hidden_order(select: exp.Select) -> str | None:
    """An expression in ORDER BY that a SELECT DISTINCT does not select; None if there is none."""
    order, shown = (
        select.args.get("order"),
        {column.sql() for column in select.expressions} | {column.alias_or_name for column in select.expressions},
    )
    shown |= {column.this.sql() for column in select.expressions if isinstance(column, exp.Alias)}
    if not order or select.is_star:
        return None
    hidden = [
        one.this.sql()
        for one in order.expressions
        if not isinstance(one.this, exp.Literal) and one.this.sql() not in shown
    ]
    return hidden[0] if hidden else None


def _unknown(what: str) -> QueryError:
    return QueryError(f"NOT_SUPPORTED: the embedded Athena does not support {what}")
