"""What the pipeline template says that cannot be seen on the embedded AWS: time-outs, retries by class of error, logs,
alarms, the orchestrator's switch.
"""

from __future__ import annotations

import fnmatch
import json
import re

import pytest

from aws_deploy.handlers import convert
from aws_deploy.packaging import RUNTIME
from aws_deploy.presets import PRESETS
from aws_deploy.state_machine.tasks import LAMBDAS, MAY_BE_GLUE
from lakehouse_assets.aws.queue import objects_of
from lakehouse_assets.contracts import SHIPPED, read_contracts
from lakehouse_assets.landing.workbooks.archive import WorkbookLimits
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.aws_deploy.templates import BOTH, Template, kept

MAY_HEAL = {
    "TemporaryOutage",
    "LakehouseBusy",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Sandbox.Timedout",
    "Glue.ConcurrentRunsExceededException",
    "Glue.ResourceNumberLimitExceededException",
    "Glue.CrawlerRunningException",
    "SNS.InternalErrorException",
}
UNNAMED = {"Glue.AWSGlueException", "Glue.GlueException", "Athena.AmazonAthenaException", "Athena.AthenaException"}
"""Throttling, and whatever else the service's model has no name for."""
MEGABYTES_IN_A_NEW_ACCOUNT = 3008
"""What Lambda lets a function of a new AWS account ask for."""


@pytest.fixture(params=BOTH)
def pipeline(request: pytest.FixtureRequest) -> Template:
    return kept(request.param, "pipeline")


def test_every_role_of_the_machine_is_a_lambda_or_a_glue_job_of_each_preset(pipeline: Template) -> None:
    assert {*pipeline.preset.functions, *pipeline.preset.step_jobs} == set(LAMBDAS)
    assert set(pipeline.preset.step_jobs) <= set(MAY_BE_GLUE)
    assert {function["FunctionName"] for function in pipeline.of_type("AWS::Lambda::Function").values()} == set(
        pipeline.preset.functions.values()
    )


@pytest.mark.parametrize(
    ("preset", "machine", "functions", "jobs", "crawler"),
    [
        (
            "ecommerce",
            "EcommerceETLPipeline",
            {"CheckDataAvailability", "ArchiveETLFiles"},
            {"product_etl", "orders_etl", "order_items_etl"},
            "ecommerce-lakehouse-crawler",
        ),
        (
            "ecom_lakehouse",
            "lakehouse-orchestration",
            {"check_marker_lambda"},
            {"etl_products", "etl_orders", "etl_order_items", "archive_raw_csvs", "convert_excel_to_csv"},
            "ecom-lakehouse-crawler",
        ),
    ],
)
def test_each_preset_calls_its_things_what_its_users_call_them(
    preset: str, machine: str, functions: set[str], jobs: set[str], crawler: str
) -> None:
    pipeline = kept(preset, "pipeline")
    assert pipeline["StateMachine"]["StateMachineName"] == machine
    assert functions <= set(PRESETS[preset].functions.values())
    assert {job["Name"] for job in pipeline.of_type("AWS::Glue::Job").values()} == jobs
    assert pipeline["TablesCrawler"]["Name"] == crawler


def test_the_settings_that_every_lambda_gets_are_settings_of_the_lakehouse(pipeline: Template) -> None:
    for function in pipeline.of_type("AWS::Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        assert {name.removeprefix("LAKEHOUSE_").lower() for name in variables} - {"state_machine_arn"} <= set(
            Settings.model_fields
        )
        assert variables["STATE_MACHINE_ARN"].endswith(f":stateMachine:{pipeline.preset.state_machine}")
        assert function["Runtime"] == RUNTIME
        assert function["Code"]["S3Bucket"] == "<BucketName>"


def test_the_load_alone_has_the_zip_with_the_engine(pipeline: Template) -> None:
    code = {
        function["Handler"]: function["Code"]["S3Key"]
        for function in pipeline.of_type("AWS::Lambda::Function").values()
    }
    assert {handler for handler, key in code.items() if key == "<LoadCodeKey>"} == {"aws_deploy.handlers.load.handler"}
    assert set(code.values()) == {"<LoadCodeKey>", "<StepsCodeKey>"}


