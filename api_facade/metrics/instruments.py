"""Every metric of this process, in its own registry. Names, labels and meanings: docs/metrics.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from falcon_scheduler import __version__
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.services.status import ServiceStatus

_PREFIX = "falcon_scheduler"
_DURATIONS = (0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600)
_LATENESS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300)
_REQUESTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """Filled in the background and by requests, so that a scrape sends no requests itself."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a third of the series, and unused
        self._registry = CollectorRegistry(auto_describe=True)
        self._executions = self._counter("executions", "Ended executions.", "type", "outcome", "trigger")
        self._durations = self._histogram("execution_duration_seconds", "From start to end.", _DURATIONS, "type")
        self._lateness = self._histogram(
            "start_lateness_seconds", "From the scheduled instant to the start.", _LATENESS, "type"
        )
        self._skips = self._gauge("skips", "Runs left out by the overlap rule, of the tasks that there are.", "type")
        self._tasks = self._gauge("tasks", "Tasks.", "state")
        self._active = self._gauge("active_executions", "Executions at work.")
        self._queued = self._gauge("queued_executions", "Executions that wait.")
        self._slots = self._gauge("worker_slots", "Executions that the live workers take at once.")
        self._up = self._gauge("component_up", "Whether a component answers.", "component")
        self._latency = self._gauge("component_latency_seconds", "How long its answer took.", "component")
        self._lag = self._gauge("mirror_lag_seconds", "Age of what the mirror's sweep has seen.")
        self._leading = self._gauge("mirror_leading", "Whether this process holds the mirror's lease.")
        self._gathered = self._gauge("gathered_timestamp_seconds", "When the gauges were last filled.")
        self._requests = self._histogram(
            "http_request_duration_seconds", "Requests to the API.", _REQUESTS, "method", "route", "status"
        )
        self._gauge("info", "The version.", "version").labels(__version__).set(1)

    def text(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self._registry)

    async def observe(self, ended: Sequence[tuple[Task, Execution]]) -> None:
        """Count ends. See `core.services.mirror.outcomes`."""
        for task, execution in ended:
            kind = task.definition.type
            self._executions.labels(kind, _outcome(execution), execution.trigger).inc()
            if execution.duration is not None:
                self._durations.labels(kind).observe(execution.duration.total_seconds())
            if execution.trigger is Trigger.SCHEDULE and execution.scheduled_for is not None:
                late = execution.started_at - execution.scheduled_for
                self._lateness.labels(kind).observe(max(late.total_seconds(), 0))

    def show_status(self, status: ServiceStatus) -> None:
        """Components, and the numbers if they are available."""
        for component in status.components:
            self._up.labels(component.name).set(component.healthy)
            self._latency.labels(component.name).set(component.latency.total_seconds())
        if stats := status.stats:
            self._tasks.labels("enabled").set(stats.enabled_tasks)
            self._tasks.labels("disabled").set(stats.total_tasks - stats.enabled_tasks)
            self._active.set(stats.active_executions)
            self._queued.set(stats.queue_size)
            self._slots.set(stats.worker_count)

    def show_skips(self, skips: Mapping[str, int]) -> None:
        """By task type."""
        for kind, count in skips.items():
            self._skips.labels(kind).set(count)

    def show_mirror(self, seen_until: datetime | None, now: datetime) -> None:
        """The instant up to which the mirror has seen everything."""
        if seen_until is not None:
            self._lag.set(max((now - seen_until).total_seconds(), 0))

    def show_leading(self, is_leading: bool) -> None:
        """Whether this process holds the mirror's lease."""
        self._leading.set(is_leading)

    def show_gathered(self, now: datetime) -> None:
        """The gauges were filled at this instant."""
        self._gathered.set(now.timestamp())

    def note_request(self, method: str, route: str, status: int, took: timedelta) -> None:
        """A request was answered; `route` is its template, so that ids do not create series."""
        self._requests.labels(method, route, str(status)).observe(took.total_seconds())

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{_PREFIX}_{name}", text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"{_PREFIX}_{name}", text, labels, buckets=buckets, registry=self._registry)


def _outcome(execution: Execution) -> str:
    if execution.is_cancelled:
        return "cancelled"
    return "completed" if execution.status is ExecutionStatus.COMPLETED else "failed"
