"""The lakehouse's AWS Glue jobs: the code that they run, their definition, and their runs. Uses only boto3; Dagster's
side is in resources/.
"""
