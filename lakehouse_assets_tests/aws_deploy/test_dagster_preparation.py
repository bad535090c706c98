"""A deployment of Dagster is refused before anything is created, and one message names all faults."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_deploy.dagster import image, preparation
from aws_deploy.dagster.preparation import environment_parameter, prepare, repository_arn
from aws_deploy.dagster.subnets import vpc_of
from aws_deploy.dagster.templates import templates_for
from aws_deploy.presets import ECOM_LAKEHOUSE, ECOMMERCE
from aws_deploy.settings import Deployment, lakehouse_settings, read_choices, read_deployment
from lakehouse_assets.contracts import SHIPPED
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.settings import Settings

SHA = "@sha256:" + "0" * 64
OF_ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com/lakehouse:1"


class Account:
    """A client of EC2, ECR and CloudFormation, by the answers of their calls."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.meta = type("Meta", (), {"region_name": "us-east-1"})()

    def client(self, _: str) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            answer = self._answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def refused(name: str, text: str) -> ClientError:
    return ClientError({"Error": {"Code": name, "Message": text}}, name)


NO_STACK = refused("ValidationError", "Stack with id EcommerceImage does not exist")


def settings(**more: Any) -> Settings:
    return lakehouse_settings(ECOMMERCE).model_copy(update={"bucket": "ours", **more})


def test_all_faults_of_both_kinds_of_settings_are_reported_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DEPLOY_DAGSTER": "big",
        "DEPLOY_DAGSTER_CPU": "1000",
        "DEPLOY_DAGSTER_DISK_GB": "500",
        "DEPLOY_SUBNETS": "subnet-11111111",
        "DEPLOY_IMAGE": "lakehouse:latest",
        "DEPLOY_UI": "public",
        "DEPLOY_LOG_DAYS": "8",
        "LAKEHOUSE_GATE": "most",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadConfiguration) as told:
        read_choices()
    for name in ("DAGSTER=", "DAGSTER_CPU", "DAGSTER_DISK_GB", "SUBNETS", "IMAGE", "UI=", "LOG_DAYS"):
        assert f"DEPLOY_{name}" in str(told.value)
    assert "LAKEHOUSE_GATE" in str(told.value)


@pytest.mark.parametrize("asked", ["public", "open", "none", "alb"])
def test_an_interface_without_a_sign_in_is_not_put_on_the_internet(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_UI", asked)
    with pytest.raises(BadConfiguration, match="has no password"):
        read_deployment()


def test_a_load_balancer_names_everything_that_it_lacks() -> None:
    with pytest.raises(BadConfiguration) as told:
        read_deployment(ui="oidc")
    for name in ("UI_HOST", "UI_CERTIFICATE", "UI_NETWORKS", "UI_CLIENT_ID", "UI_ISSUER", "UI_CLIENT_SECRET"):
        assert f"DEPLOY_{name}=" in str(told.value)
    assert "COGNITO" not in str(told.value).upper().replace("OIDC OR COGNITO", "")
    with pytest.raises(BadConfiguration, match="DEPLOY_UI is private"):
        read_deployment(ui_host="lakehouse.example.org")


def test_a_secret_that_is_set_in_place_of_its_arn_is_not_printed() -> None:
    with pytest.raises(BadConfiguration, match=r"DEPLOY_UI_CLIENT_SECRET=\(not shown\): .*not an ARN") as told:
        read_deployment(ui="oidc", ui_client_secret="hunter2")
    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    ("cpu", "memory", "fits"),
    [(256, 512, True), (256, 1536, False), (1024, 2048, True), (1024, 9216, False), (8192, 18432, False)],
)
def test_a_size_is_one_that_fargate_has(cpu: int, memory: int, fits: bool) -> None:
    if fits:
        assert read_deployment(dagster_cpu=cpu, dagster_memory_mb=memory).dagster_memory_mb == memory
    else:
        with pytest.raises(BadConfiguration, match="Fargate takes"):
            read_deployment(dagster_cpu=cpu, dagster_memory_mb=memory)


def test_one_task_for_all_needs_the_memory_of_all() -> None:
    with pytest.raises(BadConfiguration, match="4096 MB at least"):
        read_deployment(dagster="small", dagster_memory_mb=2048)


@pytest.mark.parametrize(
    ("orchestrator", "dagster", "starts", "has"),
    [
        ("state_machine", "full", "state_machine", False),
        ("dagster", "full", "dagster", True),
        ("dagster", "own", "dagster", False),
        ("both", "small", "state_machine", True),
    ],
)
def test_the_orchestrator_says_what_files_start_and_whether_dagster_is_deployed(
    orchestrator: str, dagster: str, starts: str, has: bool
) -> None:
    chosen = read_deployment(orchestrator=orchestrator, dagster=dagster)
    assert (chosen.starts_batches, chosen.has_dagster) == (starts, has)


def test_without_docker_and_without_an_image_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "docker_works", lambda: False)
    account: Any = Account(describe_stacks=NO_STACK)
    with pytest.raises(BadConfiguration, match=r"Docker does not answer.*DEPLOY_IMAGE[^\n]*\nNothing was changed"):
        prepare(Deployment(orchestrator="dagster"), settings(), account)
    monkeypatch.setattr(preparation, "docker_works", lambda: True)
    prepared = prepare(Deployment(orchestrator="dagster"), settings(), account)
    assert prepared is not None
    assert (prepared.image, prepared.tag) == ("", image.tag_of(SHIPPED))