def test_every_log_is_kept_for_a_while_and_encrypted(pipeline: Template) -> None:
    groups = pipeline.of_type("AWS::Logs::LogGroup")
    assert {(group["RetentionInDays"], group["KmsKeyId"]) for group in groups.values()} == {(90, "<KeyArn>")}
    names = {group["LogGroupName"] for group in groups.values()}
    assert {f"/aws/lambda/{function}" for function in pipeline.preset.functions.values()} < names
    for job in pipeline.of_type("AWS::Glue::Job").values():
        prefix = job["DefaultArguments"]["--custom-logGroup-prefix"]
        assert {f"{prefix}/output", f"{prefix}/error"} < names


def test_a_glue_job_runs_once_at_a_time_on_glue_6_and_never_retries_by_itself(pipeline: Template) -> None:
    for job in pipeline.of_type("AWS::Glue::Job").values():
        assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
        assert (job["GlueVersion"], job["MaxRetries"]) == ("6.0", 0)
        assert job["DefaultArguments"]["--datalake-formats"] == "delta"
        assert job["DefaultArguments"]["--additional-python-modules"] == "<WheelLocation>,<Modules>"
        assert job["DefaultArguments"]["--extra-jars"] == "<LogStoreLocation>"


def test_the_crawlers_register_each_datasets_tables_as_native_delta_tables(pipeline: Template) -> None:
    datasets = read_contracts(SHIPPED)
    for crawler, folder, prefix in (
        ("TablesCrawler", "<TablesPrefix>", None),
        ("RejectedCrawler", "<RejectedPrefix>", "rejected_"),
    ):
        [target] = pipeline[crawler]["Targets"]["DeltaTargets"]
        assert target["DeltaTables"] == [f"s3://<BucketName>/{folder}{dataset}/" for dataset in datasets]
        assert (target["CreateNativeDeltaTable"], pipeline[crawler].get("TablePrefix")) == (True, prefix)


def test_the_machine_and_each_of_its_tasks_has_a_time_out(pipeline: Template) -> None:
    assert pipeline.machine["TimeoutSeconds"] == 12 * 3600
    tasks = {name: state for name, state in pipeline.states() if state["Type"] == "Task"}
    assert len(tasks) > 15
    assert [name for name, state in tasks.items() if not state.get("TimeoutSeconds")] == []
    longest = {state["TimeoutSeconds"] for state in tasks.values()}
    assert max(longest) < pipeline.machine["TimeoutSeconds"]


def test_a_lambda_runs_out_of_its_time_before_the_state_that_calls_it_does(pipeline: Template) -> None:
    """Otherwise the state's time-out may come first, which no step tries again."""
    own = max(function["Timeout"] for function in pipeline.of_type("AWS::Lambda::Function").values())
    calls = [
        state["TimeoutSeconds"]
        for _, state in pipeline.states()
        if state.get("Resource", "").endswith(":lambda:invoke")
    ]
    assert own == 900
    assert min(calls) >= own + 30


def test_no_lambda_asks_for_more_memory_than_a_new_account_gives(pipeline: Template) -> None:
    memory = {
        function["FunctionName"]: function["MemorySize"]
        for function in pipeline.of_type("AWS::Lambda::Function").values()
    }
    assert {name: size for name, size in memory.items() if size > MEGABYTES_IN_A_NEW_ACCOUNT} == {}


def test_the_lambda_that_converts_has_the_memory_of_the_workbooks_that_it_reads_at_once() -> None:
    limit = WorkbookLimits.memory_bytes >> 20
    assert kept("ecommerce", "pipeline")["ConvertFunction"]["MemorySize"] == convert.WORKBOOKS_AT_ONCE * limit + 512


def test_the_look_at_a_great_backlog_has_time_and_a_processor(pipeline: Template) -> None:
    """A request to S3 for each of ten thousands of files: in a minute, with a third of a processor, no batch would ever
    start.
    """
    function = pipeline["AvailabilityFunction"]
    assert (function["Timeout"], function["MemorySize"]) == (300, 1769)


