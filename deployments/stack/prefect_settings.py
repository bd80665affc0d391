"""Every Prefect setting that differs from Prefect's default, with the reason. Data only.

They are defaults: a variable of the user's environment has precedence. Those who run their own Prefect server give it
`server_settings` (docs/operations.md lists them). Source of names and defaults: Prefect 3.8.8,
`prefect/settings/models`.
"""

from __future__ import annotations

from datetime import timedelta

from falcon_scheduler.adapters.settings import SchedulerSettings

_LONGEST_GAP = "P4500D"
"""Twelve years and a bit, as ISO 8601: the next three dates of the rarest schedule, 29 February. A schedule with
fewer than three planned runs is planned anew in every loop, at 8 ms of processor time each."""

_LONGER_THAN_OURS = timedelta(days=1)
_SHORTEST_FLOW_RUN_RETENTION_SECONDS = 3601  # Prefect refuses an hour and less


def shared_settings() -> dict[str, str]:
    """For every process that imports Prefect: server, facade, worker and runs."""
    return {
        # The product sends nothing to the outside: neither the server's statistics nor the SDK's.
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # A client without its server must fail, not start a second server on SQLite beside it.
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        # Zones come from the pinned tzdata, so they are the same in every process and on every machine. Prefect lists
        # the zone folders for each schedule that it checks: 30 ms with the system's, 0.2 ms with it
        # (docs/decisions/0005).
        "PYTHONTZPATH": "",
        # Output goes to files.
        "PREFECT_LOGGING_COLORS": "false",
        "PREFECT_CLI_COLORS": "false",
        # Our code logs outside of runs too; Prefect warns of that by default.
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
        # Server and clients are from one lock file, so the version check would cost each run a request for nothing.
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
        # A loop writes runs ahead. With the default (each 60 s, an hour ahead) a deployment gets at most 100 runs a
        # loop: a task that fires each second starves in a slow minute, or gets thousands of rows if that bound is
        # raised. With 5 s and a minute ahead the quickest task has 60 rows, others a few, and a server that hangs for
        # most of a minute makes no run late.
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
        "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT60S",
        "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS": "120",
        # Default 100 days: a yearly task would show no next run for most of the year.
        "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_SCHEDULED_TIME": _LONGEST_GAP,
        # A new or resumed deployment is scheduled within two seconds (default 5).
        "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "2",
        # A run that waits for its deployment's one slot tries again soon (default 30 s).
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
        # A dead worker counts as offline after 3 heartbeats of 10 s, checked each 5 s (default 90 s, 15 s).
        "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "5",
        # A deployment is shown as Not Ready after a day without a worker (default 60 s), its queue and pool after
        # 60 s. Each change back sends an event, for 60 ms of processor time: a restart would cost 10,000 deployments
        # ten minutes of a busy server.
        "PREFECT_SERVER_SERVICES_FOREMAN_DEPLOYMENT_LAST_POLLED_TIMEOUT_SECONDS": "86400",
    }


def _ending_runs(scheduler: SchedulerSettings) -> dict[str, str]:
    cancelling_seconds = scheduler.cancel_grace.total_seconds() + 20
    return {
        # A run whose worker died during its cancellation ends soon after its grace (default 300 s).
        "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_CANCELLING_TIMEOUT_SECONDS": f"{cancelling_seconds:g}",
        # A timer of the cancellation does that. The additional loop (default 20 s) makes up for restarts. It reads
        # the steps of every run that was cancelled or skipped within a day, one by one, 2 ms each: a thousand skips
        # would keep a tenth of a core busy.
        "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "300",
        # Leases of a deployment's only slot are stored in files under PREFECT_HOME, so that they survive a restart of
        # the server (default: in memory; a lost slot let two runs of a deployment start, see PrefectHQ/prefect 19840
        # for the same effect). Their length stays: runs on slow infrastructure need it.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    }


def _retention(scheduler: SchedulerSettings) -> dict[str, str]:
    keep_for = scheduler.retention + _LONGER_THAN_OURS
    flow_run_seconds = max(keep_for.total_seconds(), _SHORTEST_FLOW_RUN_RETENTION_SECONDS)
    return {
        # SCHEDULER_RETENTION decides, and our own cleanup removes the runs of our pool. Prefect's removes, a day
        # later, the others: runs in other pools. By default Prefect removes events only, and runs pile up.
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
        # Poll each 2 s (default 10): a run that a user requests starts soon.
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",
        # The shortest that Prefect allows (default 180): it bounds how soon the end of a killed run is noticed.
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        # The server answers 500 while its database restarts. By default the client gives up then, and a completed run
        # is reported as crashed. So a 500 is retried, like a 503.
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
    }
