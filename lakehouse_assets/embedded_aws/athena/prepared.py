"""A DuckDB that is open already. The process that queries are forked from (`process`) imports this module in advance,
so each query has it. Opening one takes 30 ms of CPU, more than a small query.
"""

from sqlglot.dialects.duckdb import DuckDB

from lakehouse_assets.embedded_aws.athena.sql import translate
from lakehouse_assets.embedded_aws.athena.views import open_database

DATABASE = open_database()
"""For one query of this process, which locks its configuration."""

# sqlglot prepares a dialect when it is first used, which takes 4 ms.
translate("SELECT 1", [], "d").statement.sql(dialect=DuckDB)
