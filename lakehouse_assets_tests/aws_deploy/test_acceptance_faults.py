"""An acceptance on its bad days: the answer is no, a path fails, a permission is missing, someone interrupts it. Its
deployment is a stand-in here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from aws_deploy.acceptance import __main__ as command
from aws_deploy.acceptance import trial
from aws_deploy.acceptance.answers import Answer
from aws_deploy.acceptance.batches import Batch
from aws_deploy.acceptance.comparison import Found
from aws_deploy.acceptance.measures import Figure
from aws_deploy.acceptance.plan import (
    DAGSTER_EMBEDDED,
    DAGSTER_GLUE,
    MACHINE_GLUE,
    MACHINE_LAMBDA,
    PATHS,
    LoadPath,
    Site,
)
from aws_deploy.acceptance.report import Report, markdown
from aws_deploy.acceptance.run import INTERRUPTED, accept
from aws_deploy.acceptance.trial import Looked, Trial
from aws_deploy.presets import ACCEPTANCE
from aws_deploy.settings import built_in_settings
from lakehouse_assets.aws.client import Aws
from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets.errors import BadConfiguration

FOUND = Found({"orders": ["[1]", "[2]"]}, {"daily_sales": Answer((("1",),), ("bigint",), ("n",))})
DENIED = (
    "Stopping run: AWS refused it with AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/dev/me is"
    " not authorized to perform: glue:GetJobRuns on resource:"
    " arn:aws:glue:us-east-1:111122223333:job/acceptance-orders_etl because no identity-based policy allows it"
)
SITE = Site("111122223333", "us-east-1", Aws(), built_in_settings(ACCEPTANCE))


@dataclass(frozen=True)
class Standing(Trial):
    """A deployment in which all goes well, but for what `faults` does, by the name of the call and of the path."""

    site: Site = SITE
    log: Callable[[str], None] = lambda _: None
    faults: dict[tuple[str, str], BaseException] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    rows: dict[str, list[str]] = field(default_factory=dict)

    def _called(self, name: str, path: str = "") -> None:
        self.calls.append((name, path))
        if fault := self.faults.get((name, path)):
            raise fault

    def deploy(self, path: LoadPath) -> None:
        self._called("deploy", path.name)

    def load(self, path: LoadPath, files: Sequence[Path]) -> Batch:
        self._called("load", path.name)
        return Batch(f"batch of {len(files)}", "succeeded", time.time(), time.time(), None)

    def look(self, path: LoadPath, batch: Batch) -> Looked:
        self._called("look", path.name)
        return Looked(
            Found(
                {"orders": self.rows.get(path.name, FOUND.tables["orders"])}, FOUND.answers if path.new_catalog else {}
            )
        )

    def measure(self, path: LoadPath, batch: Batch) -> dict[str, Figure]:
        self._called("measure", path.name)
        return {"Glue runs": Figure(3.0, "")} if path.engine == "glue" else {}

    def remove(self) -> None:
        self._called("remove")


def accepted(standing: Standing, *, keep: bool = False) -> Report:
    return accept(standing, [Path("a"), Path("b"), Path("c")], FOUND, keep=keep)


def verdicts(report: Report, what: str) -> dict[str, str]:
    return {it.path: it.verdict for it in report.expectations if it.what == what}


def test_where_all_goes_well_it_passes_and_removes_before_and_after() -> None:
    standing = Standing()
    report = accepted(standing)
    assert report.passed
    assert [call for call in standing.calls if call[0] != "measure"][:2] == [
        ("remove", ""),
        ("deploy", MACHINE_LAMBDA.name),
    ]
    assert standing.calls[-1] == ("remove", "")
    assert standing.calls.count(("remove", "")) == 2


def test_asked_to_keep_it_removes_only_what_was_left_before() -> None:
    standing = Standing()
    assert accepted(standing, keep=True).cleaned == "kept"
    assert standing.calls.count(("remove", "")) == 1


@pytest.mark.parametrize("call", ["deploy", "load", "look"])
def test_a_path_that_fails_leaves_the_others_alone_and_fails_the_acceptance(call: str) -> None:
    standing = Standing(faults={(call, MACHINE_GLUE.name): BadConfiguration("Glue version 6.0 is not supported")})
    report = accepted(standing)
    assert not report.passed
    assert [it.path.name for it in report.outcomes if it.error] == [MACHINE_GLUE.name]
    assert [path for name, path in standing.calls if name == "look"][-2:] == [DAGSTER_GLUE.name, DAGSTER_EMBEDDED.name]
    assert standing.calls[-1] == ("remove", "")
    assert "Glue version 6.0 is not supported" in markdown(report)
    assert "Something does not work." in markdown(report)


def test_what_nobody_thought_of_fails_its_path_only() -> None:
    report = accepted(Standing(faults={("load", DAGSTER_GLUE.name): RuntimeError("out of the blue")}))
    assert [it.error for it in report.outcomes if it.error] == ["RuntimeError: out of the blue"]
    assert (report.passed, report.stopped, report.cleaned) == (False, None, "removed")


def test_a_missing_permission_is_named_with_what_it_is_for_and_the_other_paths_run() -> None:
    report = accepted(Standing(faults={("load", DAGSTER_GLUE.name): BadConfiguration(DENIED)}))
    [told] = report.missing_permissions
    assert told.startswith(
        "glue:GetJobRuns on arn:aws:glue:us-east-1:111122223333:job/acceptance-orders_etl, for"
        " arn:aws:sts::111122223333:assumed-role/dev/me"
    )
    assert DAGSTER_GLUE.name in told
    assert [verdict for path, verdict in verdicts(report, "the batch").items() if path != DAGSTER_GLUE.name] == [
        "as expected"
    ] * 3
    assert f"- {told}" in markdown(report)


def test_a_deployment_that_fails_is_said_of_each_path_and_removed() -> None:
    standing = Standing(
        faults={
            ("deploy", MACHINE_LAMBDA.name): BadConfiguration(
                "Stack could not be deployed: is not authorized to perform: kms:CreateKey"
            )
        }
    )
    report = accepted(standing)
    assert set(verdicts(report, "the batch").values()) == {"differs"}
    assert len(report.outcomes) == len(PATHS)
    assert all(told.startswith("kms:CreateKey") for told in report.missing_permissions)
    assert [name for name, _ in standing.calls] == ["remove", "deploy", "remove"]


def test_what_an_earlier_one_left_and_cannot_be_removed_stops_it_before_anything_is_made() -> None:
    standing = Standing(faults={("remove", ""): BadConfiguration("Stack could not be removed")})
    with pytest.raises(BadConfiguration, match="could not be removed"):
        accepted(standing)
    assert standing.calls == [("remove", "")]


@pytest.mark.parametrize("call", ["deploy", "load", "look", "measure"])
def test_an_interrupted_one_removes_what_it_made(call: str) -> None:
    standing = Standing(faults={(call, DAGSTER_GLUE.name): KeyboardInterrupt()})
    report = accepted(standing)
    assert (report.stopped, report.passed, report.cleaned) == (INTERRUPTED, False, "removed")
    assert standing.calls[-2:] == [(call, DAGSTER_GLUE.name), ("remove", "")]


def test_rows_that_differ_are_counted_and_not_told() -> None:
    report = accepted(Standing(rows={DAGSTER_EMBEDDED.name: ["[1]", "[3]", '["a secret"]']}))
    [differing] = [it for it in report.expectations if it.verdict == "differs"]
    assert (differing.path, differing.found) == (
        DAGSTER_EMBEDDED.name,
        "orders: 1 rows are missing, 2 are too many, of 2",
    )
    assert "a secret" not in markdown(report)
    assert not report.passed


@pytest.fixture
def asked(lakehouse_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The session's embedded AWS, where whoever makes or removes something fails the test."""

    def made(*_: Any) -> None:
        raise AssertionError("something was made, or removed")

    for name in ("reference", "accept"):
        monkeypatch.setattr(command, name, made)
    return Aws(lakehouse_aws.environment())


