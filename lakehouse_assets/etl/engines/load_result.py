"""Makes the load result of a dataset from an engine's counts, which SQL has grouped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from lakehouse_assets.etl.engines.base import Counts, FileCounts, LoadResult
from lakehouse_assets.etl.plan import SEPARATOR

COUNT_NAMES = {
    "insert": "inserted",
    "update": "updated",
    "refresh": "unchanged",
    "unchanged": "unchanged",
    "duplicate": "duplicates",
    "stale": "stale",
    "rejected": "rejected",
}
CHANGING = ("insert", "update")


def load_result_of(
    groups: Iterable[tuple[int | None, str, str | None, str | None, bool, int]],
    file_ids: Mapping[int, str],
    read: Mapping[int, int],
    retried: int,
) -> LoadResult:
    """`groups`: tuples of file number (None: an orphan that was retried), verdict, joined reasons, joined warnings,
    whether the rows wait for a parent, and the number of rows. `file_ids`: file ids by file number.

    `read`: rows read, by file number. `retried`: the number of retried orphans. Both are counted before the verdicts,
    so that a row that the verdicts lose or double is noticed.
    """
    counts = Counter(read=sum(read.values()), retried=retried)
    reasons: Counter[str] = Counter()
    warnings: Counter[str] = Counter()
    files = {file_id: FileCounts(read=read.get(number, 0)) for number, file_id in file_ids.items()}
    healed = waiting = refreshed = 0
    for file_no, verdict, why, warned, waits, rows in groups:
        waiting += rows if waits else 0
        refreshed += rows if verdict == "refresh" else 0
        counts[COUNT_NAMES[verdict]] += rows
        reasons.update(dict.fromkeys(_parts(why), rows))
        warnings.update(dict.fromkeys(_parts(warned), rows))
        changed = rows if verdict in CHANGING else 0
        if file_no is None:
            healed += changed
            continue
        of_file = files[file_ids[file_no]]
        for warning in _parts(warned):
            of_file.warnings[warning] = of_file.warnings.get(warning, 0) + rows
        files[file_ids[file_no]] = replace(
            of_file,
            rejected=of_file.rejected + (rows if verdict == "rejected" else 0),
            changed=of_file.changed + changed,
        )
    return LoadResult(
        Counts(**counts),
        files,
        dict(sorted(reasons.items())),
        dict(sorted(warnings.items())),
        healed,
        waiting,
        refreshed=refreshed,
    )


def _parts(joined: str | None) -> list[str]:
    return joined.split(SEPARATOR) if joined else []
