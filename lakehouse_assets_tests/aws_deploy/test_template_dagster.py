"""What the Dagster stack's templates say, which no embedded AWS can show: one daemon, nobody who can connect, the least
permissions, and task definitions that ECS's own model accepts.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from aws_deploy import costs
from aws_deploy.ecs_names import HEARTBEAT
from aws_deploy.presets import ECOMMERCE
from aws_deploy.synth import IMAGE_TEMPLATE, TEMPLATES, dagster_template
from lakehouse_assets_tests.aws_deploy.templates import Template

VARIANTS = ["full", "small"]
ANYWHERE = {
    "ecr:GetAuthorizationToken",
    "ecs:DescribeTaskDefinition",
    "ec2:DescribeNetworkInterfaces",
    *(f"ssmmessages:{verb}{what}" for verb in ("Create", "Open") for what in ("ControlChannel", "DataChannel")),
}
"""Actions that know no resources (AWS's Service Authorization Reference)."""


@cache
def dagster(variant: str) -> Template:
    return Template(ECOMMERCE, json.loads((TEMPLATES / dagster_template(variant)).read_text("utf-8")))


@pytest.fixture(params=VARIANTS)
def template(request: pytest.FixtureRequest) -> Template:
    return dagster(request.param)


def containers(template: Template) -> dict[str, dict[str, Any]]:
    return {
        container["Name"]: container
        for task in template.of_type("AWS::ECS::TaskDefinition").values()
        for container in task["ContainerDefinitions"]
    }


def test_there_is_one_daemon_and_the_next_starts_when_it_has_ended(template: Template) -> None:
    services = template.of_type("AWS::ECS::Service")
    [daemon] = [service for service in services.values() if service["ServiceName"] in ("daemon", "dagster")]
    assert daemon["DesiredCount"] == 1
    assert daemon["DeploymentConfiguration"]["MinimumHealthyPercent"] == 0
    assert daemon["DeploymentConfiguration"]["MaximumPercent"] == 100
    assert daemon["AvailabilityZoneRebalancing"] == "DISABLED"


def test_a_deployment_whose_tasks_do_not_become_healthy_is_rolled_back(template: Template) -> None:
    for service in template.of_type("AWS::ECS::Service").values():
        assert service["DeploymentConfiguration"]["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    for name, container in containers(template).items():
        assert ("HealthCheck" in container) == (name != "run"), name


def test_nobody_outside_can_connect_to_a_task_or_to_the_database(template: Template) -> None:
    for group in template.of_type("AWS::EC2::SecurityGroup").values():
        assert "SecurityGroupIngress" not in group
    for rule in template.of_type("AWS::EC2::SecurityGroupIngress").values():
        assert "CidrIp" not in rule
        assert rule["FromPort"] == rule["ToPort"]
        assert "SourceSecurityGroupId" in rule
    for service in template.of_type("AWS::ECS::Service").values():
        assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"
    assert not template.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert "--host=127.0.0.1" in containers(template)["webserver"]["Command"]


def test_the_small_variants_code_server_answers_to_its_own_task_only() -> None:
    command = containers(dagster("small"))["code"]["Command"]
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert not any(
        rule["FromPort"] == 4000 for rule in dagster("small").of_type("AWS::EC2::SecurityGroupIngress").values()
    )


def test_the_database_is_encrypted_private_and_leaves_a_snapshot(template: Template) -> None:
    [(name, database)] = template.of_type("AWS::RDS::DBInstance").items()
    assert database["StorageEncrypted"] is True
    assert database["PubliclyAccessible"] is False
    assert database["MaxAllocatedStorage"] > int(database["AllocatedStorage"])
    assert database["BackupRetentionPeriod"] >= 1
    resource = template.whole["Resources"][name]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    isolated = {f"<{name}>" for name in template.of_type("AWS::EC2::Subnet") if name.startswith("Database")}
    assert set(template["DatabaseSubnets"]["SubnetIds"]) == isolated
    routed = {table["SubnetId"] for table in template.of_type("AWS::EC2::SubnetRouteTableAssociation").values()}
    assert not isolated & routed


def test_the_password_is_in_secrets_manager_and_nowhere_else(template: Template) -> None:
    assert template["Database"]["MasterUserPassword"] == (
        "{{resolve:secretsmanager:<DatabaseSecret>:SecretString:password::}}"
    )
    for container in containers(template).values():
        assert container["Secrets"] == [
            {"Name": "DAGSTER_POSTGRES_PASSWORD", "ValueFrom": "<DatabaseSecret>:password::"}
        ]
        assert not any("PASSWORD" in variable["Name"] for variable in container["Environment"])


def test_every_task_definition_is_one_that_ecs_accepts(template: Template) -> None:
    """By botocore's model of RegisterTaskDefinition."""
    shape = (
        botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape
    )
    assert shape is not None
    for name, task in template.of_type("AWS::ECS::TaskDefinition").items():
        asked = camel(task)
        if "ephemeralStorage" in asked:
            asked["ephemeralStorage"]["sizeInGiB"] = 50
        report = ParamValidator().validate(asked, shape)
        assert not report.has_errors(), (name, report.generate_report())
        for container in asked["containerDefinitions"]:
            assert container["stopTimeout"] <= 120
            if check := container.get("healthCheck"):
                assert 5 <= check["interval"] <= 300
                assert 2 <= check["timeout"] <= 60
                assert check["startPeriod"] <= 300


def camel(value: Any) -> Any:
    """Properties as the API calls them."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: camel(inner) for key, inner in value.items()}
    return [camel(inner) for inner in value] if isinstance(value, list) else value


def test_logs_expire_and_are_encrypted_with_the_lakehouses_key(template: Template) -> None:
    [group] = template.of_type("AWS::Logs::LogGroup").values()
    assert (group["RetentionInDays"], group["KmsKeyId"]) == (90, "<KeyArn>")
    for container in containers(template).values():
        assert container["LogConfiguration"]["Options"]["awslogs-group"] == group["LogGroupName"]


def test_a_daemon_that_evaluates_no_sensor_raises_an_alarm_on_the_lakehouses_topic(template: Template) -> None:
    """A count of tasks would not do: a daemon that ends and starts again, for ever, always has a task."""
    [heartbeats] = template.of_type("AWS::Logs::MetricFilter").values()
    assert heartbeats["LogGroupName"] == "<Log>"
    assert heartbeats["FilterPattern"] == f'"{HEARTBEAT}"'
    [metric] = heartbeats["MetricTransformations"]
    alarm = template["DaemonSilent"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (metric["MetricNamespace"], metric["MetricName"])
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 900
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["TreatMissingData"] == "breaching"
    [daemon] = [name for name in template.of_type("AWS::ECS::Service") if name in ("DaemonService", "DagsterService")]
    assert daemon in template.whole["Resources"]["DaemonSilent"]["DependsOn"]
    for each in template.of_type("AWS::CloudWatch::Alarm").values():
        assert each["AlarmActions"] == ["<TopicArn>"]


def test_no_role_has_a_wildcard_but_where_aws_knows_no_resource(template: Template) -> None:
    for name in template.of_type("AWS::IAM::Role"):
        assert "ManagedPolicyArns" not in template[name]
        for action, resource in template.may(name):
            assert "*" not in action, (name, action)
            assert resource != "*" or action in ANYWHERE, (name, action)


def test_the_webserver_and_the_daemon_touch_no_file_of_the_lakehouse() -> None:
    template = dagster("full")
    assert template.keys("WebserverRole", "s3:GetObject") == {"<ControlPrefix>dagster/*"}
    for role in ("WebserverRole", "DaemonRole", "ExecutionRole"):
        assert not template.keys(role, "s3:PutObject")
        assert not template.keys(role, "sqs:ReceiveMessage")
    assert not [action for action, _ in template.may("DaemonRole") if action.startswith("s3:")]


def test_only_the_daemon_starts_runs_and_it_may_start_nothing_else() -> None:
    template = dagster("full")
    starters = {
        role: [resource for action, resource in template.may(role) if action == "ecs:RunTask"]
        for role in template.of_type("AWS::IAM::Role")
    }
    family = "arn:<AWS::Partition>:ecs:<AWS::Region>:<AWS::AccountId>:task-definition/<AWS::StackName>-run:*"
    assert {role: found for role, found in starters.items() if found} == {"DaemonRole": [family]}
    passed = {resource for action, resource in template.may("DaemonRole") if action == "iam:PassRole"}
    assert passed == {"<ExecutionRole.Arn>", "<TaskRoleArn>"}
    assert template["RunTask"]["Family"] == "<AWS::StackName>-run"
    assert template["RunTask"]["TaskRoleArn"] == "<TaskRoleArn>"
    assert not any(action == "ecs:RegisterTaskDefinition" for action, _ in template.may("DaemonRole"))


def test_a_services_tasks_stop_before_what_they_need_is_removed(template: Template) -> None:
    for name in template.of_type("AWS::ECS::Service"):
        assert {"Database", "Log", "PrivateWayOut"} <= set(template.whole["Resources"][name]["DependsOn"])


def test_the_prices_tasks_are_those_of_the_template() -> None:
    template = dagster("full")
    sizes = {
        task["ContainerDefinitions"][0]["Name"]: (int(task["Cpu"]) / 1024, int(task["Memory"]) / 1024)
        for name, task in template.of_type("AWS::ECS::TaskDefinition").items()
        if name != "RunTask"
    }
    assert sorted(sizes.values()) == sorted(costs.SERVICES.values())
    assert len(template.of_type("AWS::CloudWatch::Alarm")) == costs.DAGSTER_ALARMS


def test_the_repository_keeps_few_images_and_is_removed_with_them() -> None:
    [repository] = json.loads((TEMPLATES / IMAGE_TEMPLATE).read_text("utf-8"))["Resources"].values()
    assert repository["Properties"]["EmptyOnDelete"] is True
    assert repository["Properties"]["ImageTagMutability"] == "IMMUTABLE"
    rules = json.loads(repository["Properties"]["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert rules[0]["selection"]["countNumber"] == 5
