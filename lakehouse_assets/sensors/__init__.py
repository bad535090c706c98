"""Sensors: start batches when files land, publish alerts, and record the state machine's batches."""
