"""The load of one dataset: the plan that judges its rows, the steps around it, and the engines that run them. Imports
no dagster.
"""
