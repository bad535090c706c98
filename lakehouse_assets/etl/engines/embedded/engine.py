"""The embedded engine: a DuckDB of its own for each load, in this process.

DuckDB holds the rows in memory and spills them to the scratch folder beyond the setting, so memory is bounded whatever
the size of the files. (A database file as scratch space costs a quarter more time, because it is compressed as it is
written.)
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from lakehouse_assets.contracts import Contract
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.etl.engines.base import Maintained, Tables
from lakehouse_assets.etl.engines.embedded import delta
from lakehouse_assets.etl.engines.embedded.failures import failure, is_of_store
from lakehouse_assets.etl.engines.embedded.load import EmbeddedLoad
from lakehouse_assets.etl.plan import for_duckdb
from lakehouse_assets.etl.plan.trial import faults_of_plan
from lakehouse_assets.quoting import sql_literal


@dataclass(frozen=True)
class EmbeddedEngine:
    """`memory_mb` limits DuckDB's memory. `scratch`: the folder in which it spills, into a temporary folder that is
    removed at the end.
    """

    scratch: Path
    memory_mb: int = 1024
    threads: int | None = None
    name: str = "embedded"
    reads_from_bucket: bool = False
    load_class: type[EmbeddedLoad] = EmbeddedLoad

    @contextmanager
    def dataset_load(
        self, contract: Contract, tables: Tables, batch_id: str, abandoned: Sequence[str] = ()
    ) -> Iterator[EmbeddedLoad]:
        self.scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{contract.dataset}-", dir=self.scratch) as folder:
            connection = duckdb.connect()
            try:
                connection.execute(
                    f"SET memory_limit='{self.memory_mb}MB'; SET temp_directory={sql_literal(f'{folder}/spill')}"
                )
                connection.execute("SET TimeZone='UTC'; SET enable_progress_bar=false")
                if self.threads:
                    connection.execute(f"SET threads={self.threads}")
                yield self.load_class(contract, tables, batch_id, abandoned, connection, Path(folder))
            except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
                raise LakehouseError(
                    f"{contract.dataset}: the embedded engine ran out of memory or disk ({str(error).splitlines()[0]})."
                    f" Nothing is lost: free disk space under {self.scratch} or raise LAKEHOUSE_MEMORY_MB (now"
                    f" {self.memory_mb}), then run the batch again."
                ) from error
            except duckdb.InvalidInputException as error:
                # DuckDB reads the stream of a table's rows, in which delta-rs passes on S3's errors.
                if is_of_store(str(error)):
                    raise failure(f"A table that {contract.dataset} is compared with", error) from error
                raise
            finally:
                connection.close()

    def plan_faults(self, contract: Contract, *, rules_only: bool = False) -> list[str]:
        with duckdb.connect(config={"threads": 1}) as connection:

            def create(name: str, query: str) -> str | None:
                try:
                    connection.execute(f"CREATE OR REPLACE TABLE {name} AS {for_duckdb(query)}")
                except duckdb.Error as error:
                    return str(error)
                return None

            return faults_of_plan(contract, "DuckDB", create, rules_only=rules_only)

    def maintain(self, contract: Contract, tables: Tables, retain_hours: int) -> list[Maintained]:
        uris = (tables.table(contract.dataset), tables.rejects(contract.dataset))
        found = ((uri, delta.existing_table(uri, tables.storage_options)) for uri in uris)
        return [Maintained(uri, *delta.maintain(table, retain_hours)) for uri, table in found if table is not None]
