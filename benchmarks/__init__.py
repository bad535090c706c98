"""Side-by-side measurements: what the lakehouse costs next to the same work without it. `make bench` runs all of them;
results/ keeps the last ones.
"""
