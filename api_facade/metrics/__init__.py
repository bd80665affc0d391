"""What Prometheus is told at `/metrics`: instruments, what fills them, and the route. See docs/metrics.md."""
