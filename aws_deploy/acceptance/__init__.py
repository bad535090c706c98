"""`make acceptance`: does everything work in an account? One small batch by each path, under names of its own, with a
report; then all of it is removed.
"""