def test_an_image_that_is_in_ecr_already_needs_no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "docker_works", lambda: pytest.fail("Docker was asked"))
    uri = "111122223333.dkr.ecr.us-east-1.amazonaws.com/images"
    output = {"OutputKey": "RepositoryUri", "OutputValue": uri}
    account: Any = Account(
        describe_stacks={"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": [output]}]},
        describe_images={"imageDetails": [{"imageDigest": "sha256:1"}]},
    )
    account.exceptions = type(
        "Errors", (), {"ImageNotFoundException": KeyError, "RepositoryNotFoundException": KeyError}
    )
    prepared = prepare(Deployment(orchestrator="dagster"), settings(), account)
    assert prepared is not None
    assert prepared.image == f"{uri}@sha256:1"


def subnets(*zones: str, gateway: str = "nat-1", dns: bool = True) -> dict[str, Any]:
    """The answers for a VPC with a subnet in each of these zones, by EC2's calls."""
    route = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway}
    return {
        "describe_subnets": {
            "Subnets": [
                {"SubnetId": f"subnet-{str(number) * 8}", "VpcId": "vpc-1", "AvailabilityZone": zone}
                for number, zone in enumerate(zones, 1)
            ]
        },
        "describe_vpc_attribute": {"EnableDnsSupport": {"Value": True}, "EnableDnsHostnames": {"Value": dns}},
        "describe_route_tables": {"RouteTables": [{"Associations": [{"Main": True}], "Routes": [route]}]},
    }


@pytest.mark.parametrize(
    ("network", "gateway", "dns", "said"),
    [
        ("private", "nat-1", True, []),
        ("public", "igw-1", True, []),
        ("private", "igw-1", False, ["enableDnsHostnames", "set DEPLOY_NETWORK=public"]),
        ("public", "nat-1", True, ["Set DEPLOY_NETWORK=private"]),
    ],
)
def test_subnets_that_no_task_could_use_are_refused(network: Any, gateway: str, dns: bool, said: list[str]) -> None:
    chosen = Deployment(orchestrator="dagster", network=network, subnets="subnet-11111111,subnet-22222222")
    account: Any = Account(**subnets("us-east-1a", "us-east-1b", gateway=gateway, dns=dns))
    faults: list[str] = []
    assert vpc_of(chosen, account, faults) == {"VpcId": "vpc-1"}
    assert all(text in "".join(faults) for text in said)
    assert bool(faults) == bool(said)


def test_an_image_that_is_not_there_subnets_of_one_zone_and_own_contracts_are_reported_together(tmp_path: Path) -> None:
    account: Any = Account(
        describe_images=refused("ImageNotFoundException", "The image does not exist"),
        **subnets("us-east-1a", "us-east-1a"),
    )
    chosen = Deployment(orchestrator="dagster", image=OF_ECR, subnets="subnet-11111111,subnet-22222222")
    with pytest.raises(BadConfiguration) as told:
        prepare(chosen, settings(contracts=tmp_path, sensor_seconds=3600), account)
    for said in ("The image does not exist", "Two availability zones", "contracts of your own", "SENSOR_SECONDS"):
        assert said in str(told.value)


def test_a_provider_that_does_not_describe_itself_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> Any:
        raise OSError("no route")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    faults: list[str] = []
    preparation._endpoints(Deployment.model_construct(ui="oidc", ui_issuer="https://idp.example.org"), faults)
    assert "https://idp.example.org/.well-known/openid-configuration" in faults[0]


def test_the_tasks_get_the_settings_that_differ_and_nothing_of_this_machine() -> None:
    chosen = lakehouse_settings(ECOM_LAKEHOUSE).model_copy(
        update={"bucket": "ours", "sensor_seconds": 7, "home": Path("/somewhere"), "gate": "any"}
    )
    given = json.loads(environment_parameter(Deployment(orchestrator="dagster"), chosen, ""))
    assert given["LAKEHOUSE_BUCKET"] == "ours"
    assert (given["LAKEHOUSE_SENSOR_SECONDS"], given["LAKEHOUSE_GATE"]) == ("7", "any")
    assert given["LAKEHOUSE_RAW_PREFIX"] == "lakehouse/raw/"
    assert (given["LAKEHOUSE_AWS"], given["LAKEHOUSE_ORCHESTRATOR"]) == ("account", "dagster")
    assert "LAKEHOUSE_HOME" not in given
    assert json.loads(environment_parameter(Deployment(orchestrator="both"), chosen, ""))["LAKEHOUSE_ORCHESTRATOR"] == (
        "state_machine"
    )


def test_ecs_may_pull_from_the_images_repository_only() -> None:
    assert repository_arn(OF_ECR) == "arn:aws:ecr:us-east-1:111122223333:repository/lakehouse"
    assert repository_arn(OF_ECR.removesuffix(":1") + SHA).endswith(":repository/lakehouse")
    assert repository_arn("ghcr.io/someone/lakehouse:1").endswith("000000000000:repository/none")


def test_sizes_and_the_image_need_no_synthesis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aws_deploy.dagster.templates.synthesize_dagster", lambda _: "made")
    shipped = templates_for(Deployment(orchestrator="dagster"))
    assert templates_for(Deployment(orchestrator="both", image=OF_ECR, dagster_memory_mb=8192)) == shipped
    assert templates_for(Deployment(dagster="small"))[1] != shipped[1]
    for more in ({"network": "public"}, {"log_days": 30}):
        assert templates_for(Deployment(**more))[1] == "made"


def test_the_tag_stands_for_all_that_the_image_is_built_from(tmp_path: Path) -> None:
    dockerfile = (image.ROOT / image.DOCKERFILE).read_text("utf-8")
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.MULTILINE) for name in line.split()[:-1]
    }
    assert copied <= set(image.BUILT_FROM)
    (tmp_path / "visits.odcs.yaml").write_text("a")
    tags = {image.tag_of(SHIPPED), image.tag_of(tmp_path)}
    (tmp_path / "visits.odcs.yaml").write_text("b")
    assert len(tags | {image.tag_of(tmp_path)}) == 3
