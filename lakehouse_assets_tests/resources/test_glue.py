"""A dataset is loaded by a Glue run through Pipes: real runs of small scripts, on the embedded AWS."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from botocore.exceptions import ReadTimeoutError

from lakehouse_assets.assets.steps import named_failures
from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.glue.runs import UNFINISHED, GlueRuns
from lakehouse_assets.resources.glue import GlueRunner
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.embedded_aws.steps import wait_for
from lakehouse_assets_tests.glue.jobs import SLEEP, AwsWith, failing, make_job, runs_of, started
from lakehouse_assets_tests.support import environment_of, freeze, keys, product, products_csv, put

PROJECT = Path(__file__).parents[2]

JUDGE = """
import argparse, json, sys, time
import boto3

parser = argparse.ArgumentParser(allow_abbrev=False)
for name in ("--manifest", "--dataset", "--bucket"):
    parser.add_argument(name)
asked, _ = parser.parse_known_args()
s3 = boto3.client("s3")

def judge():
    batch = asked.manifest.rpartition("/")[2].removesuffix(".json")
    result = {"merged": True, "counts": {"read": 3, "inserted": 2, "rejected": 1}, "files": {}, "reasons": {}, "warnings": {}, "healed": 0}
    s3.put_object(Bucket=asked.bucket, Key=f"control/judgements/{batch}/{asked.dataset}.json", Body=json.dumps(result))

def wait_for_a_sign():
    while "Contents" not in s3.list_objects_v2(Bucket=asked.bucket, Prefix="sign"):
        time.sleep(0.05)
"""
"""The beginning of a script that can write a load result, as the load does."""
PIPES = """
from dagster_pipes import PipesCliArgsParamsLoader, PipesS3ContextLoader, PipesS3MessageWriter, open_dagster_pipes

def dagster():
    writer = PipesS3MessageWriter(s3, interval=0)
    return open_dagster_pipes(context_loader=PipesS3ContextLoader(s3), message_writer=writer, params_loader=PipesCliArgsParamsLoader())

def report(pipes):
    for group, rows in (("lakehouse", 2), ("rejected", 1)):
        pipes.report_asset_materialization(asset_key=f"{group}/{asked.dataset}", metadata={"dagster/row_count": rows})
"""


def key(group: str, dataset: str = "products") -> dg.AssetKey:
    return dg.AssetKey([group, dataset])


@pytest.fixture
def settings(lakehouse_home: Path) -> Settings:
    """Jobs of its own: all lakehouses of the session share the embedded Glue."""
    return own_settings(lakehouse_home, glue_job="{job}-" + uuid4().hex[:12])


@pytest.fixture
def batch(lakehouse: Lakehouse) -> Batch:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product(2), product("x")))
    return freeze(lakehouse)


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def load(lakehouse: Lakehouse, batch: Batch, instance: dg.DagsterInstance, *datasets: str) -> dg.ExecuteInProcessResult:
    """One step per dataset (the products, unless said otherwise) in a Dagster run of its own."""
    steps = [step_of(lakehouse.batch(batch.id), dataset) for dataset in datasets or ("products",)]
    return dg.materialize(steps, instance=instance, raise_on_error=False)


def step_of(batch: Batch, dataset: str) -> dg.AssetsDefinition:
    both = (key("lakehouse", dataset), key("rejected", dataset))

    @dg.multi_asset(
        name=f"load_{dataset}",
        specs=[dg.AssetSpec(asset) for asset in both],
        retry_policy=dg.RetryPolicy(max_retries=1),
    )
    def load_dataset(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        with named_failures():
            outcome = GlueRunner(batch, patience=60).run(context, batch.connections.contracts[dataset])
        for asset in both:
            yield dg.MaterializeResult(
                asset, metadata={"inserted": outcome.load_result.counts.inserted, **outcome.metadata(asset)}
            )

    return load_dataset


def told(result: dg.ExecuteInProcessResult, asset: dg.AssetKey) -> dict[str, Any]:
    """What the asset's materialization says."""
    [event] = [event for event in result.get_asset_materialization_events() if event.asset_key == asset]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> tuple[str, dict[str, Any]]:
    """Of the one step that failed: what it says, and its metadata."""
    [event] = result.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    assert data is not None, event.step_failure_data
    return str(data.description), {name: value.value for name, value in data.metadata.items()}


