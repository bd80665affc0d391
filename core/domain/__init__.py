"""Values and rules: what a task, an execution and a schedule are. No input or output."""
