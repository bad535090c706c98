"""`make deploy`, `make smoke` and `make destroy` against the embedded AWS, as an account would see them: the same calls over a socket.

One thing is another than on AWS: the Lambdas' zips are those for this machine's Python, because the embedded AWS runs them with it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aws_deploy.deploy import deploy, remove
from aws_deploy.packaging import this_machine
from aws_deploy.presets import ECOMMERCE
from aws_deploy.settings import Deployment, lakehouse_settings
from aws_deploy.smoke import NotWorking, smoke_test
from lakehouse_assets.aws import Aws
from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets.local.process import embedded_aws
from lakehouse_assets.settings import Settings

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with embedded_aws(tmp_path_factory.mktemp("account")) as running:
        yield Aws(running.environment())


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return lakehouse_settings(ECOMMERCE).model_copy(update={"bucket": "a-lakehouse", "engine": "embedded", "home": tmp_path_factory.mktemp("home")})


def deployed(aws: Aws, settings: Settings) -> dict[str, str]:
    return deploy(Deployment.model_construct(), settings, aws, this_machine())


def test_a_deployment_works_and_goes(aws: Aws, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """One test, because each of its parts needs the one before."""
    with pytest.raises(NotWorking, match="make deploy"):
        smoke_test(ECOMMERCE, settings, aws, load=False, tell=print)

    outputs = deployed(aws, settings)
    assert outputs["StateMachineArn"].endswith(":EcommerceETLPipeline")
    assert deployed(aws, settings) == outputs

    smoke_test(ECOMMERCE, settings, aws, load=True, tell=print)
    told = capsys.readouterr().out
    assert "CheckDataAvailability: Nothing waits" in told
    assert "Athena answers in workgroup ecommerce-lakehouse" in told
    [report] = Lakehouse(settings, aws).history()
    assert f"Batch {report['batch_id']} succeeded" in told

    remove(ECOMMERCE, settings, aws, data=False)
    assert aws.client("lambda").list_functions()["Functions"] == []
    assert Lakehouse(settings, aws).history() == [report]
    assert deployed(aws, settings)["KeyArn"] == outputs["KeyArn"]

    remove(ECOMMERCE, settings, aws, data=True)
    assert aws.client("s3").list_buckets()["Buckets"] == []
    assert aws.client("kms").describe_key(KeyId=outputs["KeyArn"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert aws.client("cloudformation").describe_stacks()["Stacks"] == []
    remove(ECOMMERCE, settings, aws, data=True)
