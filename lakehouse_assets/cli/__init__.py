"""The command line, `lakehouse`. It runs the same Dagster job as the UI and the sensor, and its runs are listed in the
UI.
"""
