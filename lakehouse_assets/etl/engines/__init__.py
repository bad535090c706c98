"""The interface of an engine (`base`) and the engines. Each engine is small, because the plan validates the rows."""
