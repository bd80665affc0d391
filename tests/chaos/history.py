"""What the work said of itself, read back."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Span:
    """One run of one task, from its first line to its last, in seconds since the epoch."""

    run: str
    first: float
    last: float
    ended: bool


def spans_of(file: Path) -> Sequence[Span]:
    """The runs of a task by its own log, in order of their first line."""
    lines: dict[str, list[dict[str, object]]] = defaultdict(list)
    for line in file.read_text().splitlines() if file.exists() else []:
        try:
            told = json.loads(line)
        except ValueError:  # half a line: its writer was killed
            continue
        lines[told["run"]].append(told)
    spans = [
        Span(run, float(str(told[0]["at"])), float(str(told[-1]["at"])), any(each["event"] == "end" for each in told))
        for run, told in lines.items()
    ]
    return sorted(spans, key=lambda span: span.first)


def all_spans(work: Path) -> Mapping[str, Sequence[Span]]:
    """By the name of the task's file."""
    return {file.stem: spans_of(file) for file in sorted(work.glob("*.log"))}


def alive_runs(work: Path) -> list[tuple[str, int]]:
    """Run and process id of what is at work now, in a stable order."""
    alive = []
    for file in sorted(work.glob("*.log")):
        lines = file.read_text().splitlines()
        if not lines:
            continue
        try:
            last = json.loads(lines[-1])
        except ValueError:
            continue
        if last["event"] != "end" and Path(f"/proc/{last['pid']}").exists() and last["pid"] != os.getpid():
            alive.append((str(last["run"]), int(last["pid"])))
    return alive
