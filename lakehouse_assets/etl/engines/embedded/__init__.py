"""The embedded engine: DuckDB judges, delta-rs reads and writes the tables; in process, without a JVM."""

from lakehouse_assets.etl.engines.embedded.engine import EmbeddedEngine

__all__ = ["EmbeddedEngine"]
