"""The scheduler's own language: tasks, executions, schedules, and what may be done with them.

Independent of Prefect, MongoDB, Redis and HTTP; imports only the standard library and croniter.
"""
