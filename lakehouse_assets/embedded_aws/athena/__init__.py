"""Athena on DuckDB: its SQL, types, functions, queries and results."""
