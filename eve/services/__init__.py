"""The work of the EVE tasks, over the ports."""
