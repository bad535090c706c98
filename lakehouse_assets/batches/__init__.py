"""The life of a batch: the lakehouse as one object, its lease, its reports."""
