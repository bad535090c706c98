"""docs/costs.md has the figures of aws_deploy/costs.py."""

from __future__ import annotations

from pathlib import Path

from aws_deploy import costs
from aws_deploy.acceptance.plan import price
from aws_deploy.acceptance.statements import product_statements
from aws_deploy.settings import Deployment
from lakehouse_assets.contracts import SHIPPED, read_contracts

DOCS = Path(costs.__file__).parents[1] / "docs"
DOCUMENT = (DOCS / "costs.md").read_text("utf-8")


def row(what: str) -> list[str]:
    """The cells of the first row of the document's tables that begins so."""
    line = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| {what}"))
    return [cell.strip(" *").replace("\N{MULTIPLICATION SIGN}", "x") for cell in line.strip("|").split("|")]


def dollars(amount: float, digits: int) -> str:
    return f"${amount:.{digits}f}"


def test_the_documents_months_are_reckoned_from_the_figures() -> None:
    for what, amount in costs.idle_month().items():
        assert row(what)[-1] == dollars(amount, 2), what
    whole = sum(costs.idle_month().values())
    assert f"**{dollars(whole, 2)}, or {dollars(whole / costs.HOURS_OF_A_MONTH, 3)} an hour**" in DOCUMENT


def test_the_documents_batches_are_reckoned_from_the_figures() -> None:
    glue, embedded = costs.batch("glue"), costs.batch("embedded")
    for what in glue | embedded:
        cells = [dollars(parts[what], 3) if what in parts else "" for parts in (glue, embedded)]
        assert row(what)[-2:] == cells, what
    assert f"**{dollars(sum(glue.values()), 2)}** | **{dollars(sum(embedded.values()), 3)}**" in DOCUMENT
    assert row("crawlers")[-2:] == [dollars(costs.crawls(), 3)] * 2


def test_the_documents_arithmetic_has_the_assumed_figures() -> None:
    a = costs.ASSUMED
    assert (
        row("Glue runs")[1]
        == f"{a.datasets} x {a.glue_minutes} min x {a.glue_workers} workers x ${costs.DPU_HOUR} / 60"
    )
    assert row("the load's Lambda")[1] == f"{a.datasets} x {a.load_seconds} s x {a.load_gb} GB x $0.0000166667"
    assert row("other Lambdas")[1] == f"{a.other_lambdas} x {a.other_seconds} s x {a.other_gb} GB x $0.0000166667"
    assert row("steps of the state machine")[1] == f"{a.transitions} x $0.000025"
    assert row("alarms")[1] == f"{costs.ALARMS} x $0.10"


def test_the_documents_price_of_dagster_is_reckoned_from_the_figures() -> None:
    full, small = (costs.dagster_month(Deployment.model_construct(dagster=name)) for name in ("full", "small"))
    assert row("tasks, `full`")[2] == dollars(full.pop("tasks"), 2)
    assert row("tasks, `small`")[3] == dollars(small.pop("tasks"), 2)
    for what in full:
        cells = [dollars(parts[what], 2) if what in parts else "" for parts in (full, small)]
        assert row(what)[2:] == cells, what
    whole = [sum(costs.dagster_month(Deployment.model_construct(dagster=name)).values()) for name in ("full", "small")]
    assert " | ".join(f"**{dollars(amount, 2)}**" for amount in whole) in DOCUMENT
    public = costs.dagster_month(Deployment.model_construct(network="public", ui="oidc"))
    assert f"{dollars(public['public addresses'], 2)} for the addresses of `full`" in DOCUMENT
    assert f"is {dollars(public['load balancer'], 2)} a month" in DOCUMENT
    cheapest = sum(costs.dagster_month(Deployment.model_construct(dagster="small", network="public")).values())
    assert f"`DEPLOY_DAGSTER=small DEPLOY_NETWORK=public` is {dollars(cheapest, 2)} a month" in DOCUMENT
    assert f"with Glue: {dollars(costs.dagster_batch(Deployment.model_construct()), 3)} with `full`" in DOCUMENT
    how_to = (DOCS / "how-to" / "deploy-to-aws.md").read_text("utf-8")
    for amount in (*whole, cheapest):
        assert f"about {dollars(amount, 0)} a month" in how_to
    said = costs.dagster_in_words(Deployment.model_construct())
    assert f"about {dollars(whole[0], 0)} a month" in said
    assert "$0.006 for the task of each run" in said


def test_the_documents_name_the_price_of_an_acceptance() -> None:
    asked = dollars(sum(price(len(product_statements(read_contracts(SHIPPED), ""))).values()), 2)
    how_to = (DOCS / "how-to" / "deploy-to-aws.md").read_text("utf-8")
    assert f"costs about {asked} by these figures" in DOCUMENT
    assert f"(about {asked} by the figures" in how_to
