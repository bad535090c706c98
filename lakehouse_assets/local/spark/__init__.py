"""What Spark needs on a laptop and does not bring along: Java 17, and the jars of Delta Lake and S3A. `python -m
lakehouse_assets.local.spark` sets both up.

On Glue the platform has them, so nothing under etl/ imports from here. Looking for Java needs Python's standard library
alone, so that a missing Java is said before anything is downloaded.
"""
