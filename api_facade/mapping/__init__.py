"""Converts between the domain and the wire. Quirks of the documented API are here only."""
