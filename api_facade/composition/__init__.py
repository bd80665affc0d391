"""Joins settings, adapters and services to a facade. `root` is where to begin to read."""
