"""Benchmarks that compare the lakehouse with the same work without it. `make bench` runs all of them; results/ has the
latest figures.
"""
