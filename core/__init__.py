"""The scheduler's own language: tasks, executions, schedules, and what may be done with them.

Nothing here knows Prefect, MongoDB, Redis or HTTP; the standard library and croniter are all it imports.
"""
