"""The state that survives a restart, and its repair after a crash."""
