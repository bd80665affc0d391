"""The `warm-process` worker. Importing this package registers the type with Prefect, and does nothing else."""

from falcon_scheduler.flows.worker.worker import WarmProcessWorker

__all__ = ["WarmProcessWorker"]
