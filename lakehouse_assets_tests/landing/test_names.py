"""Names of files and sheets as names of objects in S3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse_assets.landing.names import safe_name


@pytest.mark.parametrize(
    "name", ["2025-04-01", "Orders (2)", "Bücher 2025", "заказы", "注文", "a.b_c-d", "e\u0301te\u0301"]
)
def test_a_harmless_name_is_kept(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "a\nb",
        "\0",
        "_hidden",
        ".hidden",
        "a..b",
        "x" * 500,
        "é" * 100,
        " a",
        "a.",
        "date=1",
        "\u202eabc",
    ],
)
def test_any_other_name_is_made_safe_and_marked_with_a_hash(name: str) -> None:
    safe = safe_name(name)
    assert safe != name
    assert safe
    assert len(safe.encode()) <= 120
    assert ".." not in safe
    assert not safe.startswith((".", "_", " "))
    assert not set(safe) & set("/\\\n\0=\u202e")
    assert safe == safe_name(name)


@given(st.lists(st.text(max_size=6), min_size=2, max_size=6, unique=True))
def test_two_names_never_become_one(names: list[str]) -> None:
    every = {*names, *(safe_name(name) for name in names)}
    assert len({safe_name(name) for name in every}) == len(every)
