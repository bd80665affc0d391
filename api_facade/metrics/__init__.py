"""The metrics at `/metrics`: instruments, the code that fills them, and the route. See docs/metrics.md."""