def test_where_the_answer_is_no_nothing_is_made(asked: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    questions: list[str] = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)

    def no(question: str, *, abort: bool) -> None:
        questions.append(question)
        raise click.exceptions.Abort

    monkeypatch.setattr("typer.confirm", no)
    with pytest.raises(click.exceptions.Abort):
        command.run(asked, yes=False, keep=False)
    [question] = questions
    assert "account 000000000000, us-east-1" in question
    assert "lakehouse-acceptance-000000000000-us-east-1" in question
    assert "About $0.44 by list prices" in question


def test_where_nobody_can_answer_nothing_is_made(asked: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(
        BadConfiguration, match=r"Nothing was done\. To run it without a question: make acceptance YES=1"
    ):
        command.run(asked, yes=False, keep=False)


def test_the_settings_of_this_shell_do_not_lead_it_to_another_lakehouse(
    asked: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_BUCKET", "production")
    monkeypatch.setenv("LAKEHOUSE_DATABASE", "production")
    monkeypatch.setenv("DEPLOY_PRESET", "ecommerce")
    with pytest.raises(BadConfiguration) as told:
        command.run(asked, yes=False, keep=False)
    assert "production" not in str(told.value)


class Running(Aws):
    """An account in which an execution and a run of the Glue job of orders are under way, until they are stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def client(self, service: str) -> Any:
        return SimpleNamespace(
            describe_stacks=lambda **_: {
                "Stacks": [{"Outputs": [{"OutputKey": "StateMachineArn", "OutputValue": "arn:m"}]}]
            },
            list_executions=lambda **_: {"executions": [{"executionArn": "arn:e"}]},
            stop_execution=lambda **told: self.asked.append(f"stop {told['executionArn']}"),
            get_paginator=lambda _: SimpleNamespace(paginate=lambda **told: [{"JobRuns": self._runs(told["JobName"])}]),
            batch_stop_job_run=lambda **told: self.asked.append(f"stop {told['JobName']}") or {},
            get_job_run=lambda **_: {"JobRun": {"Id": "jr", "JobRunState": "STOPPED"}},
            exceptions=SimpleNamespace(EntityNotFoundException=KeyError),
        )

    def _runs(self, job: str) -> list[dict[str, str]]:
        return [{"Id": "jr", "JobRunState": "RUNNING"}] if job == "acceptance-orders_etl" else []


def test_what_an_interrupted_one_left_running_is_stopped_before_its_bucket_is_emptied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aws = Running()
    monkeypatch.setattr(trial, "remove", lambda *_, **__: aws.asked.append("remove"))
    monkeypatch.setattr(trial, "delete_bucket", lambda *_: None)
    Trial(replace(SITE, aws=aws), log=lambda _: None).remove()
    assert aws.asked == ["stop arn:e", "stop acceptance-orders_etl", "remove"]
