"""The load of one dataset of a batch, in any engine: the order of its steps, and why a crash between any two of them is
harmless.

1. Read and validate the batch's files. Retry the waiting orphans whose parent this batch brought. Give each row its
   verdict.
2. Check conservation: every row that was read or retried is in exactly one place, and each converted sheet has as many
   rows as in its workbook.
3. Record the load result, once, before any table changes: after the MERGE a second try would count the same rows as
   unchanged. A result that another run has recorded meanwhile is not overwritten.
4. Append the rejected records, then check the reject limit, so that the person who has to act finds the records. If the
   rules were changed since an earlier try wrote its records, those are removed first.
5. MERGE the rows to insert, to update and to refresh. Mark the rejected records that the batch resolved.

Each write carries a transaction id made of dataset and batch, so a repeated write changes nothing. The rejects do not
depend on the dataset's own table, so a second try with the same rules finds the same rejects. After the MERGE nothing
is validated again: the recorded result is final. A record that says that a dataset was merged is believed only if the
tables' own logs have the commits; otherwise the rows are written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from lakehouse_assets.contracts import Contract
from lakehouse_assets.errors import BadConfiguration, BadData, TemporaryOutage
from lakehouse_assets.etl.engines.base import Counts, Engine, FileCounts, LoadResult, RawFile, Tables, Written
from lakehouse_assets.etl.plan import fingerprint
from lakehouse_assets.landing.model import Manifest, ManifestFile
from lakehouse_assets.landing.zone import LandingZone
from lakehouse_assets.parallel import in_parallel


def load_dataset(
    contract: Contract,
    manifest: Manifest,
    zone: LandingZone,
    tables: Tables,
    engine: Engine,
    reject_limit: float = 1.0,
    confirm: Callable[[], None] = lambda: None,
) -> LoadResult:
    """Loads the files of one dataset that a manifest lists. It can be called again after a crash at any point and has
    the same outcome.

    `confirm` is called before each write; it raises if this process must not write any more. Raises BadData if rows are
    unaccounted for, or if the share of lost rows (rejected, and not only waiting) is above `reject_limit` (0 to 1);
    nothing is merged then. Raises TemporaryOutage if another run loads the same dataset at the same time, or another
    writer commits to its tables. Raises BadConfiguration if the rules were changed between the MERGE and the steps
    after it.
    """
    load_result_key = zone.load_result_key(manifest.batch_id, contract.dataset)
    found = zone.store.get_json_version(load_result_key)
    recorded = found.value if found else None
    if recorded and recorded.get("fault"):
        raise BadData(recorded["fault"])
    files, rules = manifest.to_load(contract.dataset), fingerprint(contract)
    revision = _revision(recorded, rules)
    with engine.dataset_load(contract, tables, manifest.batch_id, manifest.abandoned) as load:
        if (
            recorded
            and recorded["merged"]
            and load.has_written(done := load_result_from_json(recorded), recorded.get("revision"))
        ):
            return done
        load.read(in_parallel(lambda file: _raw_file(zone, file, in_bucket=engine.reads_from_bucket), files))
        load.retry_orphans()
        load_result = load.decide()
        if recorded and load.merged_before:
            load_result = load_result_from_json(recorded)
            _check_rules(contract, manifest.batch_id, load_result.counts, recorded, rules)
            if recorded["merged"]:
                load.write_rejects(revision)
        else:
            _check_conservation(contract, load_result)
            _check_sheets(files, load_result)
            confirm()
            decided = {"merged": False, "rules": rules, "revision": revision} | asdict(load_result)
            if zone.store.replace_json(load_result_key, decided, found.etag if found else None) is None:
                raise TemporaryOutage(
                    f"{contract.dataset}: another run loads batch {manifest.batch_id} at the same time. Run the batch"
                    " again."
                )
            load.write_rejects(revision)
            _check_reject_limit(contract, load_result, reject_limit)
        confirm()
        fault = _fault_of_commit(contract, load_result, load.merge())
        if fault:
            zone.store.put_json(load_result_key, {"merged": False, "fault": fault} | asdict(load_result))
            raise BadData(fault)
        confirm()
        load.settle_rejects()
    zone.store.put_json(load_result_key, {"merged": True, "rules": rules, "revision": revision} | asdict(load_result))
    return load_result


def load_result_from_json(value: dict[str, Any]) -> LoadResult:
    files = {file_id: FileCounts(**counts) for file_id, counts in value["files"].items()}
    later = {name: value[name] for name in ("waiting", "differing", "refreshed", "resolved") if name in value}
    return LoadResult(Counts(**value["counts"]), files, value["reasons"], value["warnings"], value["healed"], **later)


def _raw_file(zone: LandingZone, file: ManifestFile, *, in_bucket: bool) -> RawFile:
    copy = zone.staged_copy(file.version, file.dialect.compression) if in_bucket else zone.local_copy(file.version)
    return RawFile(
        file_id=file.file_id,
        source_file=file.source_file,
        source_modified_at=file.source_modified_at,
        location=str(copy),
        dialect=file.dialect,
        content=file.content,
        seen_before=file.seen_before,
    )


def _revision(recorded: dict[str, Any] | None, rules: str) -> int:
    """The number of times that the rules were changed between the tries of this batch."""
    if recorded is None:
        return 0
    before = int(recorded.get("revision", 0))
    return before if recorded.get("rules") == rules else before + 1


def _check_rules(contract: Contract, batch_id: str, counts: Counts, recorded: dict[str, Any], rules: str) -> None:
    """Orphans are marked by the verdicts of this try. With other rules, these would differ from what the MERGE
    wrote.
    """
    if counts.retried and recorded.get("rules") != rules:
        raise BadConfiguration(
            f"{contract.dataset}: the contract, or this program, was changed after batch {batch_id} wrote its rows to"
            " the table and before it marked the orphans among them. Run the batch again with both as they were; then"
            " change them."
        )


def _check_conservation(contract: Contract, load_result: LoadResult) -> None:
    counts = load_result.counts
    if not counts.accounted or counts.read != sum(file.read for file in load_result.files.values()):
        raise BadData(
            f"{contract.dataset}: rows are unaccounted for: {counts}. Nothing was merged or archived. "
            "This is a fault of the program: please report it with the batch's files."
        )


def _check_sheets(files: tuple[ManifestFile, ...], load_result: LoadResult) -> None:
    for file in files:
        read = load_result.files[file.file_id].read
        if file.expected_rows is not None and read != file.expected_rows:
            raise BadData(
                f"{file.source_file} had {file.expected_rows} rows in its workbook, but {read} were read from"
                f" {file.key}: it was changed after the conversion. Nothing of it was merged or archived. `lakehouse"
                " abandon` gives this batch up; then upload the workbook again."
            )


def _check_reject_limit(contract: Contract, load_result: LoadResult, limit: float) -> None:
    """Rows that only wait for a parent are not lost: they are loaded once it arrives."""
    counts = load_result.counts
    seen, lost = counts.read + counts.retried, counts.rejected - load_result.waiting
    if seen and lost / seen > limit:
        raise BadData(
            f"{contract.dataset}: {lost:,} of {seen:,} rows are rejected, above the limit of {limit:.0%}. Nothing was "
            f"merged. `lakehouse rejects --dataset {contract.dataset}` shows each with its reasons. If the rows are "
            "wrong: `lakehouse abandon` gives the batch up; then load the corrected files. If the contract is wrong: "
            "correct it and run again; the rows are then validated again. To load the rows that are good: raise "
            "LAKEHOUSE_REJECT_LIMIT (1 never fails) and run again."
        )


def _fault_of_commit(contract: Contract, load_result: LoadResult, written: Written | None) -> str | None:
    """Compares the commit's own counts with the verdicts. A second try cannot do so (None: the commit was made before),
    so the fault is recorded.
    """
    counts, renewed = load_result.counts, load_result.written - load_result.counts.inserted
    if written is None or (written.inserted, written.updated) == (counts.inserted, renewed):
        return None
    return (
        f"{contract.dataset}: {counts.inserted} inserts and {renewed} updates were decided, but the commit says"
        f" {written.inserted} and {written.updated}. Nothing was archived. Please report it with the batch's files."
    )
