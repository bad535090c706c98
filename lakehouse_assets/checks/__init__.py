"""Asset checks: what Athena says of the tables after each load."""
