"""The four tasks that talk to EVE Online: `eve_tasks` runs them, `parameter_models` checks what they are told."""

from falcon_scheduler.eve.tasks.parameters import parameter_models
from falcon_scheduler.eve.tasks.tasks import eve_tasks

__all__ = ["eve_tasks", "parameter_models"]
