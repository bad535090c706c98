"""Dagster's own launcher, with the configuration that a task writes: what it asks of AWS for a run's life, the daemon's
role permits.
"""

from __future__ import annotations

import fnmatch
from typing import Any

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext, WorkerStatus
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._serdes import ConfigurableClassData

from lakehouse_assets.server.ecs import RUN_TASK, instance
from lakehouse_assets_tests.aws_deploy.test_template_dagster import dagster

CLUSTER = "arn:aws:ecs:us-east-1:000000000000:cluster/EcommerceDagster"
TASK = "arn:aws:ecs:us-east-1:000000000000:task/EcommerceDagster/run"
DEFINITION = "arn:aws:ecs:us-east-1:000000000000:task-definition/EcommerceDagster-run:1"
PREFIXES = {"ecs": "ecs", "ec2": "ec2", "cloudwatch logs": "logs", "secrets manager": "secretsmanager"}


class Account:
    """Answers the calls of boto3 as AWS would, and notes them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.status = "RUNNING"

    def answer(self, client: Any, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        service = client.meta.service_model.service_id.lower()
        self.calls.append((f"{PREFIXES.get(service, service)}:{operation}", arguments))
        if operation == "DescribeTaskDefinition":
            log = {"awslogs-group": "/lakehouse/EcommerceDagster", "awslogs-stream-prefix": "run"}
            container = {"name": "run", "logConfiguration": {"options": log}}
            return {"taskDefinition": {"taskDefinitionArn": DEFINITION, "containerDefinitions": [container]}}
        if operation == "DescribeTasks":
            details = [{"name": "subnetId", "value": "subnet-1"}, {"name": "networkInterfaceId", "value": "eni-1"}]
            return {
                "tasks": [
                    {
                        "taskArn": TASK,
                        "taskDefinitionArn": DEFINITION,
                        "launchType": "FARGATE",
                        "lastStatus": self.status,
                        "attachments": [{"type": "ElasticNetworkInterface", "details": details}],
                        "containers": [{"name": "run", "exitCode": 137}],
                    }
                ]
            }
        if operation == "DescribeNetworkInterfaces":
            found = {"Groups": [{"GroupId": "sg-1"}], "Association": {"PublicIp": "192.0.2.1"}}
            return {"NetworkInterfaces": [found]}
        if operation == "RunTask":
            return {"tasks": [{"taskArn": TASK, "clusterArn": CLUSTER}]}
        if operation == "GetLogEvents":
            return {"events": [{"message": "No space left on device"}]}
        return {}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    fake = Account()
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        RUN_TASK: DEFINITION,
    }.items():
        monkeypatch.setenv(name, value)

    def call(client: Any, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return fake.answer(client, operation, arguments)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", call)
    metadata = type("Metadata", (), {"cluster": CLUSTER, "task_arn": TASK})()
    monkeypatch.setattr("dagster_aws.ecs.launcher.get_current_ecs_task_metadata", lambda: metadata)
    return fake


def a_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    python = RepositoryPythonOrigin("python", ModuleCodePointer("lakehouse_assets.definitions", "defs"))
    target = LoadableTargetOrigin(module_name="lakehouse_assets.definitions")
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, "lakehouse_assets")
    from dagster._core.test_utils import create_run_for_test  # noqa: PLC0415

    run: dg.DagsterRun = create_run_for_test(
        instance,
        job_name="load_batch",
        status=dg.DagsterRunStatus.STARTED,
        job_code_origin=JobPythonOrigin("load_batch", python),
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), "load_batch"),
    )
    return run


def test_the_daemon_may_make_every_call_of_a_runs_life(account: Account) -> None:
    import yaml  # noqa: PLC0415

    written = instance({RUN_TASK: DEFINITION})["run_launcher"]
    made = ConfigurableClassData(written["module"], written["class"], yaml.safe_dump(written["config"]))
    launcher: Any = made.rehydrate(as_type=object)
    with dg.instance_for_test() as own:
        launcher.register_instance(own)
        run = a_run(own)
        launcher.launch_run(LaunchRunContext(run, workspace=None))
        run = own.get_run_by_id(run.run_id) or run
        assert launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
        account.status = "STOPPED"
        died = launcher.check_run_worker_health(run)
        assert died.status == WorkerStatus.FAILED
        assert "No space left on device" in str(died.msg)
        account.status = "RUNNING"
        assert launcher.terminate(run.run_id)

    called = {action for action, _ in account.calls}
    assert {"ecs:RunTask", "ecs:StopTask", "logs:GetLogEvents"} <= called
    allowed = [action for action, _ in dagster("full").may("DaemonRole")]
    assert {call for call in called if not any(fnmatch.fnmatchcase(call, action) for action in allowed)} == set()
    [asked] = [arguments for action, arguments in account.calls if action == "ecs:RunTask"]
    assert asked["taskDefinition"] == DEFINITION
    assert asked["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] == ["sg-1"]
    assert asked["overrides"]["containerOverrides"][0]["name"] == "run"
