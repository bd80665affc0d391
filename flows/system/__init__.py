"""The scheduler's own system tasks, which keep house. Source: scheduler API, "System Tasks (Hardcoded)"."""
