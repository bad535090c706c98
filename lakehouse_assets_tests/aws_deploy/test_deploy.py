"""`make deploy`, `make smoke` and `make destroy` against the embedded AWS, as an account would see them: the same calls
over a socket.

One thing is another than on AWS: the Lambdas' zips are those for this machine's Python, because the embedded AWS runs
them with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from aws_deploy.deploy import _deployment_and_account, deploy, remove
from aws_deploy.packaging import this_machine
from aws_deploy.presets import ECOM_LAKEHOUSE, ECOMMERCE, Preset
from aws_deploy.settings import Deployment, lakehouse_settings
from aws_deploy.smoke import NotWorking, smoke_test
from lakehouse_assets.aws.client import Aws
from lakehouse_assets.aws.stacks import PARAMETERS, bring_down, bring_up, deployed_parameters, parameters_of
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import embedded_aws
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.settings import Settings

pytestmark = pytest.mark.long
BAD = {
    "Type": "AWS::SQS::Queue",
    "Properties": {
        "RedrivePolicy": {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:none", "maxReceiveCount": 0}
    },
}
"""A resource that cannot be made."""


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with embedded_aws(tmp_path_factory.mktemp("account")) as running:
        yield Aws(running.environment())


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return lakehouse_settings(ECOMMERCE).model_copy(
        update={"bucket": "a-lakehouse", "engine": "embedded", "home": tmp_path_factory.mktemp("home")}
    )


def deployed(aws: Aws, settings: Settings) -> dict[str, str]:
    return deploy(Deployment.model_construct(), settings, aws, this_machine())


@pytest.fixture
def storage(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Preset, str], Settings]]:
    """Deploys a preset's storage stack that has the names, and a bucket with a file in it, but nothing else; in the
    account of the environment.
    """
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    parameters = {parameter: {"Type": "String"} for parameter in PARAMETERS.values()}
    bucket = {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "Retain",
        "Properties": {"BucketName": {"Ref": "BucketName"}},
    }
    template = json.dumps({"Parameters": parameters, "Resources": {"Bucket": bucket}})

    def made(preset: Preset, bucket: str) -> Settings:
        settings = lakehouse_settings(preset).model_copy(update={"bucket": bucket})
        bring_up(aws.client("cloudformation"), preset.storage_stack, template, parameters_of(settings))
        aws.client("s3").put_object(Bucket=bucket, Key="a-table", Body=b"years of work")
        return settings

    yield made
    for preset in (ECOMMERCE, ECOM_LAKEHOUSE):
        bring_down(aws.client("cloudformation"), preset.storage_stack)
    for name in buckets(aws):
        aws.client("s3").delete_object(Bucket=name, Key="a-table")
        aws.client("s3").delete_bucket(Bucket=name)


def buckets(aws: Aws) -> set[str]:
    return {bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]}


def test_the_bucket_is_that_of_the_deployed_stack_or_a_new_name(
    aws: Aws, storage: Callable[[Preset, str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _deployment_and_account()[1].bucket == "ecommerce-lakehouse-000000000000-us-east-1"
    storage(ECOMMERCE, "the-first-name")
    assert _deployment_and_account()[1].bucket == "the-first-name"
    monkeypatch.setenv("LAKEHOUSE_BUCKET", "the-first-name")
    assert _deployment_and_account()[1].bucket == "the-first-name"


def test_other_names_than_the_deployed_ones_are_refused_all_in_one_message(
    storage: Callable[[Preset, str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage(ECOMMERCE, "the-first-name")
    monkeypatch.setenv("LAKEHOUSE_BUCKET", "another")
    monkeypatch.setenv("LAKEHOUSE_RAW_PREFIX", "in/")
    with pytest.raises(BadConfiguration) as told:
        _deployment_and_account()
    assert "LAKEHOUSE_BUCKET: deployed is the-first-name, the setting is another" in str(told.value)
    assert "LAKEHOUSE_RAW_PREFIX: deployed is raw/, the setting is in/" in str(told.value)
    assert "LAKEHOUSE_DATABASE" not in str(told.value)


def test_the_other_presets_bucket_is_refused(
    storage: Callable[[Preset, str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage(ECOM_LAKEHOUSE, "the-others")
    monkeypatch.setenv("LAKEHOUSE_BUCKET", "the-others")
    with pytest.raises(BadConfiguration, match=r"belongs to stack EcomLakehouseStorage.*DEPLOY_PRESET=ecom_lakehouse"):
        _deployment_and_account()


def test_no_bucket_is_removed_but_that_of_the_deployed_stack(
    aws: Aws, storage: Callable[[Preset, str], Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = storage(ECOMMERCE, "of-the-stack")
    aws.client("s3").create_bucket(Bucket="of-someone-else")
    elsewhere = settings.model_copy(update={"bucket": "of-someone-else"})
    with pytest.raises(BadConfiguration, match="deployed is of-the-stack, the setting is of-someone-else"):
        remove(ECOMMERCE, elsewhere, aws, data=True)
    assert buckets(aws) == {"of-the-stack", "of-someone-else"}

    remove(ECOMMERCE, settings, aws, data=True)
    assert buckets(aws) == {"of-someone-else"}

    remove(ECOMMERCE, elsewhere, aws, data=True)
    assert buckets(aws) == {"of-someone-else"}
    assert "there is no stack EcommerceStorage that names one" in capsys.readouterr().out


def test_a_stack_that_never_worked_says_no_names(
    aws: Aws, storage: Callable[[Preset, str], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever met `already exists` at the first deployment chooses another name."""
    failing = json.dumps({"Parameters": {"BucketName": {"Type": "String"}}, "Resources": {"Bad": BAD}})
    with pytest.raises(BadConfiguration):
        bring_up(aws.client("cloudformation"), ECOMMERCE.storage_stack, failing, {"BucketName": "taken"})
    assert deployed_parameters(aws.client("cloudformation"), ECOMMERCE.storage_stack) is None
    monkeypatch.setenv("LAKEHOUSE_BUCKET", "free")
    assert _deployment_and_account()[1].bucket == "free"


def test_a_deployment_works_and_goes(aws: Aws, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """One test, because each of its parts needs the one before."""
    with pytest.raises(NotWorking, match="make deploy"):
        smoke_test(ECOMMERCE, settings, aws, load=False, log=print)

    outputs = deployed(aws, settings)
    assert outputs["StateMachineArn"].endswith(":EcommerceETLPipeline")
    assert deployed(aws, settings) == outputs

    smoke_test(ECOMMERCE, settings, aws, load=True, log=print)
    told = capsys.readouterr().out
    assert "CheckDataAvailability: Nothing to load" in told
    assert "Athena answers in workgroup ecommerce-lakehouse" in told
    [report] = Lakehouse(settings, aws).reports.all()
    assert f"Batch {report['batch_id']} succeeded" in told

    remove(ECOMMERCE, settings, aws, data=False)
    assert aws.client("lambda").list_functions()["Functions"] == []
    assert Lakehouse(settings, aws).reports.all() == [report]
    assert deployed(aws, settings)["KeyArn"] == outputs["KeyArn"]

    remove(ECOMMERCE, settings, aws, data=True)
    assert aws.client("s3").list_buckets()["Buckets"] == []
    assert aws.client("kms").describe_key(KeyId=outputs["KeyArn"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert aws.client("cloudformation").describe_stacks()["Stacks"] == []
    remove(ECOMMERCE, settings, aws, data=True)
