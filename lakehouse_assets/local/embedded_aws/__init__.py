"""The embedded AWS: ministack, an AWS emulator in one process, with the gaps filled that this project would fall into.

It runs as a process of its own (`python -m lakehouse_assets.local.embedded_aws FOLDER`), started by `lakehouse_assets.local.process`.
Each gap has its own file and its own contract test; `seams.py` says how they are let in. Nothing here is imported by any other room.
"""
