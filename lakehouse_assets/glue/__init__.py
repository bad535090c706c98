"""AWS Glue as the lakehouse uses it: the code that its jobs run, the jobs' definition, and their runs. boto3 only;
Dagster comes in in resources/.
"""
