"""The entry point of the Glue jobs: loads one dataset of a batch with the Spark engine.

Dagster starts it through Pipes; Step Functions and `spark-submit` start it without. Everything that it needs is in its
arguments; arguments that Glue adds are ignored. The load writes its result to the bucket; if Dagster started the run,
the result is reported to it as well. A failure is raised unchanged, because Glue shows its class and message as the
run's error.

The run writes only while its batch is open: it can outlive a Dagster that is killed. With --execution it is a step of a
state machine's execution, and writes only while the execution holds the lease. With --step it runs another step of a
batch, without Spark, if the deployment uses Glue for that step.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from dagster_pipes import (
    PipesCliArgsParamsLoader,
    PipesContext,
    PipesS3ContextLoader,
    PipesS3MessageWriter,
    open_dagster_pipes,
)
from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from lakehouse_assets.aws.client import Aws, failures_named
from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.glue.arguments import ARCHIVE, CONTRACT, CONVERT, LOAD, OF_SETTINGS, STEPS, flag
from lakehouse_assets.landing.model import Manifest
from lakehouse_assets.landing.store import Store
from lakehouse_assets.landing.stored_manifest import from_json
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from lakehouse_assets.etl.engines.base import LoadResult

SECONDS_BETWEEN_MESSAGES = 5.0


def main(given: Sequence[str]) -> None:
    """Runs the job with these arguments. Raises the load's errors: BadData, BadConfiguration or TemporaryOutage."""
    # Dagster first, so that it gets any failure of what follows, and Spark's output.
    with _dagster() as dagster, tempfile.TemporaryDirectory(prefix="lakehouse-") as folder:
        asked = _read(given)
        lakehouse = _lakehouse(asked, Path(folder))
        if asked.execution:
            lakehouse.take_lease(print)
        if asked.step != LOAD:
            _do(lakehouse, asked)
            return
        batch = Batch(lakehouse, _read_manifest(lakehouse, asked.manifest))
        files = batch.manifest.to_load(asked.dataset)
        size = sum(file.size for file in files)
        print(f"{asked.dataset}: batch {batch.id} has {len(files)} files of {size:,} bytes", flush=True)
        with _spark() as session:
            load_result = _load(batch, asked.dataset, session)
            print(f"{asked.dataset}: {load_result.counts}, healed: {load_result.healed}", flush=True)
            if dagster is not None and dagster.is_asset_step:
                _report(dagster, lakehouse, asked.dataset, batch.id, session)


class _Settings(Settings):
    """Settings from the arguments alone, without the machine's environment."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls
        return (init_settings,)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadConfiguration(
            f"The job's arguments cannot be used: {message}. Correct the job's definition, or what starts it."
        )


def _read(given: Sequence[str]) -> argparse.Namespace:
    # No abbreviations: one of Glue's own arguments must not be read as an abbreviation of one of these.
    parser = _Parser(allow_abbrev=False)
    parser.add_argument("--step", choices=STEPS, default=LOAD)
    step = parser.parse_known_args(given)[0].step
    needed = {LOAD: ("dataset", "manifest"), CONVERT: (), ARCHIVE: ("batch",)}[step]
    for name in (*needed, "contracts", "bucket"):
        parser.add_argument(flag(name), required=True)
    for name in ("execution", *OF_SETTINGS[1:]):
        parser.add_argument(flag(name))
    return parser.parse_known_args(given)[0]


def _do(lakehouse: Lakehouse, asked: argparse.Namespace) -> None:
    if asked.step == CONVERT:
        print(f"{len(lakehouse.convert())} uploads were converted", flush=True)
    else:
        print(f"{len(lakehouse.batch(asked.batch).archive())} files were archived", flush=True)


def _lakehouse(asked: argparse.Namespace, home: Path) -> Lakehouse:
    aws = Aws()
    with failures_named("Reading the contracts"):
        _download_folder(aws, asked.contracts, home / "contracts")
    named = {name: value for name in OF_SETTINGS if (value := getattr(asked, name)) is not None}
    try:
        settings = _Settings(home=home, aws="account", contracts=home / "contracts", **named)
    except ValidationError as error:
        raise BadConfiguration(f"The job's arguments cannot be used: {error}") from None
    lakehouse = Lakehouse(settings, aws, execution=asked.execution)
    if asked.step == LOAD and asked.dataset not in lakehouse.contracts:
        raise BadConfiguration(
            f"There is no contract of {asked.dataset}, only of {', '.join(lakehouse.contracts)}. Correct --dataset."
        )
    return lakehouse


def _download_folder(aws: Aws, location: str, folder: Path) -> None:
    bucket, prefix = _bucket_and_key(location)
    store = Store(aws.client("s3"), bucket)
    folder.mkdir()
    for key in store.keys(prefix):
        if key.endswith(CONTRACT):
            (folder / key.removeprefix(prefix)).write_bytes(store.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    if not any(folder.iterdir()):
        raise BadConfiguration(f"There are no contracts at {location}. Deploy them again, or correct --contracts.")


def _read_manifest(lakehouse: Lakehouse, location: str) -> Manifest:
    bucket, key = _bucket_and_key(location)
    with failures_named("Reading the manifest"):
        found = Store(lakehouse.aws.client("s3"), bucket).get_json(key)
    if found is None:
        raise BadConfiguration(
            f"There is no manifest at {location}. Correct --manifest, or restore it from its older version."
        )
    return from_json(found, lakehouse.settings.bucket)


def _load(batch: Batch, dataset: str, session: SparkSession) -> LoadResult:
    from lakehouse_assets.etl.engines.spark import SparkEngine

    engine = SparkEngine(lambda: session, batch.connections.aws.environment)
    return batch.load_with(engine, dataset, batch.confirm_under_way)


def _bucket_and_key(location: str) -> tuple[str, str]:
    if not location.startswith("s3://"):
        raise BadConfiguration(f"{location} is not an S3 location: it must begin with s3://.")
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key


@contextmanager
def _spark() -> Iterator[SparkSession]:
    from lakehouse_assets.etl.engines.spark.session import spark_session

    session = spark_session()
    try:
        yield session
    finally:
        session.stop()


@contextmanager
def _dagster() -> Iterator[PipesContext | None]:
    """Dagster, if it started this run; otherwise None. It gets the output, what was loaded, and a failure."""
    parameters = PipesCliArgsParamsLoader()  # type: ignore[no-untyped-call]
    if not parameters.is_dagster_pipes_process():
        yield None
        return
    s3 = Aws().client("s3")
    writer = PipesS3MessageWriter(s3, interval=SECONDS_BETWEEN_MESSAGES)
    with open_dagster_pipes(
        context_loader=PipesS3ContextLoader(s3), message_writer=writer, params_loader=parameters
    ) as pipes:
        yield pipes


def _report(dagster: PipesContext, lakehouse: Lakehouse, dataset: str, batch_id: str, session: SparkSession) -> None:
    """Reports the numbers of rows of the two tables to Dagster. Delta Lake answers from its log, without
    reading files.
    """
    for group, location in (
        ("lakehouse", lakehouse.tables.table(dataset)),
        ("rejected", lakehouse.tables.rejects(dataset)),
    ):
        rows = session.read.format("delta").load(location).count()
        dagster.report_asset_materialization(
            asset_key=f"{group}/{dataset}", metadata={"batch_id": batch_id, "dagster/row_count": rows}
        )


if __name__ == "__main__":
    main(sys.argv[1:])
