"""Conservation is checked against what was read, not against what the verdicts say was read."""

from __future__ import annotations

import pytest

from lakehouse_assets.etl.engines.base import FileCounts
from lakehouse_assets.etl.engines.load_result import load_result_of

FILES = {0: "a.csv", 1: "b.csv"}


def test_rows_end_in_one_place_each_by_file_reason_and_warning() -> None:
    load_result = load_result_of(
        [
            (0, "insert", None, "low; late", False, 2),
            (0, "rejected", "id: required; total", None, False, 1),
            (1, "duplicate", None, None, False, 2),
            (1, "refresh", None, None, False, 1),
            (None, "update", None, None, False, 1),
            (None, "rejected", "total", None, True, 1),
        ],
        FILES,
        read={0: 3, 1: 3},
        retried=2,
    )
    assert load_result.counts.accounted
    assert load_result.files == {
        "a.csv": FileCounts(read=3, rejected=1, changed=2, warnings={"low": 2, "late": 2}),
        "b.csv": FileCounts(read=3),
    }
    assert load_result.reasons == {"id: required": 1, "total": 2}
    assert load_result.warnings == {"late": 2, "low": 2}
    assert (load_result.healed, load_result.waiting, load_result.refreshed) == (1, 1, 1)
    assert (load_result.counts.duplicates, load_result.counts.unchanged) == (2, 1)


@pytest.mark.parametrize(
    "verdicts",
    [
        [(0, "insert", None, None, False, 4)],
        [(0, "insert", None, None, False, 6)],
        [],
        [(0, "insert", None, None, False, 5), (None, "stale", None, None, False, 1)],
    ],
)
def test_a_row_that_the_verdicts_lost_or_doubled_is_not_accounted_for(
    verdicts: list[tuple[int | None, str, None, None, bool, int]],
) -> None:
    load_result = load_result_of(verdicts, FILES, read={0: 5}, retried=0)
    assert not load_result.counts.accounted
    assert load_result.files["a.csv"].read == 5
