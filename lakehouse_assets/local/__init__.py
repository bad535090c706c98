"""What one machine needs instead of an AWS account and a Dagster deployment: a lakehouse's resources in the embedded
AWS (`bootstrap`), Dagster's home and guarded UI (`dagster_home`, `webserver`), processes that end with their starter
(`with_parent`), and Spark's Java and jars (`spark`).
"""
