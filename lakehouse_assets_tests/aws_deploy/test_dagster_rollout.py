"""The deployment of Dagster: the image by way of Docker, the order of the stacks, and the way to the user interface."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from aws_deploy import deploy
from aws_deploy.dagster import image, rollout, smoke, ui
from aws_deploy.dagster.preparation import Prepared
from aws_deploy.dagster.smoke import dagster_runs
from aws_deploy.ecs_names import HEARTBEAT
from aws_deploy.ecs_settings import OnEcs
from aws_deploy.presets import ECOMMERCE
from aws_deploy.settings import Deployment, lakehouse_settings
from aws_deploy.smoke import NotWorking
from lakehouse_assets.aws.client import Aws
from lakehouse_assets.contracts import SHIPPED
from lakehouse_assets.errors import BadConfiguration

REPOSITORY = "111122223333.dkr.ecr.us-east-1.amazonaws.com/images"
PREPARED = Prepared(image="", tag="abc", templates=("{}", '{"Parameters": {"Image": {}, "Cpu": {}}}'))
OUTPUTS = {"TopicArn": "topic", "KeyArn": "key", "DagsterTaskRoleArn": "arn:aws:iam::1:role/a"}


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Docker that notes its arguments and its input, and fails for a command that the file `fails` names."""
    program, calls = tmp_path / "bin" / "docker", tmp_path / "calls"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {calls}\ncase "$*" in *password-stdin*|*"--file -"*) cat >> {calls};; esac\n'
        f'case "$*" in *"$(cat {tmp_path}/fails 2>/dev/null || echo no-such-word)"*) exit 7;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return calls


