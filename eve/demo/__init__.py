"""A local ESI and EVE SSO over a made-up universe: for `falcon-scheduler up --demo-esi`, tests and benchmarks.

Run it with `python -m falcon_scheduler.eve.demo --port N`. It reaches nothing of EVE's and is not for
production.
"""

from falcon_scheduler.eve.demo.esi import Demo
from falcon_scheduler.eve.demo.seed import seed
from falcon_scheduler.eve.demo.server import RunningDemo, demo_server, environment
from falcon_scheduler.eve.demo.universe import Universe

__all__ = ["Demo", "RunningDemo", "Universe", "demo_server", "environment", "seed"]
