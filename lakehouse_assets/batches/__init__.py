"""The life of a batch: the lakehouse and its batches as objects, the lease, the reports."""
