"""Which job variables a worker accepts. None may decide which code a run executes or which servers it trusts.

Job variables are data that anybody may set who can start a run in Prefect, by hand or by an automation. The code of a
run is its deployment's, whose author deployed it for this pool. So no job variable replaces that code by a command,
makes the process load other code, or leads it to other servers, unless the worker's owner allows it with
`SCHEDULER_ALLOW_COMMAND`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from falcon_scheduler.adapters.settings.names import known_names
from falcon_scheduler.flows.worker.job_configuration import WarmJobConfiguration

SETTING = "SCHEDULER_ALLOW_COMMAND"

_LOADS_CODE = re.compile(
    r"(LD|DYLD|PIP|UV)_\w*|PYTHON\w*|PERL5\w*|RUBY(OPT|LIB)|NODE_(OPTIONS|PATH)|\w*JAVA_(TOOL_)?OPTIONS"
    r"|BASH_(ENV|FUNC\w*)|GIT_(SSH\w*|EXEC_PATH|CONFIG\w*|EDITOR|PAGER|ASKPASS|PROXY_COMMAND|EXTERNAL_DIFF|\w*DIR)"
    r"|PATH|ENV|SHELL|IFS|EDITOR|VISUAL|PAGER|VIRTUAL_ENV|CONDA_PREFIX|GCONV_PATH|HOME|XDG_CONFIG_\w+"
)
_LEADS_ELSEWHERE = re.compile(r"\w*_PROXY|(SSL|REQUESTS|CURL)_\w*(CERT\w*|BUNDLE)|SSLKEYLOGFILE")
_OURS = re.compile(r"SCHEDULER_\w*|FALCON_STACK_\w*")
_HARMLESS_OF_PREFECT = re.compile(
    r"PREFECT_(DEBUG_MODE|LOGGING_(LEVEL|LOG_PRINTS|EXTRA_LOGGERS|COLORS|TO_API_\w+)|RESULTS_PERSIST_BY_DEFAULT"
    r"|(FLOWS?|TASKS?)_DEFAULT_RETR\w+|TASK_RUNNER_\w+)"
)
"""Prefect's other settings name servers, passwords, files, and classes to import."""


class NotAllowed(Exception):
    """The run asks for what this worker does not allow. The message is for the run's owner."""


def check(configuration: WarmJobConfiguration, own: Mapping[str, Any], *, allow_command: bool) -> None:
    """Check the job variables of one run.

    Args:
        configuration: all of them, filled in.
        own: those that were given with this one run, not by its deployment or pool.
        allow_command: whether the worker's owner allows all of it.

    Raises:
        NotAllowed
    """
    if allow_command:
        return
    if configuration.command:
        raise NotAllowed(_message("the job variable 'command' replaces the flow by a program"))
    if own.get("working_dir"):
        raise NotAllowed(_message("the job variable 'working_dir' of a single run decides which files it executes"))
    if names := sorted(filter(_decides_code, configuration.env)):
        raise NotAllowed(_message(f"the job variable 'env' sets {', '.join(names)}"))


def without_command(template: Mapping[str, Any]) -> dict[str, Any]:
    """A pool's base job template that does not offer a command."""
    configuration = _without(template["job_configuration"], ["command"])
    variables = dict(template["variables"])
    variables["properties"] = _without(variables.get("properties", {}), ["command"])
    return {**template, "job_configuration": configuration, "variables": variables}


def _without(mapping: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name not in names}


def _decides_code(name: str) -> bool:
    upper = name.upper()
    if upper.startswith("PREFECT_"):
        return _HARMLESS_OF_PREFECT.fullmatch(upper) is None
    if upper in known_names():
        return True
    return any(pattern.fullmatch(upper) for pattern in (_LOADS_CODE, _LEADS_ELSEWHERE, _OURS))


def _message(why: str) -> str:
    return f"This worker refuses the run: {why}. Set {SETTING}=true on the worker to allow it."
