"""The embedded engine: DuckDB validates the rows, delta-rs reads and writes the tables, in this process and without a
JVM.
"""

from lakehouse_assets.etl.engines.embedded.engine import EmbeddedEngine

__all__ = ["EmbeddedEngine"]
