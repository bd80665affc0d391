"""The four tasks that talk to EVE Online: `eve_tasks` runs them, `parameter_models` checks what they are told."""

from falcon_scheduler.flows.system.eve.parameters import parameter_models
from falcon_scheduler.flows.system.eve.tasks import eve_tasks

__all__ = ["eve_tasks", "parameter_models"]