class Ecr:
    """ECR with one image."""

    def get_authorization_token(self) -> dict[str, Any]:
        return {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:secret").decode()}]}


def test_the_image_is_built_for_fargate_and_pushed_with_a_sign_in_of_its_own(docker: Path) -> None:
    name = image.build("abc", SHIPPED, lambda _: None)
    image.push(Ecr(), REPOSITORY, name, "abc", lambda _: None)
    calls = docker.read_text("utf-8").splitlines()
    assert calls[0] == f"build --platform linux/amd64 --file {image.DOCKERFILE} --tag lakehouse:abc ."
    assert calls[1].startswith("--config ")
    assert calls[1].endswith("login --username AWS --password-stdin 111122223333.dkr.ecr.us-east-1.amazonaws.com")
    assert "secret" in calls[2]
    assert "secret" not in calls[1]
    assert calls[-1].endswith(f"push --quiet {REPOSITORY}:abc")


def test_own_contracts_are_a_layer_of_the_image(docker: Path, tmp_path: Path) -> None:
    image.build("abc", tmp_path, lambda _: None)
    calls = docker.read_text("utf-8")
    assert "--tag lakehouse:abc-base ." in calls
    assert f"--file - --tag lakehouse:abc {tmp_path}" in calls
    assert "COPY *.odcs.yaml /srv/lakehouse/contracts/" in calls


def test_a_build_that_fails_says_so(docker: Path, tmp_path: Path) -> None:
    (tmp_path / "fails").write_text("build")
    with pytest.raises(BadConfiguration, match="failed while building the image"):
        image.build("abc", SHIPPED, lambda _: None)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a deployment does, in order."""
    done: list[str] = []
    monkeypatch.setattr(deploy, "templates_for", lambda *_: None)
    monkeypatch.setattr(deploy, "build_image", lambda *_: done.append("build") or "lakehouse:abc")
    monkeypatch.setattr(deploy, "roll_out", lambda *given: done.append(f"files start {given[4]}") or {})
    monkeypatch.setattr(deploy, "roll_out_dagster", lambda *_: done.append("dagster") or {})
    return done


def test_files_start_the_state_machine_until_dagster_runs(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "is_deployed", lambda *_: False)
    chosen = Deployment(orchestrator="dagster")
    deploy.deploy(chosen, lakehouse_settings(ECOMMERCE), Aws(), prepared=PREPARED)
    assert steps == ["build", "files start state_machine", "dagster", "files start dagster"]


@pytest.mark.parametrize(("status", "is_there"), [("ROLLBACK_COMPLETE", False), ("UPDATE_ROLLBACK_COMPLETE", True)])
def test_a_dagster_whose_first_deployment_failed_takes_no_files(status: str, is_there: bool) -> None:
    account: Any = Ecs()
    account.status = status
    assert rollout.is_deployed(ECOMMERCE, account) is is_there


def test_an_update_is_one_round(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "is_deployed", lambda *_: True)
    deploy.deploy(Deployment(orchestrator="dagster"), lakehouse_settings(ECOMMERCE), Aws(), prepared=PREPARED)
    assert steps == ["build", "files start dagster", "dagster"]


def test_a_dagster_that_nobody_asks_for_is_reported(
    steps: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deploy, "is_deployed", lambda *_: True)
    deploy.deploy(Deployment(), lakehouse_settings(ECOMMERCE), Aws())
    assert steps == ["files start state_machine"]
    assert "make destroy DAGSTER=1" in capsys.readouterr().out


def test_the_stack_gets_the_pushed_image_by_its_digest_and_only_parameters_that_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: dict[str, dict[str, str]] = {}

    def bring_up(_: Any, name: str, __: str, parameters: dict[str, str], *___: Any) -> dict[str, str]:
        made[name] = parameters
        return {"RepositoryUri": REPOSITORY} if name.endswith("Image") else {"ClusterName": "c"}

    monkeypatch.setattr(rollout, "bring_up", bring_up)
    monkeypatch.setattr(rollout, "push", lambda *_: None)
    monkeypatch.setattr(rollout, "digest_of", lambda *_: "sha256:1")
    account: Any = type("Account", (), {"client": lambda *_: None})()
    settings = lakehouse_settings(ECOMMERCE).model_copy(update={"bucket": "ours"})
    chosen = Deployment(orchestrator="dagster")
    outputs = rollout.roll_out_dagster(chosen, settings, account, PREPARED, "lakehouse:abc", OUTPUTS, lambda _: None)
    assert made == {"EcommerceImage": {}, "EcommerceDagster": {"Image": f"{REPOSITORY}@sha256:1", "Cpu": "1024"}}
    assert outputs["ClusterName"] == "c"


class Ecs:
    """A cluster with one service, and its log: pages of events."""

    def __init__(self, service: str = "webserver", running: int = 1, state: str = "COMPLETED") -> None:
        self.service, self.running, self.state = service, running, state
        self.status = "CREATE_COMPLETE"
        self.pages: list[list[str]] = [[], ["a heartbeat"]]
        self.asked: dict[str, Any] = {}
        self.meta = type("Meta", (), {"region_name": "us-east-1"})()

    def client(self, _: str) -> Ecs:
        return self

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        outputs = {"ClusterName": "EcommerceDagster", "LogGroup": "/lakehouse/EcommerceDagster"}
        listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
        return {"Stacks": [{"StackStatus": self.status, "Outputs": listed}]}

    def list_services(self, **_: Any) -> dict[str, Any]:
        return {"serviceArns": [f"arn:aws:ecs:us-east-1:1:service/EcommerceDagster/{self.service}"]}

    def get_paginator(self, _: str) -> Ecs:
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        self.asked = asked
        return [{"events": events} for events in self.pages]

    def list_tasks(self, *, serviceName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        assert serviceName == self.service
        return {"taskArns": ["arn:aws:ecs:us-east-1:1:task/EcommerceDagster/0123"] * self.running}

    def describe_tasks(self, **_: Any) -> dict[str, Any]:
        containers = [
            {"name": name, "lastStatus": "RUNNING", "runtimeId": f"0123-{number}"}
            for number, name in enumerate(("code", "webserver"))
        ]
        return {"tasks": [{"taskArn": "arn:aws:ecs:us-east-1:1:task/EcommerceDagster/0123", "containers": containers}]}

    def describe_services(self, **_: Any) -> dict[str, Any]:
        return {
            "services": [
                {
                    "serviceName": self.service,
                    "runningCount": self.running,
                    "desiredCount": 1,
                    "deployments": [{"rolloutState": self.state}],
                    "events": [{"message": "unable to pull the image."}],
                }
            ]
        }


@pytest.mark.parametrize("service", ["webserver", "dagster"])
def test_the_port_of_the_running_webserver_is_forwarded(service: str) -> None:
    account: Any = Ecs(service)
    target = ui.target_of(ECOMMERCE, account)
    assert target == "ecs:EcommerceDagster_0123_0123-1"
    command = ui.session(target, 8080, "us-east-1")
    assert command[:3] == ["aws", "ssm", "start-session"]
    ports = json.loads(command[command.index("--parameters") + 1])
    assert ports == {"portNumber": ["3000"], "localPortNumber": ["8080"]}


def test_a_webserver_that_does_not_run_and_a_missing_program_are_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    account: Any = Ecs(running=0)
    with pytest.raises(NotWorking, match="no running webserver"):
        ui.target_of(ECOMMERCE, account)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadConfiguration, match="Session Manager plugin"):
        ui.forward(ECOMMERCE, account, 3000)


def test_the_smoke_test_names_the_service_that_does_not_run() -> None:
    told: list[str] = []
    account: Any = Ecs("daemon")
    dagster_runs(ECOMMERCE, account, told.append)
    assert told == ["Dagster's daemon runs", "Dagster's daemon evaluates its sensors"]
    assert account.asked["logGroupName"] == "/lakehouse/EcommerceDagster"
    assert account.asked["filterPattern"] == f'"{HEARTBEAT}"'
    assert account.asked["startTime"] > 1e12, "milliseconds"
    for broken in (Ecs("daemon", running=0), Ecs("daemon", state="IN_PROGRESS")):
        account = broken
        with pytest.raises(NotWorking, match=r"Dagster's service daemon runs .*unable to pull the image"):
            dagster_runs(ECOMMERCE, account, told.append)


def test_a_daemon_that_runs_but_evaluates_no_sensor_fails_the_smoke_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "SECONDS_FOR_A_HEARTBEAT", 0.2)
    monkeypatch.setattr(smoke, "SECONDS_BETWEEN_LOOKS", 0.1)
    account: Any = Ecs("daemon")
    account.pages = [[]]
    with pytest.raises(NotWorking, match=r"has evaluated no sensor .*/lakehouse/EcommerceDagster"):
        dagster_runs(ECOMMERCE, account, lambda _: None)


def test_the_workflow_passes_every_setting_of_dagster_on_and_rolls_back_what_fails_its_test() -> None:
    text = (image.ROOT / ".github" / "workflows" / "deploy-to.yml").read_text("utf-8")
    job = yaml.safe_load(text)["jobs"]["deploy"]
    for field in OnEcs.model_fields:
        name = f"DEPLOY_{field.upper()}"
        assert job["env"][name] == f"${{{{ vars.{name} }}}}"
    commands = [step.get("run", "") for step in job["steps"]]
    deployed, tested = commands.index("make deploy YES=1"), commands.index("make smoke")
    assert deployed < tested
    back = [step for step in job["steps"][tested + 1 :] if "failure() && env.PREVIOUS" in step["if"]]
    assert back[0]["with"]["ref"] == "${{ env.PREVIOUS }}"
    assert back[-1]["run"] == "make deploy YES=1"
