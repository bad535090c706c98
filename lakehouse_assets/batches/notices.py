"""The messages that a lakehouse publishes to people."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse_assets.aws.client import Aws, failures_named
from lakehouse_assets.aws.topic import publish
from lakehouse_assets.settings import Settings


@dataclass(frozen=True)
class Notices:
    """Messages hold counts, reasons and where to look; never a row's values."""

    aws: Aws
    settings: Settings

    @failures_named("Publishing to the topic")
    def publish(self, subject: str, message: str) -> None:
        """Publishes a message to the SNS topic. A message that is too long is cut."""
        publish(self.aws, self.settings.topic, subject, message)

    def where_run(self, run_id: str) -> str:
        """Where a person finds a Dagster run: a link, if the address of Dagster's UI is known."""
        return (
            f"Run: {self.settings.ui_url.rstrip('/')}/runs/{run_id}"
            if self.settings.ui_url
            else f"Dagster run {run_id}; `lakehouse up` shows it."
        )
