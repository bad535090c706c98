"""What an acceptance makes of what the services say: figures, verdicts, permissions, differences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from aws_deploy import costs
from aws_deploy.acceptance.answers import Answer
from aws_deploy.acceptance.batches import Batch
from aws_deploy.acceptance.comparison import Found, different_answers, different_rows
from aws_deploy.acceptance.expectations import Expectation, Outcome, expectations
from aws_deploy.acceptance.measures import Figure, Measured
from aws_deploy.acceptance.permissions import Missing, missing_permission
from aws_deploy.acceptance.plan import DAGSTER_EMBEDDED, MACHINE_GLUE, MACHINE_LAMBDA, LoadPath, Site, dollars_of, price
from aws_deploy.acceptance.trial import Looked
from aws_deploy.presets import ACCEPTANCE
from aws_deploy.settings import built_in_settings
from lakehouse_assets.aws.client import Aws

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BATCH = Batch(
    "b1", "succeeded", NOW.timestamp(), NOW.timestamp() + 300, "arn:aws:states:us-east-1:111122223333:execution:m:e"
)
LINE = (
    "REPORT RequestId: 1\tDuration: {0} ms\tBilled Duration: {0} ms\tMemory Size: {1} MB\tMax Memory Used: 90 MB\t{2}\n"
)
STATES = ["TakeLease", "StartCrawlerTables", "StartCrawlerRejected", *(f"State{number}" for number in range(77))]


class Account(Aws):
    """An account whose clients are Stubbers': each answers what it was told to, once each."""

    def __init__(self) -> None:
        super().__init__()
        session: Any = boto3.Session("a", "b", region_name="us-east-1")
        self.clients = {name: session.client(name) for name in ("glue", "stepfunctions", "logs", "athena")}
        self.stubs = {name: Stubber(client) for name, client in self.clients.items()}
        for stub in self.stubs.values():
            stub.activate()

    def client(self, service: str) -> Any:
        return self.clients[service]

    def says(self, service: str, method: str, answer: dict[str, Any]) -> None:
        self.stubs[service].add_response(method, answer)


@pytest.fixture
def account() -> Account:
    """With one query of the batch, and the history of its execution."""
    told = Account()
    told.says("athena", "list_query_executions", {"QueryExecutionIds": ["q1", "q2"]})
    statistics = {"DataScannedInBytes": 12_000_000, "TotalExecutionTimeInMillis": 1500}
    of_batch = {
        "QueryExecutionId": "q1",
        "Status": {"SubmissionDateTime": NOW + timedelta(seconds=200)},
        "Statistics": statistics,
    }
    later = of_batch | {"QueryExecutionId": "q2", "Status": {"SubmissionDateTime": NOW + timedelta(seconds=400)}}
    told.says("athena", "batch_get_query_execution", {"QueryExecutions": [of_batch, later]})
    entered = [
        {"timestamp": NOW, "type": "TaskStateEntered", "id": number, "stateEnteredEventDetails": {"name": name}}
        for number, name in enumerate(STATES, 1)
    ]
    told.says(
        "stepfunctions",
        "get_execution_history",
        {"events": [*entered, {"timestamp": NOW, "type": "ExecutionSucceeded", "id": 999}]},
    )
    described = {
        "executionArn": str(BATCH.execution),
        "stateMachineArn": "arn:m",
        "status": "SUCCEEDED",
        "startDate": NOW,
    }
    told.says("stepfunctions", "describe_execution", described | {"stopDate": NOW + timedelta(seconds=250)})
    return told


def figures(account: Account, path: LoadPath) -> dict[str, Figure]:
    site = Site("111122223333", "us-east-1", account, built_in_settings(ACCEPTANCE))
    return Measured(site, path, BATCH).figures()


