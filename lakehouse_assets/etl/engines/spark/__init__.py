"""The Spark engine: runs the same plan on one machine or on a cluster. Importing this package does not need Spark;
opening a load does.
"""

from lakehouse_assets.etl.engines.spark.engine import SparkEngine

__all__ = ["SparkEngine"]
