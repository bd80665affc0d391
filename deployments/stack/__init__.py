"""The local stack: every server that the product needs, embedded, started and supervised on one machine.

`falcon-scheduler up` is `deployments.stack.foreground`. Tests and tools start the parts that they need:

    from falcon_scheduler.deployments.stack.embedded import EmbeddedStack

    async with EmbeddedStack(home, parts={"postgres", "valkey", "mongo", "prefect"}) as stack:
        os.environ.update(stack.environment)   # MONGODB_URI, REDIS_*, PREFECT_API_URL, PREFECT_*, SCHEDULER_HOME, ...

Parts: postgres, valkey, mongo, prefect, facade, worker, and the demos of plug-ins such as demo-esi. Each starts when
those it needs are ready, as parallel as that allows, listens on loopback only, and is restarted when it dies. Leaving
the block stops them in reverse order. If the process dies without leaving it, a guardian process stops them. Data
stays in `home`, so a second stack there finds it; `home` may be a temporary folder. One stack a home: a second one
raises `HomeInUse`.

`stack.stop_part("prefect")`, `stack.start_part("prefect")` and `stack.pid("mongo")` are for tests of faults.

This file imports nothing, because the stack's guardian process must stay small.
"""