def logged(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(entry.user_message for entry in instance.all_logs(result.run_id))


def with_client(lakehouse: Lakehouse, **replaced: Any) -> Lakehouse:
    return replace(lakehouse, aws=AwsWith(lakehouse.aws.environment, replaced))


def giving_the_sign(lakehouse: Lakehouse, runs: GlueRuns) -> Lakehouse:
    """Whoever looks at a run gives the sign that it waits for: so it cannot end before it is followed."""

    def look(**asked: Any) -> Any:
        put(lakehouse, "sign", "")
        return runs.client.get_job_run(**asked)

    return with_client(lakehouse, get_job_run=look)


# What comes back


def test_each_runs_report_reaches_its_own_assets_also_the_second_ones_in_a_process(
    lakehouse: Lakehouse, batch: Batch, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    """Dagster's own reader goes on with the counter of the first: the second asset gets no metadata and is a
    success.
    """
    script = """
with dagster() as pipes:
    judge()
    report(pipes)
    for stream in ("stdout", "stderr"):
        print(f"said last on {stream}: {asked.dataset}", file=getattr(sys, stream), flush=True)
"""
    runs = {dataset: make_job(lakehouse, JUDGE + PIPES + script, dataset) for dataset in ("products", "order_items")}

    result = load(lakehouse, batch, instance, *runs)

    assert result.success
    for dataset, of_job in runs.items():
        [run] = runs_of(of_job)
        table, rejected = told(result, key("lakehouse", dataset)), told(result, key("rejected", dataset))
        assert (table["inserted"], table["dagster/row_count"], rejected["dagster/row_count"]) == (2, 2, 1)
        assert (table["glue_run_id"], table["glue_job"], table["glue_state"]) == (run["Id"], of_job.job, "SUCCEEDED")
        assert f"said last on stderr: {dataset}" in Path(table["glue_run"]).read_text()
        for stream in ("stdout", "stderr"):
            assert logged(instance, result).count(f"said last on {stream}: {dataset}") == 1
    assert "after closed" not in logged(instance, result)
    assert "said last" not in capfd.readouterr().out
    assert keys(lakehouse, "control/pipes/") == []


def test_a_run_without_messages_is_known_by_its_load_result(
    lakehouse: Lakehouse, batch: Batch, instance: dg.DagsterInstance
) -> None:
    make_job(lakehouse, JUDGE + "judge()")

    result = load(lakehouse, batch, instance)

    assert result.success
    assert told(result, key("lakehouse"))["inserted"] == 2
    assert "did not receive any messages" in logged(instance, result)


def test_a_batch_that_was_loaded_before_needs_no_run(
    lakehouse: Lakehouse, batch: Batch, instance: dg.DagsterInstance
) -> None:
    runs = make_job(lakehouse, JUDGE + "judge()")
    assert load(lakehouse, batch, instance).success

    again = load(lakehouse, batch, instance)

    assert told(again, key("lakehouse")) == {"inserted": 2}
    assert len(runs_of(runs)) == 1


def test_a_dataset_with_nothing_to_load_or_to_heal_needs_no_run(
    lakehouse: Lakehouse, batch: Batch, instance: dg.DagsterInstance
) -> None:
    of_items = make_job(lakehouse, JUDGE + "judge()", "order_items")

    result = load(lakehouse, batch, instance, "orders", "order_items")

    assert told(result, key("lakehouse", "orders")) == {"inserted": 0, "engine": "embedded"}
    assert batch.load_results()["orders"].counts.read == 0
    assert len(runs_of(of_items)) == 1, "the batch has products, for which items may wait"


def test_in_an_account_the_link_is_the_consoles(
    lakehouse: Lakehouse, batch: Batch, instance: dg.DagsterInstance
) -> None:
    runs = make_job(lakehouse, JUDGE + "judge()")
    in_account = replace(lakehouse, settings=lakehouse.settings.model_copy(update={"aws": "account"}))

    result = load(in_account, batch, instance)

    [run] = runs_of(runs)
    assert told(result, key("lakehouse"))["glue_run"].endswith(f"region=us-east-1#/job/{runs.job}/run/{run['Id']}")


# Failures


def test_bad_data_fails_with_its_own_words_and_the_runs_link_and_is_not_tried_again(
    lakehouse: Lakehouse, batch: Batch, instance: dg.DagsterInstance
) -> None:
    runs = make_job(
        lakehouse,
        "from lakehouse_assets.errors import BadData\nraise BadData('products: 2 of 3 rows are rejected.\\nLook at the"
        " rejects.')",
    )

    result = load(lakehouse, batch, instance)

    [run] = runs_of(runs)
    description, metadata = failure(result)
    assert description == "products: 2 of 3 rows are rejected.\nLook at the rejects."
    assert (metadata["glue_run_id"], metadata["glue_state"], metadata["glue_error"]) == (
        run["Id"],
        "FAILED",
        run["ErrorMessage"],
    )
    assert "raise BadData" in Path(metadata["glue_run"]).read_text()
    assert keys(lakehouse, "control/pipes/") == []


def test_an_end_that_nobody_can_explain_is_tried_again(
    lakehouse: Lakehouse, batch: Batch, instance: dg.DagsterInstance
) -> None:
    runs = make_job(lakehouse, "import os; os._exit(137)")

    description, _ = failure(load(lakehouse, batch, instance))

    assert f"of Glue job {runs.job} ended in state FAILED: Command failed with exit code 137" in description
    assert len(runs_of(runs)) == 2


def test_a_run_that_succeeds_and_loads_nothing_is_a_failure(
    lakehouse: Lakehouse, batch: Batch, instance: dg.DagsterInstance
) -> None:
    runs = make_job(lakehouse, "print('hello')")

    description, metadata = failure(load(lakehouse, batch, instance))

    assert description.endswith(
        f"succeeded, but wrote no load result of products. Is {runs.job} the job of this project?"
    )
    assert metadata["glue_state"] == "SUCCEEDED"
    assert len(runs_of(runs)) == 1


# Runs that outlive a Dagster run


def test_a_run_that_a_killed_dagster_left_is_taken_up_with_all_its_messages(
    lakehouse: Lakehouse, batch: Batch, instance: dg.DagsterInstance
) -> None:
    script = "with dagster() as pipes:\n    wait_for_a_sign()\n    judge()\n    report(pipes)"
    runs = make_job(lakehouse, JUDGE + PIPES + script)
    with dagster_process(lakehouse, batch) as process:
        run_id = started(runs)
        process.kill()
        process.wait()

    result = load(giving_the_sign(lakehouse, runs), batch, instance)

    assert result.success
    assert [run["Id"] for run in runs_of(runs)] == [run_id]
    assert (told(result, key("lakehouse"))["glue_run_id"], told(result, key("lakehouse"))["dagster/row_count"]) == (
        run_id,
        2,
    )
    assert keys(lakehouse, "control/pipes/") == []


def test_a_run_that_someone_else_started_for_the_batch_is_taken_up(
    lakehouse: Lakehouse, batch: Batch, instance: dg.DagsterInstance
) -> None:
    bucket = lakehouse.settings.bucket
    runs = make_job(
        lakehouse, JUDGE + "wait_for_a_sign()\njudge()", DefaultArguments={"--dataset": "products", "--bucket": bucket}
    )
    location = f"s3://{bucket}/{lakehouse.zone.manifest_key(batch.id)}"
    run_id = runs.client.start_job_run(JobName=runs.job, Arguments={"--manifest": location})["JobRunId"]

    result = load(giving_the_sign(lakehouse, runs), batch, instance)

    assert told(result, key("lakehouse"))["glue_run_id"] == run_id
    assert [run["Id"] for run in runs_of(runs)] == [run_id]


def test_when_the_dagster_run_is_stopped_so_is_its_glue_run(lakehouse: Lakehouse, batch: Batch) -> None:
    runs = make_job(lakehouse, SLEEP)
    with dagster_process(lakehouse, batch) as process:
        run_id = started(runs)
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=60)[0]

    assert f"The run was stopped, and so was run {run_id} of Glue job {runs.job}." in output
    assert (
        wait_for(lambda: state if (state := runs_of(runs)[0]["JobRunState"]) not in UNFINISHED else None) == "STOPPED"
    )
    assert len(runs_of(runs)) == 1
    assert "Execution was interrupted" in output


# Trouble with Glue


def test_throttled_polls_are_waited_out(lakehouse: Lakehouse, batch: Batch, instance: dg.DagsterInstance) -> None:
    runs = make_job(lakehouse, JUDGE + "judge()")
    asked_too_often = with_client(lakehouse, get_job_run=failing(runs.client.get_job_run, times=3))

    result = load(asked_too_often, batch, instance)

    assert result.success
    assert len(runs_of(runs)) == 1
    assert "AWS answered ThrottlingException" in logged(instance, result)


def test_a_start_that_was_answered_by_an_outage_is_not_made_twice(
    lakehouse: Lakehouse, batch: Batch, instance: dg.DagsterInstance
) -> None:
    runs = make_job(lakehouse, JUDGE + PIPES + "time.sleep(1)\njudge()", ExecutionProperty={"MaxConcurrentRuns": 5})

    def started_but_not_answered(**request: Any) -> None:
        runs.client.start_job_run(**request)
        raise ReadTimeoutError(endpoint_url="glue")

    result = load(with_client(lakehouse, start_job_run=started_but_not_answered), batch, instance)

    assert result.success
    assert len(runs_of(runs)) == 1


def test_a_job_that_is_not_there_is_named(lakehouse: Lakehouse, batch: Batch, instance: dg.DagsterInstance) -> None:
    job = lakehouse.settings.job_name(lakehouse.contracts["products"])

    result = load(lakehouse, batch, instance)

    assert failure(result)[0].startswith(f"Starting Glue job {job}: AWS refused it with EntityNotFoundException")


@contextmanager
def dagster_process(lakehouse: Lakehouse, batch: Batch) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that loads the products; ended at the end."""
    code = f"""
        import dagster as dg
        from lakehouse_assets.connect import connected
        from lakehouse_assets.settings import read_settings
        from lakehouse_assets_tests.resources.test_glue import step_of

        with connected(read_settings()) as lakehouse, dg.DagsterInstance.ephemeral() as instance:
            dg.materialize([step_of(lakehouse.batch("{batch.id}"), "products")], instance=instance)
    """
    environment = os.environ | environment_of(lakehouse) | {"LAKEHOUSE_GLUE_JOB": lakehouse.settings.glue_job}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=PROJECT
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
