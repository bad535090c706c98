"""The state machine's definition, and the parts of Amazon States Language (ASL) that it uses."""
