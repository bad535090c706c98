"""`lakehouse demo`: it shows what it promises, ends by itself and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

from lakehouse_assets_tests.cli.conftest import Program, program

__all__ = ["program"]


def test_the_demo_shows_it_all_and_leaves_nothing(program: Program, tmp_path: Path) -> None:
    scratch = tmp_path / "temporary"
    scratch.mkdir()
    result = program("demo", TMPDIR=str(scratch), LAKEHOUSE_REJECT_LIMIT="0")
    assert result.returncode == 0, result.stderr
    for promised in (
        "quarantined",
        "not-a-date",
        "favourite_department",
        "updated",
        "duplicate",
        "healed",
        "lakehouse up",
        "explain",
    ):
        assert promised in result.stdout
    assert "\x1b" not in result.stdout + result.stderr
    assert list(scratch.iterdir()) == []
    assert list(tmp_path.iterdir()) == [scratch], (
        "neither a home nor anything else is left in the folder it was called in"
    )
