"""The Glue catalog and Athena: what analysts see of the tables."""
