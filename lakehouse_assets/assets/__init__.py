"""The assets of one batch, from uploads to the load report. They only call the steps of batches/, and describe the
results for Dagster's UI.
"""
