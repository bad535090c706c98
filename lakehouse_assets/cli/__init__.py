"""The command line, `lakehouse`. It drives the same Dagster job as the UI and the sensor; what it ran is there in the
UI afterwards.
"""
