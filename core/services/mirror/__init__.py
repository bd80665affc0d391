"""Keeping MongoDB and the engine equal, and writing what runs could not write themselves."""