def test_only_what_may_heal_is_tried_again_each_time_later_and_by_chance(pipeline: Template) -> None:
    throttled = (
        "*.ThrottlingException",
        "*.ThrottledException",
        "*.SdkClientException",
        "*.InternalS*Exception",
        "*.OperationTimeoutException",
        "*.TooMany*",
    )
    for name, state in pipeline.states():
        for retry in state.get("Retry", []):
            for error in retry["ErrorEquals"]:
                assert error in MAY_HEAL | UNNAMED or any(fnmatch.fnmatchcase(error, shape) for shape in throttled), (
                    name,
                    error,
                )
            assert retry["BackoffRate"] > 1
            assert retry["JitterStrategy"] == "FULL"
            # Full jitter waits for half of the longest pause on average: 130 half minutes are the hour that a holder of
            # the lease is waited for.
            assert retry["MaxAttempts"] <= (130 if retry["ErrorEquals"] == ["LakehouseBusy"] else 60)
            assert retry["MaxAttempts"] <= 3 or not UNNAMED & set(retry["ErrorEquals"]), (
                "a missing permission may have such a name, too"
            )


def test_throttling_that_the_services_have_no_name_for_is_tried_again(pipeline: Template) -> None:
    for name, state in pipeline.states():
        services = {service for service in ("glue", "athena") if f":{service}:" in state.get("Resource", "")}
        retried = {error for retry in state.get("Retry", []) for error in retry["ErrorEquals"]}
        assert {error for error in UNNAMED if error.partition(".")[0].lower() in services} <= retried, name


def test_another_holder_of_the_lease_is_waited_for_as_long_as_dagster_does() -> None:
    [busy] = [
        retry
        for retry in kept("ecommerce", "pipeline").machine["States"]["TakeLease"]["Retry"]
        if retry["ErrorEquals"] == ["LakehouseBusy"]
    ]
    pauses = [
        min(busy["IntervalSeconds"] * busy["BackoffRate"] ** attempt, busy["MaxDelaySeconds"])
        for attempt in range(busy["MaxAttempts"])
    ]
    on_average = sum(pauses) / 2
    assert 1 <= on_average / Settings.model_fields["lease_wait_seconds"].default < 1.1


def test_every_step_of_the_batch_that_fails_is_recorded(pipeline: Template) -> None:
    for name, state in pipeline.machine["States"].items():
        if state["Type"] in ("Task", "Parallel") and name not in (
            "NotifySuccess",
            "LookAgain",
            "RecordFailure",
            "NotifyFailure",
            "BatchFailed",
        ):
            last = state["Catch"][-1]
            assert (last["ErrorEquals"], last["Next"]) == (["States.ALL"], "RecordFailure"), name


def test_a_failed_execution_ends_in_a_task_so_that_a_redrive_can_go_on_from_the_start(pipeline: Template) -> None:
    """A redrive of an execution that ended in a Fail state begins there, and fails again."""
    last = pipeline.machine["States"]["BatchFailed"]
    assert (last["Type"], last["Next"]) == ("Task", pipeline.machine["StartAt"])
    assert [name for name, state in pipeline.machine["States"].items() if state["Type"] == "Fail"] == []


def test_the_machines_log_holds_no_data_of_its_states(pipeline: Template) -> None:
    logging = pipeline["StateMachine"]["LoggingConfiguration"]
    assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", False)


def test_every_placeholder_of_the_definition_has_its_value(pipeline: Template) -> None:
    machine = pipeline["StateMachine"]
    assert set(re.findall(r"\$\{([^}]*)\}", machine["DefinitionString"])) == set(machine["DefinitionSubstitutions"])


def test_the_switch_says_who_is_started_when_files_land() -> None:
    """Everything is deployed either way: nothing but what starts the machine is switched off for Dagster."""
    started = {"Fn::If": ["FilesStartTheMachine", True, False]}
    for preset in BOTH:
        assert kept(preset, "pipeline")["FilesLanded"]["Enabled"] == started
        assert kept(preset, "pipeline")["Listing"]["State"] == {
            "Fn::If": ["FilesStartTheMachine", "ENABLED", "DISABLED"]
        }
        assert kept(preset, "pipeline").whole["Conditions"] == {
            "FilesStartTheMachine": {"Fn::Equals": [{"Ref": "Orchestrator"}, "state_machine"]}
        }


