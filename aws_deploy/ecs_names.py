"""Names of Dagster's services and containers on ECS."""

WEBSERVER, DAEMON, CODE, RUN = "webserver", "daemon", "code", "run"
ALL = "dagster"
"""The one service of the small variant."""
HEARTBEAT = "Sensor alerts skipped"
"""What Dagster's daemon logs after each evaluation of the sensor `alerts`, which is always on. It needs the daemon, the
code server, the database and the topic; a test with a real daemon compares.
"""
UI_PORT, CODE_PORT, DATABASE_PORT = 3000, 4000, 5432
IMAGE_STACK, DAGSTER_STACK = "Image", "Dagster"
"""Names for the synthesis only: the deployed stacks begin with the preset's."""
