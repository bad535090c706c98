"""The presets, as data: the names of resources and the trigger of two layouts that are in use, and of `make
acceptance`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

QUEUE: Literal["queue"] = "queue"
EVENTBRIDGE: Literal["eventbridge"] = "eventbridge"


@dataclass(frozen=True)
class Preset:
    """`settings`: settings of the lakehouse (lakehouse_assets.settings) that differ from the defaults. `functions`: the
    Lambda's name for each role (aws_deploy.state_machine.tasks.LAMBDAS). `step_jobs`: the Glue job's name for each role
    that has a Glue job instead of a Lambda. `stacks`: what the stacks' names begin with.

    `trigger`: S3 sends events to the queue (QUEUE), or to EventBridge, where a rule sends them to the queue
    (EVENTBRIDGE). The queue calls the availability Lambda.
    """

    name: str
    stacks: str
    state_machine: str
    crawler: str
    trigger: Literal["queue", "eventbridge"]
    functions: Mapping[str, str]
    step_jobs: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def storage_stack(self) -> str:
        return f"{self.stacks}Storage"

    @property
    def pipeline_stack(self) -> str:
        return f"{self.stacks}Pipeline"

    @property
    def image_stack(self) -> str:
        return f"{self.stacks}Image"

    @property
    def dagster_stack(self) -> str:
        return f"{self.stacks}Dagster"


ECOMMERCE = Preset(
    name="ecommerce",
    stacks="Ecommerce",
    state_machine="EcommerceETLPipeline",
    crawler="ecommerce-lakehouse-crawler",
    trigger=QUEUE,
    functions={
        "availability": "CheckDataAvailability",
        "lease": "TakeLease",
        "convert": "ConvertUploads",
        "marker": "CheckMarker",
        "load": "LoadDataset",
        "diagnose": "DiagnoseGlueRun",
        "archive": "ArchiveETLFiles",
        "count": "CountWrittenRows",
        "record": "RecordBatch",
        "failure": "RecordFailure",
    },
)
ECOM_LAKEHOUSE = Preset(
    name="ecom_lakehouse",
    stacks="EcomLakehouse",
    state_machine="lakehouse-orchestration",
    crawler="ecom-lakehouse-crawler",
    trigger=EVENTBRIDGE,
    functions={
        "availability": "check_availability_lambda",
        "lease": "take_lease_lambda",
        "marker": "check_marker_lambda",
        "load": "load_dataset_lambda",
        "diagnose": "diagnose_glue_run_lambda",
        "count": "count_written_rows_lambda",
        "record": "record_batch_lambda",
        "failure": "record_failure_lambda",
    },
    step_jobs={"convert": "convert_excel_to_csv", "archive": "archive_raw_csvs"},
    settings={
        "bucket": "ecom-lakehouse",
        "raw_prefix": "lakehouse/raw/",
        "tables_prefix": "lakehouse/processed/",
        "rejected_prefix": "lakehouse/rejected/",
        "database": "ecom_catalog",
        "workgroup": "ecom-lakehouse",
        "queue": "ecom-lakehouse-queue",
        "topic": "ecom-lakehouse-notifications",
        "glue_job": "etl_{dataset}",
    },
)
OWN = "acceptance-"
ACCEPTANCE = replace(
    ECOMMERCE,
    name="acceptance",
    stacks="LakehouseAcceptance",
    state_machine=f"{OWN}{ECOMMERCE.state_machine}",
    crawler=f"{OWN}{ECOMMERCE.crawler}",
    functions={role: f"{OWN}{name}" for role, name in ECOMMERCE.functions.items()},
    settings={
        "bucket": "lakehouse-acceptance",
        "database": "lakehouse_acceptance",
        "workgroup": "lakehouse-acceptance",
        "queue": "lakehouse-acceptance-queue",
        "topic": "lakehouse-acceptance-notifications",
        "glue_job": f"{OWN}{{job}}",
    },
)
"""`ecommerce` with names of its own, so that `make acceptance` does not touch other deployments in the account."""
PRESETS = {preset.name: preset for preset in (ECOMMERCE, ECOM_LAKEHOUSE, ACCEPTANCE)}