def test_a_storm_of_messages_is_few_calls_and_each_bad_message_goes_back_alone(pipeline: Template) -> None:
    mapping = pipeline["FilesLanded"]
    assert mapping["EventSourceArn"].endswith(":<QueueName>")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"], mapping["ScalingConfig"]) == (
        1000,
        5,
        {"MaximumConcurrency": 2},
    )


def test_eventbridge_tells_the_queue_of_csv_files_and_workbooks_under_uploads() -> None:
    """A rule that called the Lambda would call it once for each file."""
    rule = kept("ecom_lakehouse", "pipeline")["UploadsLanded"]
    assert (rule["State"], rule["Targets"][0]["Arn"].endswith(":<QueueName>")) == ("ENABLED", True)
    pattern = rule["EventPattern"]
    assert pattern["detail"]["bucket"] == {"name": ["<BucketName>"]}
    wildcards = [rule["wildcard"] for rule in pattern["detail"]["object"]["key"]]
    assert {"<UploadsPrefix>*.csv", "<UploadsPrefix>*.xlsx"} <= set(wildcards)
    event = {"detail-type": pattern["detail-type"][0], "detail": {"object": {"key": "uploads/a.csv"}}}
    assert objects_of(json.dumps(event)) == ["uploads/a.csv"]


def test_who_hears_of_an_execution_that_may_have_had_no_state_left_to_say_so(pipeline: Template) -> None:
    """Stopped, out of time, or failed where no Catch sees it. (The embedded AWS sends no such events;
    aws_deploy.handlers.failure is tested with one.)
    """
    rule = pipeline["ExecutionStopped"]
    assert rule["EventPattern"]["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    [machine] = rule["EventPattern"]["detail"]["stateMachineArn"]
    assert machine.endswith(f":stateMachine:{pipeline.preset.state_machine}")
    assert rule["Targets"][0]["Arn"] == "<FailureFunction.Arn>"


def test_alarms_tell_the_topic_of_dead_letters_failures_files_that_wait_and_errors(pipeline: Template) -> None:
    alarms = pipeline.of_type("AWS::CloudWatch::Alarm")
    measured = {(alarm["Namespace"], alarm["MetricName"]) for alarm in alarms.values()}
    assert {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("Lakehouse", "OldestFileWaiting"),
        ("AWS/Lambda", "Errors"),
    } < measured
    assert {("AWS/States", f"Executions{end}") for end in ("Failed", "TimedOut", "Aborted")} < measured
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == ["arn:<AWS::Partition>:sns:<AWS::Region>:<AWS::AccountId>:<TopicName>"]
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert alarms["FilesWaitTooLong"]["Threshold"] == 3600
    interval = re.fullmatch(r"rate\((\d+) minutes\)", pipeline["Listing"]["ScheduleExpression"])
    assert interval
    assert alarms["FilesWaitTooLong"]["Period"] >= 2 * 60 * int(interval[1]), (
        "a look that is a second late would end the alarm, and the next begin it"
    )
    events = alarms["EventsWaitTooLong"]
    assert (events["Namespace"], events["MetricName"], events["Threshold"]) == (
        "AWS/SQS",
        "ApproximateAgeOfOldestMessage",
        3600,
    )
    assert events["Dimensions"] == [{"Name": "QueueName", "Value": "<QueueName>"}], (
        "it tells of a daemon that is dead, too: no part of ours writes it"
    )
    assert alarms["DeadLettersThere"]["Dimensions"] == [{"Name": "QueueName", "Value": "<QueueName>-dead-letters"}]


def test_a_dashboard_says_of_which_region_it_is(pipeline: Template) -> None:
    """Their names are one in all regions of an account: a deployment to a second region would take the first one's."""
    assert pipeline["Dashboard"]["DashboardName"].endswith("-<AWS::Region>")


def test_errors_that_are_raised_on_purpose_are_no_alarm(pipeline: Template) -> None:
    watched = {
        dimension["Value"]
        for alarm in pipeline.of_type("AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == "Errors"
        for dimension in alarm["Dimensions"]
    }
    functions = pipeline.preset.functions
    assert watched == set(functions.values()) - {functions[role] for role in ("lease", "diagnose", "failure")}
