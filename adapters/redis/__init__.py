"""Redis: task locks, named leases and the wake-up of workers. Nothing here outlives a lost Redis, by design."""
