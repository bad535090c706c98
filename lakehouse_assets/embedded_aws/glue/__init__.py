"""Glue's crawlers and jobs."""
