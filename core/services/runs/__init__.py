"""Asking for runs, performing one, and counting how it ended."""
