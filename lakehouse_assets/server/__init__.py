"""Dagster on one server, with its runs and events in PostgreSQL: the webserver, the daemon and the code server are
separate processes, in containers (`compose.yaml`) or as systemd units (`systemd/`). Each has the same `dagster.yaml`,
`workspace.yaml` and environment. The runs are processes of the code server.
"""
