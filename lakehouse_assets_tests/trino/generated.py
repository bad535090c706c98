"""Statements made up from the vocabulary that analysts use, the same ones for the same seed: expressions of each type,
nested, over the columns of `kinds`.

What is made is well typed for Trino where that can be told here. It may still be refused: a value out of range, a
division by zero. A list after IN has one computed value at most: Trino 476 finds `id in (if(ok, 1, n), case n when 0
then 5 end)` true for an id of 2 and an n of -7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from random import Random

HOLE = re.compile(r"\{(\w+)\}")

COLUMNS = {
    "integer": "n | s | y | id",
    "bigint": "b",
    "double": "x",
    "decimal": "d",
    "text": "t",
    "truth": "ok",
    "date": "day",
    "moment": "ts",
    "words": "words",
    "numbers": "numbers",
    "map": "m",
}
LITERALS = {
    "integer": "0 | 1 | -1 | 7 | 2147483647 | cast(null as integer)",
    "bigint": "3000000000 | cast(n as bigint) | cast(null as bigint)",
    "double": "1e0 | -2.5e0 | 0e0 | 1e-3 | cast(null as double)",
    "decimal": "1.5 | 0.05 | -10.25 | 100.0 | cast(null as decimal(10, 2))",
    "text": "'a' | '' | 'Straße' | ' b ' | '2025-04-01' | 'a,b,c' | '12' | cast(null as varchar)",
    "truth": "true | false | cast(null as boolean)",
    "date": "date '2025-03-31' | date '2024-02-29' | cast(null as date)",
    "moment": "timestamp '2025-03-31 23:59:59.500 UTC' | timestamp '2024-12-30 00:00:00 UTC'",
    "words": "array['a', 'b'] | array['b', null] | split(t, ',')",
    "numbers": "array[3, 1, 2] | array[1, null]",
    "map": "map(array['k', 'z'], array[1, 2])",
}
COLUMNS_SHARE = 0.7

TEMPLATES = {
    "integer": (
        """
        {integer} + {small} | {integer} - {small} | {integer} * {small} | {integer} / {small} | {integer} % {small} | abs({integer}) | sign({integer})
        | -({integer}) | mod({integer}, {small}) | coalesce({integer}, {integer}) | nullif({integer}, {integer}) | if({truth}, {integer}, {integer})
        | greatest({integer}, {integer}) | least({integer}, {integer}) | case when {truth} then {integer} else {integer} end
        | case {integer} when 7 then {integer} when 0 then 5 end | {numbers}[1] | element_at({numbers}, {small}) | element_at({map}, {text})
        | reduce({numbers}, 0, (p, q) -> p + coalesce(q, 0), p -> p) | try_cast({text} as integer) | cast({decimal} as integer) | cast({truth} as integer)
        | try_cast({double} as integer)
    """
    ),
    "bigint": (
        """
        length({text}) | strpos({text}, {text}) | year({date}) | month({moment}) | day({date}) | week({date}) | day_of_week({date}) | day_of_year({moment})
        | quarter({date}) | year_of_week({date}) | hour({moment}) | minute({moment}) | second({moment}) | date_diff('{unit}', {date}, {date})
        | date_diff('{unit}', {moment}, {moment}) | cardinality({numbers}) | cardinality({words}) | cardinality({map}) | {bigint} + {integer}
        | {bigint} - {small} | cast({double} as bigint) | extract(month from {date}) | extract(hour from {moment}) | levenshtein_distance({text}, {text})
        | coalesce({bigint}, {integer}) | bitwise_and({integer}, {integer}) | {bigint} % {small} | {bigint} / {small}
    """
    ),
    "double": (
        """
        {double} + {double} | {double} - {integer} | {double} * {decimal} | {double} / {double} | {double} / {integer} | {integer} / {double} | abs({double})
        | round({double}) | round({double}, {digit}) | floor({double}) | ceil({double}) | truncate({double}) | sqrt(abs({double})) | power({double}, 2)
        | ln(abs({double}) + 1) | exp({small}) | cast({integer} as double) | cast({decimal} as double) | try_cast({text} as double) | sign({double})
        | coalesce({double}, {integer}) | {double} % {small} | to_unixtime({moment}) | greatest({double}, {decimal})
    """
    ),
    "decimal": (
        """
        {decimal} + {decimal} | {decimal} - {integer} | {decimal} * {decimal} | {decimal} / {decimal} | {decimal} / {small} | {integer} / {decimal}
        | {decimal} % {decimal} | round({decimal}, {digit}) | round({decimal}) | floor({decimal}) | ceil({decimal}) | abs({decimal}) | -({decimal})
        | truncate({decimal}) | cast({integer} as decimal(12, 2)) | try_cast({text} as decimal(10, 2)) | cast({decimal} as decimal(12, 1))
        | coalesce({decimal}, 0) | if({truth}, {decimal}, {integer}) | greatest({decimal}, {integer}) | sign({decimal}) | try_cast({double} as decimal(12, 3))
    """
    ),
    "text": (
        """
        {text} || {text} | concat({text}, '-', {text}) | upper({text}) | lower({text}) | trim({text}) | ltrim({text}) | rtrim({text}) | reverse({text})
        | substr({text}, {small}) | substr({text}, {small}, {digit}) | substring({text} from 2 for 3) | replace({text}, 'a', 'é') | lpad({text}, 6, '*')
        | rpad({text}, 4, 'xy') | split_part({text}, ',', 2) | cast({integer} as varchar) | cast({decimal} as varchar) | cast({date} as varchar)
        | cast({truth} as varchar) | coalesce({text}, {text}) | nullif({text}, {text}) | if({truth}, {text}) | greatest({text}, {text})
        | date_format({moment}, '%Y-%m-%d %H:%i:%s') | date_format({date}, '%d/%m/%y') | element_at({words}, {small})
        | regexp_extract({text}, '[a-zä]+') | regexp_replace({text}, '[0-9]', '#') | cast({text} as varchar(3))
        | case {text} when '' then 'empty' else {text} end
    """
    ),
    "truth": (
        """
        {integer} = {integer} | {integer} < {bigint} | {double} >= {decimal} | {decimal} <> {integer} | {text} = {text} | {text} < {text} | {date} <= {date}
        | {moment} > {moment} | {date} < {moment} | not {truth} | ({truth} and {truth}) | ({truth} or {truth}) | {integer} is null | {text} is not null
        | {integer} between {integer} and {integer} | {text} in ('a', '', {text}) | {integer} not in (1, 7, -3) | {text} like '%a%'
        | {text} not like '_t%' | {integer} is distinct from {integer} | {text} is not distinct from {text} | regexp_like({text}, '^[A-Z]')
        | starts_with({text}, 'S') | contains({words}, {text}) | contains({numbers}, {integer}) | coalesce({truth}, {truth}) | if({truth}, {truth}, {truth})
        | {date} = date '2025-04-01' | {decimal} between {decimal} and {integer} | try_cast({text} as boolean) | {truth} is distinct from {truth}
        | {double} = {double} | {truth} = {truth} | {decimal} < {double}
    """
    ),
    "date": (
        """
        {date} + interval '{digit}' day | {date} - interval '{digit}' month | {date} + interval '1' year | date_add('{unit}', {small}, {date})
        | date_trunc('{unit}', {date}) | last_day_of_month({date}) | cast({moment} as date) | date({moment}) | coalesce({date}, {date})
        | if({truth}, {date}, {date}) | greatest({date}, {date}) | try_cast({text} as date) | nullif({date}, {date})
    """
    ),
    "moment": (
        """
        {moment} + interval '{digit}' hour | {moment} - interval '{digit}' day | {moment} + interval '{digit}' month | date_add('{unit}', {small}, {moment})
        | date_add('minute', {small}, {moment}) | date_trunc('{unit}', {moment}) | date_trunc('hour', {moment}) | coalesce({moment}, {moment})
        | if({truth}, {moment}, {moment}) | least({moment}, {moment}) | from_unixtime({small})
    """
    ),
    "words": (
        """
        split({text}, ',') | split({text}, ' ') | transform({words}, w -> upper(w)) | filter({words}, w -> w <> 'a') | {words} || {words}
        | array_sort({words}) | map_keys({map}) | if({truth}, {words}, {words}) | array[{text}, {text}] | regexp_extract_all({text}, '[a-z]+')
        | coalesce({words}, {words})
    """
    ),
    "numbers": (
        """
        transform({numbers}, v -> v + {small})
        | filter({numbers}, v -> v > {small}) | {numbers} || {numbers} | array_sort({numbers}) | array[{integer}, {integer}]
        | map_values({map}) | transform({numbers}, v -> v * {digit}) | if({truth}, {numbers}, {numbers}) | reverse({numbers})
    """
    ),
    "map": "map(array['k', 'q'], array[{integer}, {integer}]) | if({truth}, {map}, {map}) | coalesce({map}, {map})",
}
FIXED = {
    "small": ("1", "2", "3", "-1", "-2", "0", "7"),
    "digit": ("0", "1", "2", "3"),
    "unit": ("day", "week", "month", "quarter", "year"),
}
AGGREGATES = (
    "count(*) | count({any}) | count(distinct {any}) | sum({number}) | avg({number}) | min({any}) | max({any}) |"
    " max_by({any}, id) | min_by({any}, id) | count_if({truth}) | bool_and({truth}) | bool_or({truth}) | count(*)"
    " filter (where {truth}) | sum({number}) filter (where {truth}) | array_agg({any} order by id) | stddev({double}) |"
    " variance({integer}) | sum(case when {truth} then 1 else 0 end) | max({number}) - min({number}) |"
    " coalesce(sum({number}), 0) | sum({number}) / count(*) | round(avg({number}), 2) | listagg({text}, ';') within"
    " group (order by id) | sum({integer}) * 100.0 / count(*) | array_agg(distinct {integer} order by 1)"
)
OVER = (
    "row_number() {over} | rank() {over} | dense_rank() {over} | lag({any}) {over} | lead({any}, 2) {over} |"
    " lag({integer}, 1, 0) {over} | first_value({any}) {over} | last_value({any}) {over} | sum({number}) {over} |"
    " avg({double}) {over} | count({any}) {over} | max({any}) {over} | min({any}) {over} | ntile(2) {over} |"
    " percent_rank() {over} | cume_dist() {over} | nth_value({any}, 2) {over} | count_if({truth}) {over} |"
    " sum({number}) {over} - {integer} | avg({integer}) {over}"
)
WINDOWS = (
    "over (order by id) | over (order by id desc) | over (partition by ok order by id) | over (partition by {truth}"
    " order by id) | over () | over (order by {sorted}, id) | over (order by {sorted} desc, id) | over (order by"
    " {sorted} nulls first, id) | over (order by id rows between 1 preceding and 1 following) | over (partition by ok"
    " order by id rows unbounded preceding)"
)
STATEMENTS = (
    "select id from kinds where {truth} order by id"
    " | select id, {any} from kinds where {truth} and {truth} order by id"
    " | select {sorted} c, {aggregate}, {aggregate} from kinds group by 1 order by 1 nulls first"
    " | select {aggregate}, {aggregate}, {aggregate} from kinds"
    " | select {truth}, {aggregate} from kinds where {truth} group by 1 order by 1"
    " | select {sorted}, count(*) from kinds group by 1 having {aggregate} is not null order by 1 desc, 2"
    " | select id, {window}, {window} from kinds order by id"
    " | select {sorted} c, id from kinds order by 1, 2"
    " | select {sorted} c, id from kinds order by c desc nulls last, id limit 3"
    " | select distinct {sorted} c from kinds order by 1"
    " | select a.id, b.id from kinds a {join} join kinds b on {pair} order by 1, 2"
    " | select a.id, count(b.id), max(b.n) from kinds a {join} join kinds b on {pair} group by 1 order by 1"
    " | select c from (select {integer} c from kinds {set} select {bigint} from kinds) order by 1"
    " | select c from (select {text} c from kinds {set} select {text} from kinds) order by 1"
    " | select c from (select {decimal} c from kinds {set} select {integer} from kinds) order by 1"
    " | select id, w from kinds cross join unnest({words}) as u(w) order by 1, 2"
    " | select id, v, i from kinds left join unnest({numbers}) with ordinality as u(v, i) on true order by 1, 3"
    " | with c as (select id, {integer} p, {sorted} q from kinds) select q, sum(p) from c group by q order by q"
    " | select id from kinds where {integer} in (select {integer} from kinds where {truth}) order by id"
    " | select id, (select {aggregate} from kinds) from kinds order by id"
    " | select id from kinds where exists (select 1 from kinds k where k.id < kinds.id and {truth}) order by id"
)
KINDS = {
    "any": ("integer", "bigint", "double", "decimal", "text", "truth", "date", "moment"),
    "number": ("integer", "bigint", "double", "decimal"),
    "sorted": ("integer", "bigint", "decimal", "text", "truth", "date", "moment"),
}
PARTS = {
    "join": "left | right | full | inner",
    "set": "union | union all | intersect | except",
    "pair": (
        "a.n = b.n | a.id = b.id + 1 | a.s > b.s | a.day < b.day | a.t = b.t and a.id <> b.id | a.ok = b.ok | a.x = b.n"
        " | a.d > b.n"
    ),
    "over": WINDOWS,
    "window": OVER,
    "aggregate": AGGREGATES,
}


def generated_expressions(seed: int, count: int) -> list[str]:
    """Expressions over `kinds`."""
    random = Random(seed)
    return [_expression(random, random.choice(list(TEMPLATES)), random.randint(1, 3)) for _ in range(count)]


def generated_statements(seed: int, count: int) -> list[str]:
    """Whole statements over `kinds`, whose rows have one order."""
    random = Random(seed)
    forms = list(_choices(STATEMENTS))
    return [_filled(random, forms[number % len(forms)], 2) for number in range(count)]


def _expression(random: Random, kind: str, depth: int) -> str:
    if kind in FIXED:
        return random.choice(FIXED[kind])
    if kind in KINDS:
        return _expression(random, random.choice(KINDS[kind]), depth)
    if kind in PARTS:
        return _filled(random, random.choice(list(_choices(PARTS[kind]))), depth)
    if depth == 0:
        return random.choice(list(_choices((COLUMNS if random.random() < COLUMNS_SHARE else LITERALS)[kind])))
    return f"({_filled(random, random.choice(list(_choices(TEMPLATES[kind]))), depth - 1)})"


def _filled(random: Random, template: str, depth: int) -> str:
    return HOLE.sub(
        lambda hole: _expression(random, hole[1], depth if hole[1] in PARTS else min(depth, random.randint(0, depth))),
        template,
    )


def _choices(templates: str) -> Iterator[str]:
    for template in re.split(r"\s\|\s", templates):
        yield " ".join(template.split())
