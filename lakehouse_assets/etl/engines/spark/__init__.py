"""The Spark engine: the same plan on as many machines as it needs. Importing it needs no Spark; opening a load does."""

from lakehouse_assets.etl.engines.spark.engine import SparkEngine

__all__ = ["SparkEngine"]
