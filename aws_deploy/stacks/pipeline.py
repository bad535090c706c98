"""What works on the data: Lambdas, Glue jobs, crawlers, the state machine, what starts it, and who watches. Can be
deleted and deployed again at any time.
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
    """`settings` give the parameters their defaults. Where the code lies is told when the stack is deployed, so a
    change of code changes no template.
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
            "Who is started when files land.",
            deployment.orchestrator,
            allowed_values=[STATE_MACHINE, DAGSTER],
        )
        chosen = {
            "engine": self._parameter(
                "Engine",
                "What loads the rows: Glue, the Lambda with the embedded engine, or auto.",
                settings.chosen_engine,
                allowed_values=[*ENGINES],
            ),
            "gate": self._parameter(
                "Gate",
                "What a batch needs: a file of each dataset, or any.",
                settings.gate,
                allowed_values=["all", "any"],
            ),
            "auto_bytes": self._parameter(
                "AutoBytes",
                "Engine auto: a dataset with more bytes than this is loaded by Glue.",
                str(settings.auto_bytes),
            ),
            "reject_limit": self._parameter(
                "RejectLimit", "The share of rejected rows above which a batch fails.", str(settings.reject_limit)
            ),
            "reject_warning": self._parameter(
                "RejectWarning",
                "The share of rejected rows above which a batch has succeeded with rejects.",
                str(settings.reject_warning),
            ),
        }
        site = Site(
            stack=self,
            preset=preset,
            settings=named_by_parameters(self, settings).model_copy(update=chosen),
            deployment=deployment,
            contracts=contracts,
            key=self._parameter("KeyArn", "The key of the storage stack."),
            code=Code(
                script=self._parameter("ScriptLocation", "The Glue jobs' entry point, s3://."),
                wheel=self._parameter("WheelLocation", "This project as a wheel, s3://."),
                log_store=self._parameter("LogStoreLocation", "What makes Spark's commits exclusive, a jar, s3://."),
                modules=self._parameter("Modules", "What the Glue jobs need besides: a zip of wheels, s3://."),
            ),
            documents=self._parameter("ContractsLocation", "The folder of the contracts' documents, s3://…/."),
            steps_zip=self._parameter("StepsCodeKey", "The key of the Lambdas' code in the bucket."),
            load_zip=self._parameter("LoadCodeKey", "The key of the load's Lambda's code in the bucket."),
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
