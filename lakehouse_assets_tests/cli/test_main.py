"""The program `lakehouse` itself: quick help, completion, and no trace ever."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from lakehouse_assets.cli import main as program_module
from lakehouse_assets.cli.commands import COMMANDS, GROUPS
from lakehouse_assets_tests.cli.conftest import Program, clean_environment
from lakehouse_assets_tests.support import product, products_csv

HEAVY = ("dagster", "boto3", "duckdb", "deltalake", "sqlglot", "pydantic", "lakehouse_assets.contracts")
HEAVY_FOR_A_COMMAND = ("dagster", "boto3", "pyspark", "ministack", "aws_cdk")


def imported_by_help(*command: str) -> set[str]:
    """The modules that `lakehouse COMMAND --help` has imported at its end."""
    code = f"""
        import atexit, sys
        from lakehouse_assets.cli.main import main
        sys.argv = {["lakehouse", *command, "--help"]}
        atexit.register(lambda: print(*sys.modules, file=sys.stderr))
        main()
    """
    ended = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=True)
    assert "Usage: lakehouse" in ended.stdout
    return set(ended.stderr.split())


def test_the_list_of_commands_needs_no_heavy_import() -> None:
    assert imported_by_help().isdisjoint(HEAVY)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_needs_neither_dagster_nor_boto3(command: str) -> None:
    assert imported_by_help(*command.split()).isdisjoint(HEAVY_FOR_A_COMMAND)


def test_every_command_has_a_line_in_the_help(program: Program) -> None:
    lists = {first: program(*first.split(), "--help", COLUMNS="80") for first in ("", *GROUPS)}
    assert {result.returncode for result in lists.values()} == {0}
    for command, entry in COMMANDS.items():
        first, _, name = command.rpartition(" ")
        assert f" {name} " in lists[first].stdout
        assert entry.summary in lists[first].stdout, "at 80 columns it is one line"
    assert all(f" {first} " in lists[""].stdout and summary in lists[""].stdout for first, summary in GROUPS.items())


def test_the_version_is_printed(program: Program) -> None:
    assert program("--version").stdout.startswith("lakehouse 0.")


@pytest.mark.parametrize(
    "arguments",
    [(), ("unload",), ("query",), ("history", "--yaml"), ("contract",), ("query", "SELECT 1", "--format", "xml")],
)
def test_wrong_usage_ends_with_2_and_a_hint(program: Program, arguments: tuple[str, ...]) -> None:
    result = program(*arguments)
    assert result.returncode == 2
    assert "lakehouse" in result.stdout + result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("lakehouse hist", {"history"}),
        ("lakehouse query t", {"top_customers"}),
        ("lakehouse explain order_", {"order_items"}),
        ("lakehouse rejects --dataset p", {"products"}),
        ("lakehouse query x --format j", {"json"}),
    ],
)
def test_the_shell_completes_commands_datasets_and_queries(program: Program, words: str, completed: set[str]) -> None:
    place = str(len(words.split()) - 1)
    result = program(_LAKEHOUSE_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=place)
    assert set(result.stdout.split()) == completed


def test_where_there_is_nothing_to_do_nothing_else_is_said(program: Program, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    ended = program("load", tmp_path / "nothing")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "Nothing to do: no files are pending.\n", "")
    ended = program("put", tmp_path / "nothing")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "No file to upload.\n", "")


def without(package: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program in an environment that lacks a package."""
    code = f"import sys; sys.modules[{package!r}] = None; from lakehouse_assets.cli.main import main; main()"
    environment = clean_environment() | {"LAKEHOUSE_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    ended = without("xlsxwriter", tmp_path, "demo")
    assert ended.returncode == 2
    assert "lakehouse demo needs the package xlsxwriter, which is not installed." in ended.stderr
    doctor = without("yaml", tmp_path, "doctor")
    assert doctor.returncode == 1
    assert "The other checks need the package yaml" in doctor.stdout
    assert "-> Run: make setup" in doctor.stdout


def test_without_the_embedded_aws_a_command_says_how_to_install_it(tmp_path: Path) -> None:
    ended = without("ministack", tmp_path / "home", "load")
    assert ended.returncode == 2
    assert "The embedded AWS is not installed." in ended.stderr
    assert "make setup" in ended.stderr


def test_home_names_the_home(program: Program, tmp_path: Path) -> None:
    result = program("--home", tmp_path / "other", "doctor")
    assert str(tmp_path / "other") in result.stdout
    assert str(tmp_path / "home") not in result.stdout


def test_an_unexpected_error_is_one_line_for_the_user_and_a_trace_in_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["lakehouse", "doctor"])
    monkeypatch.setattr(program_module, "app", broken)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        program_module.main()
    assert ended.value.code == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "ZeroDivisionError: by nought" in error
    assert str(tmp_path / "logs" / "lakehouse.log") in error
    log = (tmp_path / "logs" / "lakehouse.log").read_text()
    assert "Traceback" in log
    assert "lakehouse doctor" in log


@pytest.mark.parametrize(
    "environment",
    [
        dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
        | {"NO_PROXY": "", "no_proxy": ""},
        {"AWS_PROFILE": "nope"},
    ],
    ids=["a proxy that does not answer", "a profile that is not there"],
)
def test_neither_proxies_nor_profiles_of_the_environment_have_a_say_in_the_embedded_aws(
    program: Program, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Company laptops have both. boto3, delta-rs, and Dagster's steps in processes of their own: all have to reach
    it.
    """
    (tmp_path / "p.csv").write_text(products_csv(product(1)))
    assert "raw/products/p.csv" in program("put", tmp_path / "p.csv", **environment).stdout
    (tmp_path / "nothing").mkdir()
    result = program("load", "--json", tmp_path / "nothing", **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads(result.stdout)["status"] == "succeeded"
    assert program("query", "SELECT count(*) FROM products", "--format", "csv", **environment).stdout.split() == [
        "_col0",
        "1",
    ]


def test_a_home_of_any_name_is_used_and_leaves_nothing_beside_it(program: Program, tmp_path: Path) -> None:
    home = tmp_path / "a b#c'd\"é&;,$(x)\\y:z@{0}" / ("deep" * 40)
    (tmp_path / "p.csv").write_text(products_csv(product(1), product("x")))
    loaded = program("load", "--json", "p.csv", home=home)
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    assert json.loads(program("query", "SELECT count(*) AS n FROM products", "--format", "json", home=home).stdout) == [
        {"n": 1}
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([home.parent.name, "p.csv"])
    assert list(home.parent.iterdir()) == [home]


@pytest.mark.parametrize("name", ["what?", "a%20b", "a\nb"])
def test_a_home_whose_name_dagster_cannot_use_is_refused_before_anything_is_made(
    program: Program, tmp_path: Path, name: str
) -> None:
    refused = program("load", home=tmp_path / name)
    assert refused.returncode == 2
    assert "cannot be used: its path contains" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_profile_of_an_account_that_is_not_there_says_what_to_do(program: Program, tmp_path: Path) -> None:
    result = program("history", LAKEHOUSE_AWS="account", AWS_PROFILE="nope", AWS_CONFIG_FILE=str(tmp_path / "none"))
    assert result.returncode == 2
    assert "profile (nope) could not be found" in result.stderr
    assert "Set AWS_PROFILE to one of those" in result.stderr
