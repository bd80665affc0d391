"""What `falcon-scheduler up` prints when the stack is ready: addresses, a first token, and what to try."""

from __future__ import annotations

import shlex

from falcon_scheduler.deployments.stack.foreground import Ready


def welcome(ready: Ready, sign_in_link: str, token: str, valid_for: str, *, program: str) -> str:
    """The text.

    Args:
        ready: the stack.
        sign_in_link: signs a browser in to the operations page, once.
        token: a super-admin token, valid for `valid_for`.
        valid_for: a length of time, for people.
        program: how the command line was called, quoted for a shell.
    """
    lines = [
        "",
        f"Falcon Scheduler is ready ({ready.took.total_seconds():.1f} s)",
        "",
        "Open this link to sign in to the operations page; it works once and for an hour:",
        "",
        f"  {sign_in_link}",
        "",
        f"  API          {ready.api_url}",
        f"  API docs     {ready.api_url}/docs",
    ]
    if ready.prefect_ui_url:
        lines.append(f"  Prefect UI   {ready.prefect_ui_url}")
    if ready.prefect_password:
        lines.append(f"  its password {ready.prefect_password}")
    if ready.prefect_login_link:
        lines.append(f"  log in by    {ready.prefect_login_link}")
    lines.append(f"  Data, logs   {ready.home}")
    if ready.prefect_ui_url:
        command = f"{program} env --home {shlex.quote(str(ready.home))}"
        lines += ["", "For the prefect command, in a second terminal:", "", f'  eval "$({command})"']
    lines += [
        "",
        f"A super-admin token, valid for {valid_for}; for another one:",
        f"{program} token --super-admin --home {shlex.quote(str(ready.home))}",
        "",
        f"  export TOKEN={token}",
        "",
        "Then, for a start:",
        "",
        f'  curl -H "Authorization: Bearer $TOKEN" {ready.api_url}/tasks',
        "",
        "Ctrl-C stops everything.",
    ]
    return "\n".join(lines)
