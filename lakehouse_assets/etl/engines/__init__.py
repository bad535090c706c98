"""What an engine is (`base`) and the engines. Each is small, because the plan does the judging."""

from typing import Literal

A_WEEK = 168
"""Hours for which maintenance keeps old versions readable: longer than any query or batch takes, and what Delta Lake itself recommends at least."""

EngineName = Literal["embedded", "spark", "glue", "auto"]
"""As the setting names them: DuckDB and delta-rs in process, Spark in process, Spark by Glue job runs, and: embedded or glue, by the size of the batch."""
