"""A dry run: what a load of files would do, by the steps of a load itself, without writing to the bucket or a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import Contracts
from lakehouse_assets.etl.engines.base import LoadResult, Tables
from lakehouse_assets.etl.load import load_dataset
from lakehouse_assets.etl.plan import hint
from lakehouse_assets.etl.rejected import Rejected, Wanted
from lakehouse_assets.etl.report import NOTHING_TO_DO, ignored_report, load_report
from lakehouse_assets.etl.report_types import RejectedReason, Validation
from lakehouse_assets.etl.status import SUCCEEDED
from lakehouse_assets.landing.convert import convert_uploads
from lakehouse_assets.landing.dry_store import DryStore
from lakehouse_assets.landing.freeze import freeze
from lakehouse_assets.landing.local_files import Ignored, Incoming
from lakehouse_assets.landing.model import Outcome
from lakehouse_assets.landing.uploading import upload
from lakehouse_assets.landing.zone import CONTENTS, LandingZone
from lakehouse_assets.settings import Settings


def dry_run(
    settings: Settings,
    contracts: Contracts,
    incoming: list[Incoming],
    ignored: Iterable[Ignored],
    scratch: Path,
    lakehouse: Lakehouse | None,
) -> Validation:
    """Routes, validates and decides the given files, and no others, by the embedded engine.

    `lakehouse`: the one whose tables the rows are compared with; None: the rows are compared with empty tables.
    `scratch`: an empty folder, which the caller removes. Raises what the steps of a load raise.
    """
    from lakehouse_assets.etl.engines.embedded.dry_run import DryLoad, rejected_in_dry_run
    from lakehouse_assets.etl.engines.embedded.engine import EmbeddedEngine
    from lakehouse_assets.etl.trial import try_plans

    zone = _zone(settings, contracts, scratch, lakehouse)
    nowhere = Tables(str(scratch / "no-tables"), str(scratch / "no-rejects"))
    tables = replace(lakehouse.tables if lakehouse else nowhere, dry_run=scratch / "would-be")
    engine = EmbeddedEngine(scratch / "engine", settings.memory_mb, settings.threads, load_class=DryLoad)
    try_plans(contracts.values(), [engine], lakehouse.zone.scratch / "plans" if lakehouse else None)
    upload(zone, incoming)
    convert_uploads(zone)
    manifest = freeze(zone, "any")
    results: dict[str, LoadResult] = {}
    for contract in contracts.values():
        if manifest and (manifest.to_load(contract.dataset) or any(p.dataset in results for p in contract.parents)):
            results[contract.dataset] = load_dataset(contract, manifest, zone, tables, engine)
    written = rejected_in_dry_run(scratch / "would-be")
    rejected = {
        dataset: found
        for dataset in results
        if (found := Rejected.of(contracts[dataset], written, scratch, settings.memory_mb)) is not None
    }
    report = load_report(manifest, results, SUCCEEDED) if manifest else NOTHING_TO_DO
    files = [*report["files"], *map(ignored_report, ignored)]
    names = {file["source_file"]: file["name"] for file in files}
    return {
        "passes": True,
        "problems": [],
        "tables": lakehouse.tables.data if lakehouse else None,
        "datasets": {dataset: counts for dataset, counts in report["datasets"].items() if any(counts.values())},
        "waiting": _numbers(results, "waiting"),
        "healed": _numbers(results, "healed"),
        "resolved": _numbers(results, "resolved"),
        "differing": _numbers(results, "differing"),
        "rejected": [found for dataset in rejected for found in _reasons(rejected[dataset], results[dataset], names)],
        "warnings": {dataset: result.warnings for dataset, result in results.items() if result.warnings},
        "files": files,
    }


def problems_of(validation: Validation, most: float, limit: float) -> list[str]:
    """Why files do not pass, in words: files that would not be taken, and datasets of whose rows a larger share than
    `most` (0 to 1) would be rejected. Rows that only wait for a parent are not counted. `limit`: the share above which
    the batch would fail.
    """
    problems = [
        f"{file['name']} would not be taken: {file['reason']}"
        for file in validation["files"]
        if file["outcome"] == Outcome.QUARANTINED
        or (file["outcome"] == Outcome.IGNORED and file.get("workbook") and file.get("rows_aside") != 0)
    ]
    if all(file["source_file"] is None for file in validation["files"]):
        problems.append("There is no file that a load would take.")
    for dataset, counts in validation["datasets"].items():
        rows, lost = counts["read"] + counts["retried"], counts["rejected"] - validation["waiting"].get(dataset, 0)
        if rows and lost / rows > most:
            fails = f", above LAKEHOUSE_REJECT_LIMIT ({limit:.0%}): the batch would fail" if lost / rows > limit else ""
            problems.append(f"{dataset}: {lost:,} of {rows:,} rows would be rejected{fails}.")
    return problems


def _zone(settings: Settings, contracts: Contracts, scratch: Path, lakehouse: Lakehouse | None) -> LandingZone:
    """A landing zone in the scratch folder. Of the real bucket it shows which contents came before, the time of the
    last file, and the abandoned batches.
    """
    s = settings
    prefixes = (s.raw_prefix, s.uploads_prefix, s.rejected_prefix, s.archive_prefix, s.control_prefix)

    def shown(key: str) -> Any | None:
        names = (zone.last_file_key, zone.abandoned_key, f"{zone.control}{CONTENTS}")
        return lakehouse.zone.store.get_json(key) if lakehouse and key.startswith(names) else None

    zone = LandingZone(DryStore(s.bucket, scratch / "objects", shown), contracts, *prefixes, scratch)
    return zone


def _reasons(rejected: Rejected, result: LoadResult, names: Mapping[str | None, str]) -> Iterator[RejectedReason]:
    """Each reason with the number of its rows, and the first of them; the most frequent first."""
    first: dict[str, tuple[str, int]] = {}
    for _, _, reasons, _, source_file, row_number, *_ in rejected.records(Wanted()):
        for reason in reasons:
            first.setdefault(reason, (names.get(source_file, source_file), row_number))
    for reason, rows in sorted(result.reasons.items(), key=lambda item: -item[1]):
        file, row = first.get(reason, (None, None))  # a row of an earlier batch that would be retried has no place here
        yield {
            "dataset": rejected.contract.dataset,
            "reason": reason,
            "rows": rows,
            "file": file,
            "row": row,
            "hint": hint(reason, rejected.contract),
        }


def _numbers(results: Mapping[str, LoadResult], name: str) -> dict[str, int]:
    """One count of the results by dataset, without zeros."""
    return {dataset: number for dataset, result in results.items() if (number := getattr(result, name))}
