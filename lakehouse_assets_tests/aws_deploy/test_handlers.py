"""What single Lambdas do where the whole pipeline does not lead there: failures that tell no values, a Glue run's
failure, who gave up waiting.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from aws_deploy.handlers import availability, convert, count, diagnose, failure, marker, record, step
from lakehouse_assets.aws.executions import Executions
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import BadConfiguration, BadData, LakehouseError, TemporaryOutage
from lakehouse_assets.landing import convert as uploads
from lakehouse_assets_tests.embedded_aws.steps import wait_for
from lakehouse_assets_tests.support import (
    environment_of,
    freeze,
    keys,
    load_all,
    product,
    products_csv,
    put,
    put_one_of_each,
)

MOST_BYTES_OF_A_STATE = 262_144
OF_THE_LAKEHOUSE = "arn:aws:states:us-east-1:000000000000:execution:machine:one"


@pytest.fixture(autouse=True)
def environment_of_a_lambda(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The settings and the AWS of `lakehouse`, as a Lambda has them."""
    step._client.cache_clear()
    for name, value in {
        **environment_of(lakehouse),
        **lakehouse.aws.environment,
        "LAKEHOUSE_AWS": "account",
        "LAKEHOUSE_GATE": "any",
    }.items():
        monkeypatch.setenv(name, value)
    yield
    step._client.cache_clear()


def machine(lakehouse: Lakehouse, last: dict[str, Any]) -> str:
    """A state machine of one state."""
    definition = json.dumps({"StartAt": "Only", "States": {"Only": last}})
    states = lakehouse.aws.client("stepfunctions")
    return str(
        states.create_state_machine(
            name=f"m{uuid4().hex}", definition=definition, roleArn="arn:aws:iam::000000000000:role/m"
        )["stateMachineArn"]
    )


def executions(lakehouse: Lakehouse, machine: str) -> dict[str, str]:
    found = lakehouse.aws.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    return {execution["name"]: execution["status"] for execution in found}


