"""The pipeline stack: Lambdas, Glue jobs, crawlers, the state machine with its triggers, and monitoring. It holds no
data: it can be deleted and deployed again at any time.
"""

from __future__ import annotations

import aws_cdk as cdk

from aws_deploy.presets import Preset
from aws_deploy.settings import ENGINES, Deployment
from aws_deploy.stacks.dagster import dagster_role
from aws_deploy.stacks.functions import functions
from aws_deploy.stacks.jobs import crawlers, jobs
from aws_deploy.stacks.machine import state_machine, triggers
from aws_deploy.stacks.monitoring import monitoring
from aws_deploy.stacks.names import named_by_parameters
from aws_deploy.stacks.site import Site
from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.glue.uploads import Code
from lakehouse_assets.settings import Settings

STATE_MACHINE, DAGSTER = "state_machine", "dagster"


class PipelineStack(cdk.Stack):
    """`settings`: the defaults of the parameters. The location of the code is a parameter too, so a change of code does
    not change the template.
    """

    def __init__(self, app: cdk.App, preset: Preset, settings: Settings, deployment: Deployment) -> None:
        super().__init__(
            app,
            preset.pipeline_stack,
            description=(
                f"Lakehouse {preset.name}: the state machine, its Lambdas, Glue jobs and crawlers. Holds no data."
            ),
            synthesizer=cdk.BootstraplessSynthesizer(),
        )
        contracts = read_contracts(settings.contracts)
        orchestrator = self._parameter(
            "Orchestrator",
            "What starts a batch when files land: the state machine, or Dagster's sensor.",
            deployment.orchestrator,
            allowed_values=[STATE_MACHINE, DAGSTER],
        )
        chosen = {
            "engine": self._parameter(
                "Engine",
                "What loads the rows: glue (Glue jobs), embedded (a Lambda), or auto (by the size of the dataset).",
                settings.chosen_engine,
                allowed_values=[*ENGINES],
            ),
            "gate": self._parameter(
                "Gate",
                "Which files must be there before a batch starts: a file of each dataset (all), or any file.",
                settings.gate,
                allowed_values=["all", "any"],
            ),
            "auto_bytes": self._parameter(
                "AutoBytes",
                "With engine auto: Glue loads a dataset whose files in the batch have more bytes than this.",
                str(settings.auto_bytes),
            ),
            "reject_limit": self._parameter(
                "RejectLimit",
                "The share of a dataset's rows in a batch. If more are lost, the batch fails.",
                str(settings.reject_limit),
            ),
            "reject_warning": self._parameter(
                "RejectWarning",
                "The share of a dataset's rows in a batch. If more are rejected, the status is succeeded_with_rejects.",
                str(settings.reject_warning),
            ),
        }
        site = Site(
            stack=self,
            preset=preset,
            settings=named_by_parameters(self, settings).model_copy(update=chosen),
            deployment=deployment,
            contracts=contracts,
            key=self._parameter("KeyArn", "The ARN of the storage stack's KMS key."),
            code=Code(
                script=self._parameter("ScriptLocation", "The Glue jobs' entry point (s3://…)."),
                wheel=self._parameter("WheelLocation", "This project's wheel (s3://…)."),
                log_store=self._parameter(
                    "LogStoreLocation", "The jar of Spark's log store, which makes commits exclusive (s3://…)."
                ),
                modules=self._parameter(
                    "Modules", "The zip of wheels of the Glue jobs' other Python modules (s3://…)."
                ),
            ),
            documents=self._parameter("ContractsLocation", "The folder of the contracts (s3://…/)."),
            steps_zip=self._parameter(
                "StepsCodeKey", "The key in the bucket of the zip of all Lambdas except the load's."
            ),
            load_zip=self._parameter("LoadCodeKey", "The key in the bucket of the zip of the load's Lambda."),
            starts_machine=cdk.CfnCondition(
                self, "FilesStartTheMachine", expression=cdk.Fn.condition_equals(orchestrator, STATE_MACHINE)
            ),
        )
        made = functions(site)
        jobs(site)
        crawlers(site)
        state_machine(site, made)
        triggers(site, made)
        dagster_role(site)
        monitoring(site)

    def _parameter(
        self, name: str, description: str, default: str | None = None, allowed_values: list[str] | None = None
    ) -> str:
        return cdk.CfnParameter(
            self, name, type="String", description=description, default=default, allowed_values=allowed_values
        ).value_as_string
