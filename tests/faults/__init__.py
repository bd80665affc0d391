"""Faults that are really injected: processes killed and frozen, servers stopped, wiped and cut off."""
