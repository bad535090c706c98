"""A deployment's choices: all faults in one message, the preset's names unless others are set, and Node only where a template changes."""

from __future__ import annotations

import pytest

from aws_deploy import deploy
from aws_deploy.presets import ECOM_LAKEHOUSE, ECOMMERCE
from aws_deploy.settings import Deployment, built_in_settings, lakehouse_settings, read_deployment
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.local.deployment import kept


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


def test_the_environment_goes_before_the_preset_and_the_preset_before_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_DATABASE", "my_catalog")
    settings = lakehouse_settings(ECOM_LAKEHOUSE)
    assert (settings.database, settings.raw_prefix, settings.archive_prefix) == ("my_catalog", "lakehouse/raw/", "archived/")
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
    settings = lakehouse_settings(ECOMMERCE).model_copy(update={"bucket": "mine", "raw_prefix": "in/", "engine": "auto"})
    assert deploy.templates_for(Deployment(orchestrator="dagster"), settings) == kept("ecommerce")


def test_what_is_no_parameter_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(deploy, "synthesize", lambda deployments: asked.extend(deployments) or {"EcommerceStorage": "s", "EcommercePipeline": "p"})
    assert deploy.templates_for(Deployment(workers=20), lakehouse_settings(ECOMMERCE)).pipeline == "p"
    assert [deployment.workers for deployment, _ in asked] == [20]
