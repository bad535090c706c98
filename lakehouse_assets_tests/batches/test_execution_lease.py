"""The lease in the name of a state machine's execution: its steps share it, it lives while the execution runs, a step
that wakes up late writes no more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from lakehouse_assets.aws.executions import Executions
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import BadConfiguration, LakehouseBusy, LeaseLost
from lakehouse_assets.parallel import in_parallel
from lakehouse_assets_tests.support import ClientWith, keys, put_one_of_each

WAITS = {"StartAt": "Work", "States": {"Work": {"Type": "Wait", "Seconds": 86_400, "End": True}}}


@pytest.fixture
def machine(lakehouse: Lakehouse) -> Iterator[str]:
    """A state machine whose executions run until they are stopped."""
    states = lakehouse.aws.client("stepfunctions")
    arn = states.create_state_machine(
        name=f"m{uuid4().hex}", definition=json.dumps(WAITS), roleArn="arn:aws:iam::000000000000:role/m"
    )["stateMachineArn"]
    yield arn
    for execution in states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]:
        states.stop_execution(executionArn=execution["executionArn"])


def execution(lakehouse: Lakehouse, machine: str) -> str:
    return str(lakehouse.aws.client("stepfunctions").start_execution(stateMachineArn=machine)["executionArn"])


def stop(lakehouse: Lakehouse, arn: str) -> None:
    lakehouse.aws.client("stepfunctions").stop_execution(executionArn=arn)


def step_of(lakehouse: Lakehouse, arn: str) -> Lakehouse:
    """As a process of its own would see it."""
    return Lakehouse(lakehouse.settings, lakehouse.aws, execution=arn)


def never(words: str) -> None:
    raise AssertionError(words)


def holding(lakehouse: Lakehouse) -> dict[str, Any]:
    found = lakehouse.zone.store.get_json("control/lease.json")
    assert found is not None
    return dict(found)


def test_the_steps_of_one_execution_share_it_and_it_counts_as_taken_once(lakehouse: Lakehouse, machine: str) -> None:
    arn = execution(lakehouse, machine)
    steps = [step_of(lakehouse, arn) for _ in range(8)]
    in_parallel(lambda step: step.take_lease(never), steps)
    assert all(step.lease.is_held() for step in steps)
    assert (holding(lakehouse)["execution"], holding(lakehouse)["epoch"]) == (arn, 1)


def test_while_the_execution_runs_all_others_are_told_who_works(lakehouse: Lakehouse, machine: str) -> None:
    arn = execution(lakehouse, machine)
    step_of(lakehouse, arn).take_lease(never)
    for other in (
        step_of(lakehouse, execution(lakehouse, machine)),
        Lakehouse(lakehouse.settings.model_copy(update={"lease_wait_seconds": 0}), lakehouse.aws),
    ):
        assert arn in str(other.lease.held_by())
        with pytest.raises(LakehouseBusy, match=arn):
            other.take_lease(lambda _: None)


def test_an_execution_that_ended_is_taken_over_from_at_once(lakehouse: Lakehouse, machine: str) -> None:
    arn = execution(lakehouse, machine)
    step_of(lakehouse, arn).take_lease(never)
    stop(lakehouse, arn)
    assert lakehouse.lease.held_by() is None
    lakehouse.take_lease(never)
    assert holding(lakehouse)["epoch"] == 2
    lakehouse.lease.release()


def test_where_step_functions_may_not_be_asked_nothing_is_taken_over(
    lakehouse: Lakehouse, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A permission that is missing must not look like a dead execution. (The embedded AWS refuses nobody: the refusal
    is made here.)
    """
    step_of(lakehouse, execution(lakehouse, machine)).take_lease(never)

    def refused(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeExecution")

    other = Lakehouse(lakehouse.settings, lakehouse.aws)
    monkeypatch.setitem(vars(other), "executions", Executions(ClientWith(None, describe_execution=refused)))
    with pytest.raises(BadConfiguration, match="AccessDeniedException"):
        other.take_lease(never)
    assert holding(lakehouse)["epoch"] == 1


def test_what_a_step_gives_back_is_free_for_all(lakehouse: Lakehouse, machine: str) -> None:
    arn = execution(lakehouse, machine)
    step_of(lakehouse, arn).take_lease(never)
    step_of(lakehouse, arn).lease.release()
    assert lakehouse.lease.held_by() is None
    step_of(lakehouse, execution(lakehouse, machine)).take_lease(never)
    assert holding(lakehouse)["epoch"] == 2


def test_a_step_gives_back_only_what_its_execution_has(lakehouse: Lakehouse, machine: str) -> None:
    at_work = execution(lakehouse, machine)
    step_of(lakehouse, at_work).take_lease(never)
    step_of(lakehouse, execution(lakehouse, machine)).lease.release()
    assert holding(lakehouse)["execution"] == at_work
    assert holding(lakehouse)["token"]


def test_a_step_that_wakes_up_after_another_took_over_writes_no_more(lakehouse: Lakehouse, machine: str) -> None:
    """Its execution was stopped meanwhile. No load result, no reject, no row."""
    put_one_of_each(lakehouse)
    stopped = execution(lakehouse, machine)
    sleeper = step_of(lakehouse, stopped)
    sleeper.take_lease(never)
    batch = sleeper.freeze("any")
    assert batch is not None
    stop(lakehouse, stopped)
    step_of(lakehouse, execution(lakehouse, machine)).take_lease(never)
    with pytest.raises(LeaseLost, match="was stopped, or another process took over"):
        batch.load("products")
    assert keys(lakehouse, "lakehouse-dwh/products/department_id") == []
    assert keys(lakehouse, "control/judgements/") == []


def test_the_report_says_which_execution_ran_the_batch(lakehouse: Lakehouse, machine: str) -> None:
    put_one_of_each(lakehouse)
    step = step_of(lakehouse, execution(lakehouse, machine))
    step.take_lease(never)
    batch = step.freeze("any")
    assert batch is not None
    failed = batch.record_failure("no matter")["run_by"]
    assert failed["execution"] == step.execution
    assert (
        failed["link"]
        == f"https://us-east-1.console.aws.amazon.com/states/home?region=us-east-1#/v2/executions/details/{step.execution}"
    )
