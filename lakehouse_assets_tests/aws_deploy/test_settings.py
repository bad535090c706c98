"""A deployment's choices: all faults in one message, the preset's names unless others are set, and Node only where a
template changes.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import typer

from aws_deploy import deploy
from aws_deploy.embedded import stored_templates
from aws_deploy.presets import ECOM_LAKEHOUSE, ECOMMERCE
from aws_deploy.settings import Deployment, built_in_settings, lakehouse_settings, read_deployment
from lakehouse_assets.aws.client import Aws
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.settings import read_settings


def test_all_faults_are_told_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PRESET": "shop", "LOG_DAYS": "8", "WORKERS": "1"}.items():
        monkeypatch.setenv(f"DEPLOY_{name}", value)
    with pytest.raises(BadConfiguration) as told:
        read_deployment()
    for said in ("DEPLOY_PRESET='shop'", "ecommerce, ecom_lakehouse", "DEPLOY_LOG_DAYS", "DEPLOY_WORKERS"):
        assert said in str(told.value)


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_EMAILS", "a@example.com, b@example.com")
    assert read_deployment().emails == ("a@example.com", "b@example.com")


def test_the_environment_goes_before_the_preset_and_the_preset_before_the_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAKEHOUSE_DATABASE", "my_catalog")
    settings = lakehouse_settings(ECOM_LAKEHOUSE)
    assert (settings.database, settings.raw_prefix, settings.archive_prefix) == (
        "my_catalog",
        "lakehouse/raw/",
        "archived/",
    )
    assert (settings.aws, settings.chosen_engine) == ("account", "glue")


def test_an_engine_that_no_account_has_is_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_ENGINE", "spark")
    with pytest.raises(BadConfiguration, match="glue, auto, embedded"):
        lakehouse_settings(ECOMMERCE)


def test_the_kept_templates_do_not_depend_on_this_machines_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_DATABASE", "my_catalog")
    assert built_in_settings(ECOMMERCE).database == "ecommerce_dwh"


def test_names_and_the_orchestrator_need_no_synthesis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "synthesize", lambda _: pytest.fail("CDK was asked"))
    settings = lakehouse_settings(ECOMMERCE).model_copy(
        update={"bucket": "mine", "raw_prefix": "in/", "engine": "auto"}
    )
    assert deploy.templates_for(Deployment(orchestrator="dagster"), settings) == stored_templates("ecommerce")


def test_what_is_no_parameter_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        deploy,
        "synthesize",
        lambda deployments: asked.extend(deployments) or {"EcommerceStorage": "s", "EcommercePipeline": "p"},
    )
    assert deploy.templates_for(Deployment(workers=20), lakehouse_settings(ECOMMERCE)).pipeline == "p"
    assert [deployment.workers for deployment, _ in asked] == [20]


@pytest.mark.parametrize(
    ("command", "data", "told"),
    [("up", {}, "make deploy YES=1"), ("down", {"data": True}, "make destroy DATA=1 YES=1")],
)
def test_where_nobody_can_be_asked_nothing_is_done(
    command: str, data: dict[str, bool], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[object] = []
    monkeypatch.setattr(deploy, "_deployment_and_account", lambda: (Deployment(), lakehouse_settings(ECOMMERCE), Aws()))
    monkeypatch.setattr(deploy, "_account", lambda _: "account 1, here")
    monkeypatch.setattr(deploy, "_print_usage", lambda *_: None)
    monkeypatch.setattr(deploy, "deploy", lambda *arguments: done.append(arguments) or {})
    monkeypatch.setattr(deploy, "remove", lambda *arguments, data: done.append((arguments, data)))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(typer.Exit):
        getattr(deploy, command)(**data)
    assert told in capsys.readouterr().err
    assert done == []

    getattr(deploy, command)(yes=True, **data)
    assert len(done) == 1


def test_the_environment_that_is_printed_is_that_of_the_deployment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever sets it gets the very settings that were deployed: those of the preset, and those that were chosen
    otherwise.
    """
    (tmp_path / "my contracts").mkdir()
    monkeypatch.chdir(tmp_path)
    chosen = {
        "DATABASE": "my_catalog",
        "RAW_PREFIX": "in/",
        "ENGINE": "auto",
        "AUTO_BYTES": "5",
        "GATE": "any",
        "CONTRACTS": "my contracts",
    }
    for name, value in chosen.items():
        monkeypatch.setenv(f"LAKEHOUSE_{name}", value)
    settings = lakehouse_settings(ECOM_LAKEHOUSE).model_copy(update={"bucket": "ours"})
    printed = deploy.environment_for(settings, Aws({"AWS_REGION": "eu-central-1"}))
    for name in chosen:
        monkeypatch.delenv(f"LAKEHOUSE_{name}")
    assert printed["AWS_REGION"] == "eu-central-1"
    for name, value in printed.items():
        monkeypatch.setenv(name, value)
    assert read_settings() == settings.model_copy(update={"contracts": tmp_path / "my contracts"})
    assert "LAKEHOUSE_ARCHIVE_PREFIX" not in printed
