"""All definitions of the Dagster code location. Loading them reads only the settings and the contracts."""

import dagster as dg

from lakehouse_assets.assets.catalog import catalog_asset, report_asset
from lakehouse_assets.assets.code_references import with_code_references
from lakehouse_assets.assets.landing import archive_asset, landing_assets
from lakehouse_assets.assets.tables import table_assets
from lakehouse_assets.checks.athena import athena_checks
from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.jobs import load_batch
from lakehouse_assets.resources.io_manager import io_manager_for
from lakehouse_assets.resources.lakehouse import LakehouseResource
from lakehouse_assets.schedules import maintain_tables, maintenance
from lakehouse_assets.sensors.alerts import alerts_sensor
from lakehouse_assets.sensors.landing import landing_sensor
from lakehouse_assets.sensors.state_machine_batches import state_machine_sensor
from lakehouse_assets.settings import read_settings

settings = read_settings()
contracts = read_contracts(settings.contracts)

defs = dg.Definitions(
    assets=with_code_references(
        [
            *landing_assets(contracts, settings),
            *table_assets(contracts, settings),
            archive_asset(contracts, settings),
            catalog_asset(contracts, settings),
            report_asset(contracts, settings),
        ]
    ),
    asset_checks=[athena_checks(contracts)],
    jobs=[load_batch, maintain_tables],
    schedules=[maintenance],
    sensors=[landing_sensor(settings), alerts_sensor(settings), state_machine_sensor(settings)],
    resources={"lakehouse": LakehouseResource(), "io_manager": io_manager_for(settings)},
    executor=dg.in_process_executor,  # DuckDB uses all cores; a process for each step would take seconds to start
)
