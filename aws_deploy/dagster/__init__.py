"""Dagster on ECS, as a part of a deployment: its settings, its image, its stacks, and the way to its user interface."""
