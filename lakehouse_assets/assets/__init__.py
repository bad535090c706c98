"""The assets: one batch from uploads to the load report. Thin: each function reads like a sentence about landing/, etl/
and catalog/.
"""
