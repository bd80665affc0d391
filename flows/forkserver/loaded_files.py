"""Whether what the preloaded process has imported is still what is on disk.

Only modules of the project and of the user are watched: installed packages change by installation, which shows in the
folder that holds them.
"""

from __future__ import annotations

import os
import ssl
import sys
import sysconfig
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path

import certifi

from falcon_scheduler.flows.child.own_settings import named_plugins
from falcon_scheduler.flows.forkserver.preload import PLUGIN_GROUPS

_PLUGIN_FILES = "falcon_plugins"
"""The package under which plug-ins that are named by their file are loaded."""


class LoadedFiles:
    """The watched files as they were when they were loaded."""

    def __init__(self) -> None:
        plugins = {plugin.module for group in PLUGIN_GROUPS for plugin in entry_points(group=group)}
        plugins |= {*named_plugins(), _PLUGIN_FILES}
        self._seen = dict(_states([*_own_files(plugins), *_package_folders(), *_certificates()]))

    def changed(self) -> bool:
        """Whether any of them is another file now, or gone."""
        return any(_state(path) != state for path, state in self._seen.items())


def _own_files(plugins: Iterable[str]) -> list[str]:
    installed = (*_package_folders(), sysconfig.get_paths()["stdlib"])
    packages = tuple(name.partition(".")[0] for name in plugins)
    files = []
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path and (name.partition(".")[0] in packages or not path.startswith(installed)):
            files.append(path)
    return files


def _certificates() -> set[str]:
    """Files of the authorities that runs trust: their contexts are made before the fork."""
    paths = ssl.get_default_verify_paths()
    named = (paths.cafile, paths.capath, os.environ.get("PREFECT_API_SSL_CERT_FILE"), certifi.where())
    return {path for path in named if path}


def _package_folders() -> set[str]:
    paths = sysconfig.get_paths()
    return {str(Path(paths[key])) for key in ("purelib", "platlib")}


def _states(paths: Iterable[str]) -> Iterable[tuple[str, tuple[int, int, int] | None]]:
    return ((path, _state(path)) for path in paths)


def _state(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
