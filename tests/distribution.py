"""Installs a distribution of one module into a folder, as pip would: the module and its metadata."""

from __future__ import annotations

import shutil
from pathlib import Path


def install(folder: Path, module: str, code: str, entry_points: str) -> None:
    """Write the module `module` and a distribution of the same name with this `entry_points.txt`."""
    (folder / f"{module}.py").write_text(code)
    information = folder / f"{module}-1.0.dist-info"
    information.mkdir()
    name = module.replace("_", "-")
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(entry_points)


def remove(folder: Path, module: str) -> None:
    """Take it away again."""
    (folder / f"{module}.py").unlink()
    shutil.rmtree(folder / f"{module}-1.0.dist-info")
