"""Asset checks by Athena after each load."""
