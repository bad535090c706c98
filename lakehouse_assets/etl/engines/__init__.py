"""What an engine is (`base`) and the engines. Each is small, because the plan does the judging."""