def log_of(account: Account, *, denied: bool = False) -> None:
    """Two calls of the load's Lambda, the first with its start; of each other Lambda one."""
    for role in ACCEPTANCE.functions:
        lines = (
            [LINE.format(8000, 2048, "Init Duration: 1500.5 ms"), LINE.format(12000, 2048, "")]
            if role == "load"
            else [LINE.format(500, 512, "")]
        )
        if denied:
            words = (
                "User: arn:aws:iam::111122223333:user/me is not authorized to perform: logs:FilterLogEvents on"
                " resource: arn:aws:logs:x"
            )
            account.stubs["logs"].add_client_error("filter_log_events", "AccessDeniedException", words)
        else:
            account.says("logs", "filter_log_events", {"events": [{"message": line} for line in lines]})


def glue_run(seconds: int, dpu_seconds: float, batch: str = "b1") -> dict[str, Any]:
    times = {
        "StartedOn": NOW,
        "CompletedOn": NOW + timedelta(seconds=seconds + 25),
        "ExecutionTime": seconds,
        "DPUSeconds": dpu_seconds,
    }
    return {"Id": "jr", "Arguments": {"--manifest": f"s3://bucket/control/manifests/{batch}.json"}, **times}


def test_lambdas_crawlers_steps_and_queries_are_measured_by_the_services_own_figures(account: Account) -> None:
    log_of(account)
    for seconds in (60, 90):
        crawl = {"StartTime": NOW, "EndTime": NOW + timedelta(seconds=seconds), "DPUHour": 0.25, "State": "COMPLETED"}
        account.says("glue", "list_crawls", {"Crawls": [crawl]})
    found = {name: figure.value for name, figure in figures(account, MACHINE_LAMBDA).items()}
    assert (found["batch"], found["execution"], found["state transitions"], found["crawls"]) == (300, 250, 80, 2)
    assert (
        found["start of a Lambda, the longest"],
        found["the load's Lambda, the longest"],
        found["other Lambdas, each"],
    ) == (1.5005, 12, 0.5)
    assert found["Lambdas"] == 20 * 2 + 9 * 0.5 * 0.5
    assert (found["a crawl, the longest"], found["crawlers"]) == (90, 0.5)
    assert (found["Athena, bytes scanned by a query, the most"], found["Athena, a query, the longest"]) == (
        12_000_000,
        1.5,
    )
    assert found["price"] == pytest.approx(42.25 * 0.0000166667 + 80 * 0.000025 + 0.5 * 0.44 + 12e6 / 1e12 * 5)


def test_glue_runs_of_the_batch_are_measured_with_their_start(account: Account) -> None:
    log_of(account)
    for runs in ([glue_run(80, 160)], [glue_run(70, 140), glue_run(900, 9000, "another")], [glue_run(60, 120)]):
        account.says("glue", "get_job_runs", {"JobRuns": runs})
    found = {name: figure.value for name, figure in figures(account, MACHINE_GLUE).items()}
    assert (
        found["Glue runs"],
        found["start of a Glue run, the longest"],
        found["a Glue run, the longest"],
        found["Glue"],
    ) == (3, 25, 160, 420)
    assert "crawlers" not in found


def test_a_figure_that_may_not_be_asked_for_names_the_permission_and_leaves_the_others(account: Account) -> None:
    log_of(account, denied=True)
    for _ in range(3):
        account.says("glue", "get_job_runs", {"JobRuns": [glue_run(80, 160)]})
    found = figures(account, MACHINE_GLUE)
    assert found["Lambdas"].value is None
    assert "the permission logs:FilterLogEvents on arn:aws:logs:x" in found["Lambdas"].why_not
    assert found["price"].value is None
    assert found["Glue"].value == 480


def verdict_of(what: str, figure: Figure, path: LoadPath = MACHINE_GLUE) -> Expectation:
    outcome = Outcome(path, BATCH, Looked(Found()), {what: figure})
    [found] = [it for it in expectations([outcome], Found(), 3) if it.what == what]
    return found


