"""Measured figures as a JSON file. `benchmarks.curves` draws its pictures from it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.worker_stage import load, machine


def store(file: Path | None, measured_by: str, levels: Sequence[Mapping[str, object]]) -> None:
    """Write what a benchmark has measured so far, with its machine, load and date. No file: write nothing."""
    if file is None:
        return
    figures = {
        "measured_by": measured_by,
        "machine": machine(),
        "load": load(),
        "date": datetime.now(UTC).date().isoformat(),
        "levels": [{name: _rounded(value) for name, value in level.items()} for level in levels],
    }
    file.write_text(json.dumps(figures, indent=2) + "\n")


def _rounded(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value
