"""What Spark needs on a laptop besides pyspark: Java 17, and the jars of Delta Lake and S3A. `python -m
lakehouse_assets.local.spark` sets both up.

Glue provides them, so nothing under etl/ imports this package. The search for Java needs only Python's standard
library, so a missing Java is reported before anything is downloaded.
"""
