"""The two layouts in use, as data: what each calls its things, and what starts a batch. And the names of `make
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
    """`settings`: of the lakehouse (lakehouse_assets.settings), where they are not its defaults. `functions`: the name
    of the Lambda for each role (aws_deploy.state_machine.tasks.LAMBDAS). `step_jobs`: the name of the Glue job for
    each role that one does in place of a Lambda.

    `trigger`: S3 tells the queue, which calls the availability Lambda; or S3 tells EventBridge, and a rule tells the
    queue.
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
"""`ecommerce` under names of its own, so that `make acceptance` touches nothing that is deployed in the account."""
PRESETS = {preset.name: preset for preset in (ECOMMERCE, ECOM_LAKEHOUSE, ACCEPTANCE)}
