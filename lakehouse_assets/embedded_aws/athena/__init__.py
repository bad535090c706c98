"""Athena: the API of its queries (`queries`), and Trino's SQL on DuckDB over Delta tables.

A query goes through `delta` (finds the tables), `sql` (parses and translates), `vocabulary` (rejects what is not
supported), `process` (runs DuckDB in a child process), `views` (tables as views, runs the SQL), `refusals`, `types`,
`type_rules` and `number_rules` (what depends on types), `functions` (macros) and `results` (text and CSV).
"""
