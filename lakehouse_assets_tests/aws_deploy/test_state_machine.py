"""The definition as it stands: what cannot be seen by running it (time-outs, which errors are tried again) and how it
follows the contracts.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aws_deploy.state_machine.definition import definition, levels
from aws_deploy.state_machine.tasks import LAMBDAS, Names
from lakehouse_assets.contracts import SHIPPED, read_contracts

HEALS = {"TemporaryOutage", "LakehouseBusy"}
"""Of our own errors, those that a retry may heal."""


def machine(contracts: Path = SHIPPED, **changed: Any) -> dict[str, Any]:
    read = read_contracts(contracts)
    names = {
        "functions": {role: f"function-{role}" for role in LAMBDAS},
        "load_jobs": {dataset: f"job-{dataset}" for dataset in read},
        "crawlers": {"Tables": "tables", "Rejected": "rejected"},
        "topic": "topic",
        "database": "database",
        "workgroup": "workgroup",
        "results": "s3://bucket/control/athena/",
    }
    return definition(read, Names(**{**names, **changed}))


@pytest.fixture(
    params=[{}, {"step_jobs": {"convert": "job-convert", "archive": "job-archive"}}], ids=["lambdas", "glue_steps"]
)
def defined(request: pytest.FixtureRequest) -> dict[str, Any]:
    return machine(**request.param)


def all_states(scope: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in scope["States"].items():
        yield name, state
        for branch in state.get("Branches", []):
            yield from all_states(branch)


def test_every_task_has_a_time_out_and_so_has_the_whole(defined: dict[str, Any]) -> None:
    assert defined["TimeoutSeconds"] > 0
    assert [
        name for name, state in all_states(defined) if state["Type"] == "Task" and not state.get("TimeoutSeconds")
    ] == []


def test_only_outages_are_tried_again_with_backoff_and_jitter(defined: dict[str, Any]) -> None:
    retries = [retry for _, state in all_states(defined) for retry in state.get("Retry", [])]
    assert retries
    for retry in retries:
        assert all("." in error or error in HEALS for error in retry["ErrorEquals"]), retry
        assert not any(error.startswith("States.") for error in retry["ErrorEquals"]), retry
        assert (retry["BackoffRate"], retry["JitterStrategy"]) == (2, "FULL")
        assert retry["MaxAttempts"]
        assert retry["MaxDelaySeconds"]


def test_a_lambda_that_ran_out_of_time_is_called_again_only_where_it_goes_on(defined: dict[str, Any]) -> None:
    by_lambda = {name for name in ("Convert", "Archive") if "FunctionName" in defined["States"][name]["Arguments"]}
    again = {
        name
        for name, state in all_states(defined)
        if any("Sandbox.Timedout" in retry["ErrorEquals"] for retry in state.get("Retry", []))
    }
    assert again == by_lambda


def test_an_error_without_a_cause_is_caught_all_the_same(defined: dict[str, Any]) -> None:
    """Not every error has one (States.Timeout), and a Catch that reads a field which is not there fails the execution,
    untold.
    """
    caught = [
        str(way)
        for _, state in all_states(defined)
        for way in state.get("Catch", [])
        if "errorOutput.Cause" in str(way)
    ]
    assert len(caught) > 5
    for way in caught:
        assert "$exists($states.errorOutput.Cause) ? $states.errorOutput.Cause : ''" in way


def test_whatever_fails_in_the_batch_is_recorded_and_told_with_the_states_name(defined: dict[str, Any]) -> None:
    ending = {"NotifySuccess", "LookAgain", "RecordFailure", "NotifyFailure", "BatchFailed"}
    for name, state in defined["States"].items():
        if state["Type"] in ("Task", "Parallel") and name not in ending:
            last = state["Catch"][-1]
            assert (last["ErrorEquals"], last["Next"], last["Assign"]["failed"]["state"]) == (
                ["States.ALL"],
                "RecordFailure",
                name,
            )


def test_a_failed_execution_ends_in_a_task_so_that_a_redrive_leads_to_the_first_state(defined: dict[str, Any]) -> None:
    last = defined["States"]["BatchFailed"]
    assert (last["Type"], last["Next"]) == ("Task", defined["StartAt"])
    assert "Catch" not in last
    assert "Fail" not in {state["Type"] for state in defined["States"].values()}


def test_every_way_leads_to_a_state_that_is_there_and_each_name_is_there_once(defined: dict[str, Any]) -> None:
    def check(scope: dict[str, Any]) -> None:
        assert scope["StartAt"] in scope["States"]
        for name, state in scope["States"].items():
            ways = [
                state.get("Next"),
                state.get("Default"),
                *(way["Next"] for field in ("Catch", "Choices") for way in state.get(field, [])),
            ]
            assert {way for way in ways if way} <= set(scope["States"]), name
            assert any(ways) or state.get("End") or state["Type"] in ("Succeed", "Fail"), name
            for branch in state.get("Branches", []):
                check(branch)

    check(defined)
    assert [name for name, times in Counter(name for name, _ in all_states(defined)).items() if times > 1] == []
    assert all(len(name) <= 80 for name, _ in all_states(defined))


def test_parents_are_loaded_before_their_children_and_others_side_by_side() -> None:
    found = [{contract.dataset for contract in level} for level in levels(read_contracts(SHIPPED))]
    assert found == [{"products", "orders"}, {"order_items"}]


def test_a_fourth_dataset_is_one_more_document(tmp_path: Path) -> None:
    for document in (*SHIPPED.glob("*.odcs.yaml"), Path(__file__).parents[1] / "etl" / "returns.odcs.yaml"):
        shutil.copy(document, tmp_path)
    states = machine(tmp_path)
    names = {name for name, _ in all_states(states)}
    assert {"LoadReturns", "LoadReturnsWithGlue", "LoadReturnsWithLambda", "AskReturns"} <= names


def test_a_step_may_be_a_glue_job() -> None:
    by_lambda, by_glue = (
        machine()["States"],
        machine(step_jobs={"convert": "job-convert", "archive": "job-archive"})["States"],
    )
    assert by_lambda["Convert"]["Arguments"]["FunctionName"] == "function-convert"
    assert by_glue["Convert"]["Arguments"]["JobName"] == "job-convert"
    assert by_glue["Archive"]["Arguments"]["Arguments"] == {
        "--execution": "{% $states.context.Execution.Id %}",
        "--batch": "{% $batch.batch_id %}",
    }
