"""The world outside: one folder for each thing in it. Each implements ports of core and translates its errors."""
