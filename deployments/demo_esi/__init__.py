"""A local ESI and EVE SSO over a made-up universe: for `falcon-scheduler up --demo-esi`, tests and benchmarks.

Run it with `python -m falcon_scheduler.deployments.demo_esi --port N`. It reaches nothing of EVE's and is not for
production.
"""

from falcon_scheduler.deployments.demo_esi.esi import Demo
from falcon_scheduler.deployments.demo_esi.seed import seed
from falcon_scheduler.deployments.demo_esi.server import RunningDemo, demo_server, environment
from falcon_scheduler.deployments.demo_esi.universe import Universe

__all__ = ["Demo", "RunningDemo", "Universe", "demo_server", "environment", "seed"]
