"""Runs a command as another user, for PostgreSQL, which refuses to run as root. Standard library only.

    python -m falcon_scheduler.deployments.stack.unprivileged nobody /path/to/postgres -D ...

The new process keeps one of root's privileges, to enter closed folders (CAP_DAC_OVERRIDE), since checkouts and homes
of root are under /root, which other users can't enter. The alternative, opening those folders to everyone, would stay
after our end. Where the kernel or a container refuses the privilege, the command runs without it.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys

# Source: linux/prctl.h, linux/capability.h
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


def main() -> None:
    """Become the user named first, then the command that follows."""
    user, *command = sys.argv[1:]
    account = pwd.getpwnam(user)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    _keep_passing_folders(libc)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted; the command is ours


def _keep_passing_folders(libc: ctypes.CDLL) -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    wanted = 1 << _CAP_DAC_OVERRIDE
    data = (ctypes.c_uint32 * 6)(wanted, wanted, wanted, 0, 0, 0)  # effective, permitted, inheritable; low, high
    if libc.capset(header, data) == 0:
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


if __name__ == "__main__":
    main()
