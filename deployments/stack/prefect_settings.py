"""Every Prefect setting in which we differ from Prefect's default, with the reason. Data only.

They are defaults, not orders: a variable that the user's environment sets wins. Those who bring a Prefect server of
their own give it `server_settings` (docs/operations.md lists them). Source of names and defaults: Prefect 3.8.8,
`prefect/settings/models`.
"""

from __future__ import annotations

from datetime import timedelta

from falcon_scheduler.adapters.settings import SchedulerSettings

_LONGEST_GAP = "P3300D"
"""Nine years, as ISO 8601: the rarest date of a schedule, 29 February, may be eight years away."""

_LONGER_THAN_OURS = timedelta(days=1)
_SHORTEST_FLOW_RUN_RETENTION_SECONDS = 3601  # Prefect refuses an hour and less


def shared_settings() -> dict[str, str]:
    """For every process that imports Prefect: server, facade, worker and runs."""
    return {
        # Nothing of ours calls the outside: neither the server's statistics nor the SDK's.
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # Without its server a client must say so, not start a second one on SQLite beside it.
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        # Zones come from the pinned tzdata, the same in every process and on every machine; and Prefect lists the
        # zone folders for each schedule that it checks, 30 ms on the system's, 0.2 ms so (docs/decisions/0005).
        "PYTHONTZPATH": "",
        # Output goes to files.
        "PREFECT_LOGGING_COLORS": "false",
        "PREFECT_CLI_COLORS": "false",
        # Code of ours that logs outside a run is no mistake.
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        # Server and clients come from one lock file; the check costs each run a request.
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    }


def server_settings(scheduler: SchedulerSettings) -> dict[str, str]:
    """For the Prefect server."""
    return {
        **_scheduling(),
        **_ending_runs(scheduler),
        **_retention(scheduler),
        # Enough connections for ten runs, the mirror and the UI at once; the embedded PostgreSQL allows 100.
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "10",
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW": "20",
        # A product's UI shows the product, not offers.
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }


def _scheduling() -> dict[str, str]:
    return {
        # Runs are written ahead by a loop. Default 60 s with an hour ahead: 100 runs are all that a deployment gets
        # a loop, so one that runs every second starves within a slow minute, and gets thousands of rows if that
        # bound is raised. Each 5 s, a minute ahead: 60 rows for the quickest task, a handful for others, and a
        # server that stands still for most of a minute makes nobody late.
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
        "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT60S",
        "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS": "120",
        # Default 100 days: a yearly task would show no next run for most of the year.
        "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_SCHEDULED_TIME": _LONGEST_GAP,
        # What was just created or resumed is scheduled within two seconds (default 5).
        "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "2",
        # A run that waits for its deployment's one slot asks again soon (default 30 s).
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
        # A worker that died is called offline after 3 heartbeats of 10 s, looked for each 5 s (default 90 s, 15 s).
        "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "5",
    }


def _ending_runs(scheduler: SchedulerSettings) -> dict[str, str]:
    cancelling_seconds = scheduler.cancel_grace.total_seconds() + 20
    return {
        # A run whose worker died while it was being cancelled ends soon after its grace (default 300 s).
        "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_CANCELLING_TIMEOUT_SECONDS": f"{cancelling_seconds:g}",
        # That is planned when the run begins to be cancelled. The loop besides (default 20 s) makes up for restarts,
        # and each time looks for steps of every run cancelled or skipped within a day, one by one: 2 ms each, so that
        # a thousand skips would keep a tenth of a core busy.
        "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "300",
        # The slot of a deployment's one run outlives a restart of the server: leases in files under PREFECT_HOME
        # (default: in memory, lost with the process). Their length stays: runs on slow infrastructure need it.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }


def _retention(scheduler: SchedulerSettings) -> dict[str, str]:
    keep_for = scheduler.retention + _LONGER_THAN_OURS
    flow_run_seconds = max(keep_for.total_seconds(), _SHORTEST_FLOW_RUN_RETENTION_SECONDS)
    return {
        # SCHEDULER_RETENTION decides, and our own cleanup removes the runs of our pool. Prefect's removes, a day
        # later, what ours leaves: runs in other pools. Default: only events are ever removed; runs pile up for good.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": f"{flow_run_seconds:.0f}",
    }


def log_settings() -> dict[str, str]:
    """For the worker: JSON lines with ids, as the facade writes them. Parts of Prefect's logging configuration."""
    return {
        "PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER": "json",
        "PREFECT_LOGGING_FORMATTERS_JSON_CLASS": "falcon_scheduler.flows.json_logs.RunLines",
    }


def worker_settings() -> dict[str, str]:
    """For the worker and the runs that it starts."""
    return {
        # Look for work each 2 s (default 10): a run asked for by hand starts soon.
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",
        # The shortest that Prefect allows (default 180): how soon a run that died silently can be told.
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        # The server answers 500 while its database restarts. By default that is final, and a run that was done would
        # be told as crashed; so it is tried again, like a 503.
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
    }