@pytest.mark.parametrize(
    ("what", "figure", "verdict", "severe"),
    [
        ("state transitions", Figure(40, ""), "as expected", False),
        ("state transitions", Figure(41, ""), "differs", False),
        ("Glue runs", Figure(3, ""), "as expected", True),
        ("Glue runs", Figure(2, ""), "differs", True),
        ("crawls", Figure(2, ""), "differs", True),
        ("a Glue run, the longest", Figure(180, "DPU s"), "as expected", False),
        ("a Glue run, the longest", Figure(181, "DPU s"), "differs", False),
        ("start of a Glue run, the longest", Figure(None, "s", "not measured: why"), "not measured", False),
        ("price", Figure(dollars_of(MACHINE_GLUE), "dollars"), "as expected", False),
        ("price", Figure(dollars_of(MACHINE_GLUE) + 0.001, "dollars"), "differs", False),
    ],
)
def test_a_figure_is_held_against_what_the_documentation_assumes(
    what: str, figure: Figure, verdict: str, severe: bool
) -> None:
    found = verdict_of(what, figure)
    assert (found.verdict, found.severe) == (verdict, severe)
    assert figure.why_not in found.found


def test_entries_that_are_not_the_contracts_and_answers_that_differ_fail_a_new_catalog() -> None:
    answer = Answer((("1", "a"), ("2", "b")), ("bigint", "varchar"), ("n", "s"))
    looked = Looked(
        Found({}, {"q": Answer((("1", "a"), ("3", "secret")), ("bigint", "varchar"), ("n", "s"))}), ["orders"]
    )
    found = {it.what: it for it in expectations([Outcome(MACHINE_LAMBDA, BATCH, looked)], Found({}, {"q": answer}), 3)}
    assert (found["the catalog's entries"].verdict, found["the catalog's entries"].found) == (
        "differs",
        "differ: orders",
    )
    assert (found["Athena"].verdict, found["Athena"].found) == ("differs", "q: 1 of 2 rows have different values")


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (Answer(refused="SYNTAX_ERROR: line 1:1"), "SYNTAX_ERROR: line 1:1"),
        (Answer((("1",),), ("bigint",), ("n",)), "1 rows instead of 2"),
        (Answer((("1",), ("2",)), ("varchar",), ("n",)), "the types are varchar instead of bigint"),
    ],
)
def test_an_answer_that_differs_says_how(found: Answer, told: str) -> None:
    expected = Answer((("1",), ("2",)), ("bigint",), ("n",))
    assert different_answers({"q": expected}, {"q": found}) == [f"q: {told}"]
    assert different_answers({"q": expected}, {"q": expected}) == []


def test_a_row_that_stands_twice_or_a_table_that_is_not_there_differs() -> None:
    assert different_rows({"a": ["1", "2"]}, {"a": ["2", "1"]}) == []
    assert different_rows({"a": ["1"]}, {"a": ["1", "1"]}) == ["a: 0 rows are missing, 1 are too many, of 1"]
    assert different_rows({"a": ["1"]}, {}) == ["a: 1 rows are missing, 0 are too many, of 1"]


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        (
            (
                "User: arn:aws:iam::1:user/me is not authorized to perform: s3:PutObject on resource:"
                ' "arn:aws:s3:::b/k" because no identity-based policy'
            ),
            Missing("s3:PutObject", "arn:aws:s3:::b/k", "arn:aws:iam::1:user/me"),
        ),
        ("An error occurred (AccessDenied) when calling the PutObject operation: Access Denied", Missing("PutObject")),
        (
            "Insufficient Lake Formation permission(s): Required Create Table on db (Service: Glue)",
            Missing("Lake Formation: Required Create Table on db"),
        ),
        ("AWS refused it with AccessDenied", Missing("not named by AWS")),
        ("Glue version 6.0 is not supported", None),
    ],
)
def test_which_permission_is_missing_is_read_from_what_aws_says(said: str, missing: Missing | None) -> None:
    assert missing_permission(said) == missing


def test_the_price_is_made_of_the_documentations_figures() -> None:
    asked = price(16)
    glue_runs = costs.batch("glue")["Glue runs"]
    assert dollars_of(DAGSTER_EMBEDDED) == costs.batch("embedded")["Athena's checks"]
    assert asked["batches and their crawlers"] == pytest.approx(
        sum(costs.batch("embedded").values())
        + costs.crawls()
        + sum(costs.batch("glue").values())
        + glue_runs
        + 2 * costs.batch("glue")["Athena's checks"]
    )
    assert asked["queries"] == costs.athena(32)
