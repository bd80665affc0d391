"""Prefect as the engine that runs tasks.

With `flows` the only room that speaks of deployments, flow runs and states.
"""
