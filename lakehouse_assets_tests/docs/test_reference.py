"""The generated pages are what the code has now, and whatever a user can say is in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any, cast

import pytest
import sqlglot
from open_data_contract_standard import model as odcs
from typer.testing import CliRunner

from aws_deploy.settings import Deployment
from docs_reference import contract_words, queries, rejects, report_words
from docs_reference import word as places_of_words
from docs_reference.commands import commands, options_of_all, parameters, targets
from docs_reference.contract_rules import RULES, example_contract
from docs_reference.contracts import example_of, is_stated
from docs_reference.llms import DOCS
from docs_reference.pages import PAGES
from docs_reference.settings import OTHERS, variables
from docs_reference.typed_dicts import keys_of
from lakehouse_assets.catalog.queries import named_queries, statement_of
from lakehouse_assets.cli.commands import COMMANDS
from lakehouse_assets.cli.commands.doctor_machine import READ_ELSEWHERE
from lakehouse_assets.cli.exit_codes import OF_COMMANDS, ExitCode
from lakehouse_assets.cli.main import app
from lakehouse_assets.contracts import columns, forms, predicates, reader, rules
from lakehouse_assets.etl import rejected, status
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS, Counts
from lakehouse_assets.etl.plan.resolve import CORRECTED, HEALED, REPLAYED
from lakehouse_assets.etl.report_types import DatasetCounts, FileReport, LoadReport, NoBatch
from lakehouse_assets.landing.model import Outcome
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.docs.commands import faults
from lakehouse_assets_tests.etl.test_report import FILE, reported


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_fresh(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == PAGES[name](), f"docs/{name} is stale: run `make reference`"


def test_every_command_argument_and_option_is_documented() -> None:
    page = PAGES["reference/commands.md"]()
    for option in options_of_all():
        assert f"`{option.opts[0]}" in page
    for name, command in commands().items():
        section = page.partition(f"## lakehouse {name}\n")[2].partition("\n## ")[0]
        assert (command.help or "").split()[:3] == section.split()[:3]
        for parameter in parameters(command, name):
            names = parameter.opts if parameter.opts[0].startswith("-") else [parameter.metavar]
            assert all(f"`{each}" in section for each in names), (name, parameter.name)
    for target in targets():
        assert f"`{target}`" in page


def test_every_command_has_an_example_that_it_takes() -> None:
    assert all(entry.examples for entry in COMMANDS.values())
    assert [fault for entry in COMMANDS.values() for line in entry.examples for fault in faults(line)] == []


def test_the_documented_commands_are_those_of_the_help() -> None:
    shown = CliRunner().invoke(app, ["--help"], terminal_width=200).output
    firsts = {name.split()[0] for name in commands()}
    assert [name for name in firsts if not re.search(rf"^\W*{name}\b", shown, re.MULTILINE)] == []


def test_every_setting_is_documented_with_its_meaning() -> None:
    page = PAGES["reference/settings.md"]()
    settings = variables(Settings) | variables(Deployment)
    assert [name for name in (*settings, *OTHERS) if f"\n### {name}\n" not in page] == []
    assert [name for name, field in settings.items() if not field.description] == []
    assert set(OTHERS) == READ_ELSEWHERE


def test_every_word_of_a_contract_that_is_read_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the reader asks of the example contract, which has every word of the page."""
    asked = recorded(monkeypatch)
    example_contract.cache_clear()
    example_contract()
    documented = {(word.place, word.name) for word in contract_words.WORDS if not word.custom}
    customs = {word.name for word in contract_words.WORDS if word.custom}
    options = {name for place, name in documented if place == places_of_words.OPTIONS}
    assert {(place, name) for place, name in asked if place != "custom"} == {
        (place, name) for place, name in documented if place != places_of_words.OPTIONS
    }
    assert {name for place, name in asked if place == "custom"} == customs
    assert options == rules.OPTIONS | {*forms.TIME_OPTIONS}
    assert [word.name for word in contract_words.WORDS if is_stated(word) and example_of(word) == ""] == []


