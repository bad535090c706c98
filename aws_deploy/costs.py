"""The figures of docs/costs.md: AWS's list prices, the assumed usage of a small batch, and what follows from
both.

A test compares the document with them. `make acceptance` states its price by them, and measures an account's usage.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_deploy.ecs_settings import OnEcs

DPU_HOUR = 0.44
LAMBDA_GB_SECOND = 0.0000166667
TRANSITION = 0.000025
ATHENA_TB = 5.0
ATHENA_LEAST_BYTES = 10_000_000
KEY_MONTH = 1.0
ALARM_MONTH = 0.10
METRIC_MONTH = 0.30
S3_LISTING = 0.000005
SQS_MILLION = 0.40
HOURS_OF_A_MONTH = 730
FARGATE_VCPU_HOUR = 0.04048
FARGATE_GB_HOUR = 0.004445
FARGATE_DISK_GB_HOUR = 0.000111
FARGATE_FREE_DISK_GB = 20
PUBLIC_ADDRESS_HOUR = 0.005
NAT_HOUR = 0.045
DATABASE_HOUR = 0.016
DATABASE_GB_MONTH = 0.115
DATABASE_GB = 20
SECRET_MONTH = 0.40
ZONE_MONTH = 0.50
ECR_GB_MONTH = 0.10
BALANCER_HOUR = 0.0225
"""List prices of us-east-1, November 2026, in dollars."""


@dataclass(frozen=True)
class Assumed:
    """The assumed usage of a small batch (three datasets, up to some 100 MB). `glue_minutes`, `load_seconds`: of one
    dataset's load; `other_seconds`: of one of the `other_lambdas`. `transitions`: of the state machine;
    `crawl_transitions`: additional ones while it waits for crawlers, three for each look at one.
    """

    datasets: int = 3
    glue_minutes: float = 1.5
    glue_workers: int = 2
    load_seconds: float = 15
    load_gb: float = 2.9
    other_lambdas: int = 9
    other_seconds: float = 5
    other_gb: float = 0.7
    transitions: int = 40
    crawl_transitions: int = 70
    crawlers: int = 2
    crawler_minutes: float = 10
    crawler_dpus: int = 2

    @property
    def glue_dpu_seconds(self) -> float:
        """DPU seconds of one Glue run: a worker of type G.1X is one DPU."""
        return self.glue_minutes * 60 * self.glue_workers


ASSUMED = Assumed()
ALARMS = 13
LISTINGS_OF_A_MONTH = 4380
POLLS_OF_A_MONTH = 650_000
SERVICES = {"webserver": (0.5, 1), "daemon": (0.5, 1), "code server": (0.5, 2)}
"""vCPUs and GB of the tasks of Dagster's services; a test compares them with the templates."""
DAGSTER_ALARMS = 2
IMAGE_GB = 2.5
"""Five images, which share most of their layers or not."""
RUN_MINUTES = 6
"""A run of a small batch with Glue, with the start of its task."""


def dpus(seconds: float) -> float:
    """Dollars for DPU seconds of Glue jobs or crawlers."""
    return seconds / 3600 * DPU_HOUR


def lambdas(gb_seconds: float) -> float:
    return gb_seconds * LAMBDA_GB_SECOND


def transitions(number: float) -> float:
    return number * TRANSITION


def athena(queries: int, scanned_bytes: float = 0) -> float:
    """Dollars for queries. Athena bills the scanned bytes of each query, and at least 10 MB; `scanned_bytes`: those in
    excess of the 10 MB.
    """
    return (queries * ATHENA_LEAST_BYTES + scanned_bytes) / 1e12 * ATHENA_TB


def idle_month() -> dict[str, float]:
    """Dollars per month of an idle deployment, by item."""
    return {
        "key": KEY_MONTH,
        "alarms": ALARMS * ALARM_MONTH,
        "metric `OldestFileWaiting`": METRIC_MONTH,
        "listing the bucket every 10 min": LISTINGS_OF_A_MONTH * (lambdas(1.73) + 3 * S3_LISTING),
        "Lambda polling the queue": POLLS_OF_A_MONTH / 1e6 * SQS_MILLION,
    }


def fargate(vcpus: float, gb: float, hours: float, disk_gb: float = 0) -> float:
    """Dollars for a task of Fargate. 20 GB of its disk are free."""
    disk = max(disk_gb - FARGATE_FREE_DISK_GB, 0) * FARGATE_DISK_GB_HOUR
    return (vcpus * FARGATE_VCPU_HOUR + gb * FARGATE_GB_HOUR + disk) * hours


def dagster_month(chosen: OnEcs) -> dict[str, float]:
    """Dollars per month of an idle Dagster on ECS, by item."""
    month = HOURS_OF_A_MONTH
    small = chosen.dagster == "small"
    tasks = 1 if small else len(SERVICES)
    own_size = fargate(chosen.dagster_cpu / 1024, chosen.dagster_memory_mb / 1024, month, chosen.dagster_disk_gb)
    costs = {
        "tasks": own_size if small else sum(fargate(vcpus, gb, month) for vcpus, gb in SERVICES.values()),
        "database": DATABASE_HOUR * month + DATABASE_GB * DATABASE_GB_MONTH,
        "password, alarms, image": SECRET_MONTH + DAGSTER_ALARMS * ALARM_MONTH + METRIC_MONTH + IMAGE_GB * ECR_GB_MONTH,
    }
    if chosen.network == "public":
        costs["public addresses"] = tasks * PUBLIC_ADDRESS_HOUR * month
    elif not chosen.subnets:
        costs["NAT gateway"] = (NAT_HOUR + PUBLIC_ADDRESS_HOUR) * month
    if not small:
        costs["name of the code server"] = ZONE_MONTH
    if chosen.ui != "private":
        costs["load balancer"] = (BALANCER_HOUR + 2 * PUBLIC_ADDRESS_HOUR) * month
    return costs


def dagster_batch(chosen: OnEcs) -> float:
    """Dollars for the task of a run. With `small` there is none."""
    if chosen.dagster == "small":
        return 0
    hours = RUN_MINUTES / 60
    return fargate(chosen.dagster_cpu / 1024, chosen.dagster_memory_mb / 1024, hours, chosen.dagster_disk_gb)


def dagster_in_words(chosen: OnEcs) -> str:
    """What Dagster on ECS costs, as a sentence for whoever is asked to deploy it."""
    month, run = sum(dagster_month(chosen).values()), dagster_batch(chosen)
    of_a_run = f"and ${run:.3f} for the task of each run" if run else "and nothing more for a run"
    return (
        f"Dagster on ECS ({chosen.dagster}) costs about ${month:.0f} a month, idle or not, {of_a_run}. Glue and Athena"
        " are extra (docs/costs.md)."
    )


def batch(engine: str, assumed: Assumed = ASSUMED) -> dict[str, float]:
    """Dollars per batch of the state machine, by item. `engine`: glue or embedded."""
    a = assumed
    loads = (
        {"Glue runs": dpus(a.datasets * a.glue_dpu_seconds)}
        if engine == "glue"
        else {"the load's Lambda": lambdas(a.datasets * a.load_seconds * a.load_gb)}
    )
    return loads | {
        "other Lambdas": lambdas(a.other_lambdas * a.other_seconds * a.other_gb),
        "steps of the state machine": transitions(a.transitions),
        "Athena's checks": athena(a.datasets),
    }


def crawls(assumed: Assumed = ASSUMED) -> float:
    """Dollars for one run of both crawlers."""
    return dpus(assumed.crawlers * assumed.crawler_minutes * 60 * assumed.crawler_dpus)
