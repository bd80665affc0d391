"""Controls processes by means of the operating system: groups, parents, limits and causes of death.

Linux gives all of it. Elsewhere a run still has its own group, but nothing ends it when its parent dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from functools import cache
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # Source: prctl(2)
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NAME = 15
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")  # "max" when there is none


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that all of them can be found and killed."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def name_process(name: str) -> None:
    """Show this process under a name in lists of processes. At most 15 characters."""
    _prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode()))


def _prctl(option: int, value: int | ctypes.c_char_p) -> None:
    if sys.platform == "linux":
        _of_the_system().prctl(option, value, 0, 0, 0)


@cache
def _of_the_system() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def be_first_to_go() -> None:
    """Offer this process to the kernel first when memory runs out: the run, not its worker or a database."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def limit_memory(megabytes: int) -> None:
    """Refuse this process more private memory than this: `MemoryError` in Python, an abort elsewhere."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = megabytes * 1024 * 1024
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def fair_share_mb() -> int:
    """Half of the memory of this machine, or of the container that this process runs in."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):
        memory = min(memory, int(_CONTAINER_LIMIT.read_text()))
    return max(memory // 2 // (1024 * 1024), 64)


def resident_memory_mb() -> int:
    """Memory that this process has in use, what it inherited by a fork included."""
    try:
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return resident // (1024 * 1024)


def kill_group(group: int) -> None:
    """Kill whoever is left in a process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def group_is_gone(group: int) -> bool:
    """Whether no process is left in a group, not even one that waits to be reaped."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def children() -> set[int]:
    """The processes whose parent this single-threaded process is."""
    listing = Path(f"/proc/self/task/{os.getpid()}/children")
    try:
        return {int(pid) for pid in listing.read_text().split()}
    except OSError:
        return set()


def describe_exit(status: int) -> str:
    """How a process ended, from its wait status, as text for people."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        text = f"was killed by signal {number} ({_signal_name(number)})"
        return text + _likely_cause(number)
    return f"exited with code {os.waitstatus_to_exitcode(status)} before the run had ended"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unnamed"


def _likely_cause(number: int) -> str:
    causes = {
        signal.SIGKILL: ": out of memory, or killed from outside",
        signal.SIGSEGV: ": a fault in native code",
        signal.SIGABRT: ": native code gave up",
        signal.SIGBUS: ": a fault in native code",
        signal.SIGTERM: ": ended from outside",
    }
    return next((cause for known, cause in causes.items() if known == number), "")
