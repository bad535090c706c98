"""The Dagster stack: Dagster itself on ECS, on Fargate. The template serves both presets: whatever differs between them
is a parameter. It holds the history of runs and no rows.
"""
