"""The load of one dataset: the plan that validates its rows, the order of its steps, and the engines that run them.
Does not import dagster.
"""
