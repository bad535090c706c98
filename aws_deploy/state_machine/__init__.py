"""The state machine: its definition, and the words of the Amazon States Language that it uses."""
