"""Redis: task locks, named leases and the wake-up of workers. By design everything here can be lost at any time."""
