"""Values and rules of the EVE tasks: no input or output."""
