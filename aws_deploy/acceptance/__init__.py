"""`make acceptance`: tests whether everything works in an AWS account. It deploys under names of its own, loads one
small batch by each path, writes a report, and removes everything again.
"""