def test_every_function_of_a_rule_is_documented_by_a_rule_that_is_taken() -> None:
    of_example = {column.name: column for column in example_contract().columns}
    assert list(RULES) == predicates.ALLOWED_SYNTAX.split(", ")
    said = set()
    for rule in RULES.values():
        predicates.predicate_of(rule, of_example)
        said |= {type(node) for node in sqlglot.parse_one(rule, read="spark").walk()}
    assert {kind.__name__ for kind in predicates.ALLOWED_NODES if kind not in said} <= {"Var", "Cast", "TryCast"}


def test_every_key_and_word_of_a_report_is_documented() -> None:
    found = reported(FILE)
    assert set(keys_of(LoadReport)) == set(found)
    assert set(keys_of(FileReport)) == set(found["files"][0])
    assert set(keys_of(NoBatch)) <= set(found)
    assert set(keys_of(DatasetCounts)) == {field.name for field in fields(Counts)}
    assert set(report_words.OUTCOMES) | set(report_words.ONLY_IN_MANIFESTS) == set(Outcome)
    assert set(report_words.STATUSES) == {
        status.SUCCEEDED,
        status.WITH_REJECTS,
        status.FAILED,
        status.ABANDONED,
        status.NOTHING_TO_DO,
    }


def test_every_column_state_and_resolution_of_a_rejected_record_is_documented() -> None:
    assert set(rejects.COLUMNS) == {*REJECTED_COLUMNS, *rejected.COLUMNS}
    assert set(rejects.STATES) == set(rejected.State)
    assert set(rejects.RESOLUTIONS) == {HEALED, CORRECTED, REPLAYED}
    assert [reason for reason, text in rejects.reasons(example_contract()).items() if not text] == []


def test_every_exit_code_is_documented() -> None:
    page = PAGES["reference/exit-codes.md"]()
    assert [code for code in ExitCode if f"\n- `{code.value}`: " not in page] == []
    assert set(OF_COMMANDS) <= set(commands())


@pytest.mark.parametrize("name", named_queries())
def test_every_saved_query_says_what_it_answers_and_reads_tables_that_exist(name: str) -> None:
    statement = statement_of(name)
    assert queries.description_of(statement).endswith((".", ")"))
    assert all(queries.columns_of(statement))
    assert set(queries.tables_of(statement)) <= queries.known_tables()


class Documented(dict[str, int]):
    """A class with docstrings below its fields, as a typed dictionary has them."""

    first: int
    """What it is,
    in two lines."""
    second: str
    "Short."


class Undocumented(dict[str, int]):
    first: int


def test_the_docstrings_of_keys_are_read_and_one_that_is_missing_is_named() -> None:
    assert keys_of(Documented) == {"first": "What it is, in two lines.", "second": "Short."}
    with pytest.raises(LookupError, match=r"Undocumented\.first has no docstring"):
        keys_of(Undocumented)


def recorded(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """The words that are asked of a contract's objects from now on, as the page names their places."""
    asked: set[tuple[str, str]] = set()
    places: dict[type[Any], str] = {
        odcs.OpenDataContractStandard: places_of_words.DOCUMENT,
        odcs.Team: places_of_words.TEAM,
        odcs.SchemaObject: places_of_words.SCHEMA,
        odcs.SchemaProperty: places_of_words.PROPERTY,
        odcs.Server: places_of_words.SERVER,
        odcs.Synonym: places_of_words.SYNONYM,
        odcs.EnumValue: places_of_words.ENUM,
        odcs.Relationship: places_of_words.RELATIONSHIP,
        odcs.DataQuality: places_of_words.QUALITY,
    }

    def recording(kind: type[Any], place: str) -> Any:
        before: Callable[[Any, str], Any] = cast(Any, kind).__getattribute__

        def asked_for(self: Any, name: str) -> Any:
            if name in kind.model_fields:
                asked.add((place, name.rstrip("_")))
            return before(self, name)

        return asked_for

    for kind, place in places.items():
        monkeypatch.setattr(kind, "__getattribute__", recording(kind, place))
    own = columns.custom
    for module in (columns, reader):
        monkeypatch.setattr(module, "custom", lambda owner, name: (asked.add(("custom", name)), own(owner, name))[1])
    return asked
