"""The rejected records of one load: the waiting ones of earlier batches, those that this batch writes, and those that
it resolves.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
from deltalake import DeltaTable

from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS
from lakehouse_assets.etl.engines.embedded import delta
from lakehouse_assets.etl.engines.embedded.queries import only_row, rows_of
from lakehouse_assets.etl.engines.embedded.raw import Chunk, raw_of_rejected
from lakehouse_assets.etl.engines.ranges import within
from lakehouse_assets.etl.engines.table import (
    SAID_AGAIN,
    SAME_OPEN_RECORD,
    SAME_RECORD,
    SETTLED,
    STILL_SO,
    of_rejects,
    of_settled,
)
from lakehouse_assets.etl.plan import SEPARATOR, for_duckdb, key_text
from lakehouse_assets.etl.plan.resolve import (
    CORRECTED,
    HEALED,
    REPLAYED,
    ROW_IN_TABLE,
    corrected_sql,
    identifying,
    open_records_sql,
    outdone_sql,
)
from lakehouse_assets.quoting import sql_literal


class Rejects:
    """Reads the tables `judged_rows`, `retried_rows`, `judged`, `files`, `current`, `decided` and `not_inserted` of its
    load.
    """

    def __init__(
        self,
        contract: Contract,
        table: DeltaTable,
        batch_id: str,
        transaction: str,
        connection: duckdb.DuckDBPyConnection,
    ) -> None:
        self.contract, self.table, self.batch_id, self.transaction, self.connection = (
            contract,
            table,
            batch_id,
            transaction,
            connection,
        )

    def read_waiting(self, columns: Sequence[str]) -> None:
        """Creates the table `waiting`: the waiting records of other batches, except those whose content this batch
        loads again (its own rows replace them).
        """
        self._fetch(
            "waiting",
            columns,
            f"waiting = true AND batch_id <> {sql_literal(self.batch_id)} AND NOT {self._of_content_seen()}",
        )

    def write(self, chunks: Sequence[Chunk], revision: int) -> int | None:
        """See `DatasetLoad.write_rejects`."""
        self._number_rows()
        if self.written_before(revision):
            return None
        if revision:
            delta.delete(self.table, f"batch_id = {sql_literal(self.batch_id)}")
        rejected = "SELECT count(*) FROM not_inserted WHERE verdict = 'rejected' AND row_id >= 0"
        if not only_row(self.connection, rejected)[0]:
            return 0
        self.connection.execute(
            f"CREATE TABLE raws AS {' UNION ALL '.join(raw_of_rejected(chunk) for chunk in chunks)}"
        )
        rows = self.connection.sql(
            f"SELECT f.record || ':' || (j.rowid - n.first_row + 1) AS record_id, {sql_literal(self.contract.dataset)}"
            f" AS dataset, string_split(d.reasons, '{SEPARATOR}') AS reasons, r.raw, f.source_file, j.rowid -"
            f" n.first_row + 1 AS row_number, f.source_modified_at, {sql_literal(self.batch_id)} AS batch_id, CAST(NULL"
            f" AS VARCHAR) AS healed_by, j.broken IS NULL AS waiting, {key_text(self.contract, 'r.raw')} AS key,"
            " CAST(NULL AS VARCHAR) AS resolved_by, CAST(NULL AS VARCHAR) AS resolution FROM not_inserted d JOIN"
            " judged_rows j ON j.rowid = d.row_id JOIN files f USING (file_no) JOIN first_rows n USING (file_no) JOIN"
            " raws r USING (row_id) WHERE d.verdict = 'rejected'"
        ).select(*(f'"{field.name}"' for field in self.table.schema().fields))
        transaction = of_rejects(self.transaction, revision)
        if not self._seen():
            return delta.append(self.table, rows, transaction)
        renewed = {name: f's."{name}"' for name in REJECTED_COLUMNS if name != "record_id"}
        condition = f"{SAME_RECORD} AND {self._of_content_seen('t.record_id')}"
        metrics = delta.merge(self.table, rows, condition, transaction, update=renewed, insert=True, only=SAID_AGAIN)
        return int(metrics["num_target_rows_inserted"] + metrics["num_target_rows_updated"])

    def find_resolved(self, accepted: int) -> int:
        """Creates the table `resolved` (record_id, resolution): the open records of other batches that this batch
        resolves, except orphans whose own row it accepts. Returns their number.
        """
        self.connection.execute("CREATE TABLE resolved (record_id VARCHAR, resolution VARCHAR)")
        if not accepted or not self.table.count():
            return 0
        self._number_rows()
        columns = ["record_id", "source_modified_at", "raw", "waiting"]
        self._fetch(
            "stored", columns, f"healed_by IS NULL AND resolved_by IS NULL AND batch_id <> {sql_literal(self.batch_id)}"
        )
        names = ", ".join(f"""raw[{sql_literal(name)}] AS "{name}\"""" for name in identifying(self.contract))
        self.connection.execute(
            f"CREATE OR REPLACE TEMP VIEW raw AS SELECT record_id, source_modified_at, {names} FROM stored WHERE NOT"
            f" {self._of_content_seen()}"
        )
        self.connection.execute(
            "CREATE TABLE open_records AS"
            f" {for_duckdb(open_records_sql(self.contract, 'record_id', 'source_modified_at'))}"
        )
        self._view_accepted()
        self.connection.execute(
            f"INSERT INTO resolved SELECT record_id, '{CORRECTED}' FROM ({for_duckdb(corrected_sql(self.contract))})"
        )
        if self._seen():
            self.connection.execute(
                f"INSERT INTO resolved SELECT record_id, CASE WHEN s.waiting THEN '{HEALED}' ELSE '{REPLAYED}' END FROM"
                " stored s JOIN (SELECT f.record || ':' || (j.rowid - n.first_row + 1) AS record_id FROM judged_rows j"
                " JOIN files f USING (file_no) JOIN first_rows n USING (file_no) JOIN decided d ON d.row_id = j.rowid"
                " WHERE f.seen_before AND d.verdict <> 'rejected') USING (record_id)"
            )
        self.connection.execute(
            "DELETE FROM resolved WHERE record_id IN (SELECT r.record_id FROM retried_rows r JOIN decided d ON d.row_id"
            " = -1 - r.rowid WHERE d.verdict <> 'rejected')"
        )
        return int(only_row(self.connection, "SELECT count(*) FROM resolved")[0])

    @property
    def settled_before(self) -> bool:
        return delta.committed(self.table, of_settled(self.transaction))

    def written_before(self, revision: int) -> bool:
        return delta.committed(self.table, of_rejects(self.transaction, revision))

    def settle(self) -> None:
        """See `DatasetLoad.settle_rejects`."""
        if self.settled_before:
            return
        self._find_outdone()
        batch = sql_literal(self.batch_id)
        self.connection.execute(
            f"CREATE TABLE settled AS SELECT r.record_id, CASE WHEN d.verdict IN {ROW_IN_TABLE} THEN {batch} END AS"
            " healed_by, d.verdict = 'rejected' AND r.broken IS NULL AND x.record_id IS NULL AS waiting,"
            f" string_split(d.reasons, '{SEPARATOR}') AS reasons, CASE WHEN d.verdict <> 'rejected' OR x.record_id IS"
            f" NOT NULL THEN {batch} END AS resolved_by, CASE WHEN d.verdict IN {ROW_IN_TABLE} THEN '{HEALED}' WHEN"
            f" d.verdict <> 'rejected' OR x.record_id IS NOT NULL THEN '{CORRECTED}' END AS resolution, CAST(NULL AS"
            " TIMESTAMPTZ) AS said_at FROM retried_rows r JOIN decided d ON d.row_id = -1 - r.rowid LEFT JOIN resolved"
            f" x ON x.record_id = r.record_id UNION ALL SELECT record_id, CASE WHEN resolution = '{HEALED}' THEN"
            f" {batch} END, false, NULL, {batch}, resolution, said_at FROM (SELECT *, NULL AS said_at FROM resolved"
            " UNION ALL FROM outdone) WHERE record_id NOT IN (SELECT record_id FROM retried_rows)"
        )
        if only_row(self.connection, "SELECT count(*) FROM settled")[0]:
            rows = self.connection.sql("SELECT * FROM settled")
            delta.merge(
                self.table,
                rows,
                SAME_OPEN_RECORD,
                of_settled(self.transaction),
                update=SETTLED,
                insert=False,
                only=STILL_SO,
            )

    def _find_outdone(self) -> None:
        """Creates the table `outdone` (record_id, resolution, said_at): the records of this batch whose key has a newer
        row in the batch or in the table.
        """
        self._number_rows()
        self._view_accepted()
        self.connection.execute(
            "CREATE TABLE refused AS SELECT j.* FROM judged j JOIN not_inserted d USING (row_id) WHERE d.verdict ="
            " 'rejected' AND j.row_id >= 0"
        )
        self.connection.execute(
            f"CREATE TABLE outdone AS SELECT f.record || ':' || (j.rowid - n.first_row + 1) AS record_id, '{CORRECTED}'"
            f" AS resolution, f.source_modified_at AS said_at FROM ({for_duckdb(outdone_sql(self.contract))}) o JOIN"
            " judged_rows j ON j.rowid = o.row_id JOIN files f USING (file_no) JOIN first_rows n USING (file_no)"
        )

    def _view_accepted(self) -> None:
        self.connection.execute(
            "CREATE OR REPLACE TEMP VIEW accepted AS SELECT j.* FROM judged j JOIN decided d USING (row_id) WHERE"
            " d.verdict <> 'rejected'"
        )

    def _number_rows(self) -> None:
        """Creates the table `first_rows`: where each file's rows begin in `judged_rows`."""
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS first_rows AS SELECT file_no, min(rowid) AS first_row FROM judged_rows GROUP BY"
            " file_no"
        )

    def _seen(self) -> list[str]:
        """The beginnings of the ids of records whose content an earlier batch loaded."""
        found = rows_of(self.connection, "SELECT DISTINCT record FROM files WHERE seen_before ORDER BY record")
        return [record for (record,) in found]

    def _of_content_seen(self, record_id: str = "record_id") -> str:
        """The predicate that a record's content is loaded again by this batch."""
        seen = [(f"{record}:", f"{record};") for record in self._seen()]
        return within(record_id, seen, sql_literal) if seen else "false"

    def _fetch(self, into: str, columns: Sequence[str], where: str) -> None:
        found = delta.look_up(self.table, columns, where)
        self.connection.execute(f"CREATE TABLE {into} AS SELECT * FROM found")
        del found