def woken(lakehouse: Lakehouse, machine: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The listing finds something to do; waits until what it started has ended."""
    monkeypatch.setenv("STATE_MACHINE_ARN", machine)
    found = str(availability.handler({"listing": True}, None)["found"])
    wait_for(lambda: "RUNNING" not in executions(lakehouse, machine).values() or None)
    return found


def test_an_execution_that_gave_up_waiting_is_started_again_once_for_each_holder_since(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is to blame for it, so nobody would redrive it; and its name is taken."""
    gives_up = machine(lakehouse, {"Type": "Fail", "Error": "LakehouseBusy"})
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    woken(lakehouse, gives_up, monkeypatch)
    [work] = executions(lakehouse, gives_up)
    assert woken(lakehouse, gives_up, monkeypatch) == f"Execution {work}-waited-0 is started."
    assert "exists already" in woken(lakehouse, gives_up, monkeypatch)
    lakehouse.take_lease(print)
    lakehouse.lease.release()
    assert woken(lakehouse, gives_up, monkeypatch) == f"Execution {work}-waited-1 is started."


def test_an_execution_that_failed_is_left_to_a_person(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    fails = machine(lakehouse, {"Type": "Fail", "Error": "BadData"})
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    woken(lakehouse, fails, monkeypatch)
    assert "exists already" in woken(lakehouse, fails, monkeypatch)
    assert len(executions(lakehouse, fails)) == 1


def test_behind_a_batch_that_failed_files_start_nothing_until_it_has_ended(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = machine(lakehouse, {"Type": "Fail", "Error": "BadData"})
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    freeze(lakehouse).record_failure("the reason")
    put(lakehouse, "raw/products/q.csv", products_csv(product(2)))
    assert "a failed batch has to be redriven" in woken(lakehouse, fails, monkeypatch)
    assert executions(lakehouse, fails) == {}
    lakehouse.abandon("enough")
    assert "is started" in woken(lakehouse, fails, monkeypatch)


def test_the_listing_says_how_long_the_oldest_file_waits(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a line of CloudWatch's embedded metric format. What the ledger knows does not wait."""
    monkeypatch.setenv("STATE_MACHINE_ARN", "arn:aws:states:us-east-1:000000000000:stateMachine:machine")

    def oldest() -> int:
        with step.connected() as house:
            print(
                availability._metric(
                    "arn:aws:states:us-east-1:000000000000:stateMachine:machine", house.pending.longest_wait()
                )
            )
        metric = json.loads(capsys.readouterr().out)
        assert metric["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["StateMachine"]]
        assert metric["StateMachine"] == "machine"
        return int(metric["OldestFileWaiting"])

    assert oldest() == 0
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    wait_for(lambda: oldest() or None)
    batch = freeze(lakehouse)
    batch.load("products")
    batch.archive()
    assert oldest() == 0


def test_nothing_waits_makes_no_batch(lakehouse: Lakehouse) -> None:
    assert marker.handler({"execution": OF_THE_LAKEHOUSE}, None) == {"batch_id": None}


def test_the_lambda_converts_one_upload_at_a_time(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory is that of one workbook: a new AWS account gives no Lambda the memory of two."""
    under_way, seen, recorded = set[str](), list[int](), uploads._record

    def slowly(zone: Any, version: Any) -> Any:
        under_way.add(version.key)
        seen.append(len(under_way))
        time.sleep(0.05)
        under_way.remove(version.key)
        return recorded(zone, version)

    monkeypatch.setattr(uploads, "_record", slowly)
    for number in range(3):
        put(lakehouse, f"uploads/{number}.csv", products_csv(product(number)))
    assert convert.handler({"execution": OF_THE_LAKEHOUSE}, None) == {"uploads": 3}
    assert seen == [1, 1, 1]


def test_a_failure_that_nobody_thought_of_keeps_its_words_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(step.UnexpectedFailure) as failed, step.connected():
        raise ValueError("could not convert 's3cret'")
    assert "ValueError" in str(failed.value)
    assert "s3cret" not in str(failed.value)
    assert failed.value.__cause__ is None
    assert "s3cret" in capsys.readouterr().err


def run(state: str, message: str) -> dict[str, str]:
    return {
        "error": "States.TaskFailed",
        "cause": json.dumps({"Id": "jr_1", "JobName": "orders_etl", "JobRunState": state, "ErrorMessage": message}),
    }


@pytest.mark.parametrize(
    ("failed", "tries", "raised"),
    [
        (run("FAILED", "Error Category: UNCLASSIFIED_ERROR; BadData: no good"), 1, BadData),
        (run("TIMEOUT", "too long"), 1, BadConfiguration),
        (run("FAILED", "an executor is lost"), 1, None),
        (run("FAILED", "an executor is lost"), 3, TemporaryOutage),
        (
            {
                "error": "Glue.AWSGlueException",
                "cause": "Rate exceeded (Service: AWSGlue; Error Code: ThrottlingException)",
            },
            1,
            None,
        ),
        (
            {
                "error": "Glue.AWSGlueException",
                "cause": "Rate exceeded (Service: AWSGlue; Error Code: ThrottlingException)",
            },
            3,
            TemporaryOutage,
        ),
        ({"error": "Glue.EntityNotFoundException", "cause": "no such job"}, 1, LakehouseError),
    ],
)
def test_a_failed_glue_run_is_tried_again_only_where_that_may_heal_it(
    failed: dict[str, str], tries: int, raised: type[Exception] | None
) -> None:
    event = {"run": failed, "tries": tries, "most": 3}
    if raised is None:
        assert re.search("an executor is lost|Rate exceeded", diagnose.handler(event, None)["may_heal"])
        return
    with pytest.raises(raised):
        diagnose.handler(event, None)


def registered_otherwise(lakehouse: Lakehouse, name: str, **changed: Any) -> None:
    glue, database = lakehouse.catalog.glue, lakehouse.settings.database
    found = glue.get_table(DatabaseName=database, Name=name)["Table"]
    entry = {field: found[field] for field in ("Name", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")}
    glue.update_table(DatabaseName=database, TableInput=entry | changed)


def test_a_crawler_runs_for_a_new_table_or_changed_columns_and_for_nothing_else(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    batch = freeze(lakehouse)
    load_all(batch)

    def to_crawl() -> tuple[bool, bool]:
        told = count.handler({"execution": OF_THE_LAKEHOUSE, "batch_id": batch.id}, None)
        assert told["written"] == dict.fromkeys(lakehouse.contracts, 1)
        return told["crawl"]["Tables"], told["crawl"]["Rejected"]

    assert to_crawl() == (True, True)
    lakehouse.refresh_catalog()
    assert to_crawl() == (False, False)

    storage = lakehouse.catalog.glue.get_table(DatabaseName=lakehouse.settings.database, Name="orders")["Table"][
        "StorageDescriptor"
    ]
    first, *others = storage["Columns"]
    beyond = {"Name": "of_a_contract_before", "Type": "string"}
    registered_otherwise(
        lakehouse, "orders", StorageDescriptor=storage | {"Columns": [*others, beyond]}, PartitionKeys=[first]
    )
    assert to_crawl() == (False, False), (
        "as a crawler may have it: a partition's column apart, and columns that only the table has"
    )
    registered_otherwise(lakehouse, "orders", StorageDescriptor=storage | {"Columns": others}, PartitionKeys=[])
    assert to_crawl() == (True, False)
    lakehouse.refresh_catalog()
    lakehouse.catalog.glue.delete_table(DatabaseName=lakehouse.settings.database, Name="rejected_products")
    assert to_crawl() == (False, True)


def test_an_execution_that_failed_untold_is_told_and_one_that_said_so_itself_is_not(lakehouse: Lakehouse) -> None:
    """States.Runtime is caught by nothing: no state of it records the failure, and the lease stays with it."""
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    ended = {"detail": {"executionArn": OF_THE_LAKEHOUSE, "status": "FAILED"}}
    assert marker.handler({"execution": OF_THE_LAKEHOUSE}, None)["batch_id"]
    assert "an error that no state could record" in failure.handler(ended, None)["message"]
    assert [report["status"] for report in lakehouse.reports.all()] == ["failed"]
    assert not lakehouse.lease.is_held()
    assert "recorded its failure itself" in failure.handler(ended, None)["message"]


@pytest.mark.parametrize("then", ["RUNNING", "FAILED"])
def test_a_redrive_that_begins_or_ends_while_its_first_end_is_told_keeps_its_lease(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    """EventBridge calls seconds after the end. Step Functions' answers are made up: the moment cannot be hit."""
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    assert marker.handler({"execution": OF_THE_LAKEHOUSE}, None)["batch_id"]
    answers = iter(
        [{"status": "FAILED", "stopDate": 1}, {"status": then} | ({} if then == "RUNNING" else {"stopDate": 2})]
    )
    monkeypatch.setattr(Executions, "look", lambda *_: next(answers))
    ended = {"detail": {"executionArn": OF_THE_LAKEHOUSE, "status": "FAILED"}}
    assert "is running again" in failure.handler(ended, None)["message"]
    assert Lakehouse(lakehouse.settings, lakehouse.aws, execution=OF_THE_LAKEHOUSE).lease.is_held()
    assert lakehouse.reports.all() == []


def test_a_failure_of_one_who_does_not_hold_the_lease_leaves_the_others_report_alone(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    lakehouse.take_lease(print)
    freeze(lakehouse)
    failed = {
        "state": "TakeLease",
        "error": "LakehouseBusy",
        "cause": json.dumps({"errorType": "LakehouseBusy", "errorMessage": "another works"}),
    }
    told = failure.handler({"step": "record", "execution": OF_THE_LAKEHOUSE, "failed": failed, "redrives": 0}, None)
    assert "State TakeLease failed: another works" in told["message"]
    assert keys(lakehouse, "control/reports/") == []
    assert lakehouse.lease.is_held()
    lakehouse.lease.release()


def test_what_is_told_of_a_batch_fits_into_a_state_however_many_files_were_set_aside(lakehouse: Lakehouse) -> None:
    """A state with more fails, although the batch is closed; with 1,500 files set aside there was more. Long names do
    the same with fewer.
    """
    for number in range(180):
        put(lakehouse, f"raw/products/{'ü' * 240}{number}.csv", f"{'column' * 50},{number}\n1,2\n")
    freeze(lakehouse)
    batch = marker.handler({"execution": OF_THE_LAKEHOUSE}, None)
    lakehouse.batch(batch["batch_id"]).archive()
    told = record.handler({"execution": OF_THE_LAKEHOUSE, "batch_id": batch["batch_id"]}, None)
    assert 190_000 < len(json.dumps(told)) < MOST_BYTES_OF_A_STATE
    assert "... and more.\nhttps://" in told["message"]
    assert not lakehouse.lease.is_held()


def test_what_is_told_of_a_failure_fits_into_a_state(lakehouse: Lakehouse) -> None:
    failed = {
        "state": "Freeze",
        "error": "BadData",
        "cause": json.dumps({"errorType": "BadData", "errorMessage": "ü" * 100_000}),
    }
    told = failure.handler({"step": "record", "execution": OF_THE_LAKEHOUSE, "failed": failed, "redrives": 0}, None)
    assert len(json.dumps(told)) < MOST_BYTES_OF_A_STATE
    assert "... and more.\n\nNothing is lost" in told["message"]


def test_the_last_step_raises_but_in_a_redrive() -> None:
    event = {"step": "raise", "error": "BadData", "message": "orders: no good", "redrives_then": 1}
    with pytest.raises(BadData, match="orders: no good"):
        failure.handler(event | {"redrives_now": 1}, None)
    assert failure.handler(event | {"redrives_now": 2}, None) == {}
