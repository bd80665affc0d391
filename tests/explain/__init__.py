"""Injects causes into the real stack, at any moment, and asks why: `python -m tests.explain --timings 10`."""
