"""A facade as a process of its own, on the session's servers, for tests that read its log or end it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from falcon_scheduler.deployments.stack.home import free_port

_FACADE = ("-m", "uvicorn", "falcon_scheduler.api_facade.app:create_app", "--factory")


async def start_facade(log: Path, **environment: str) -> tuple[str, asyncio.subprocess.Process]:
    """Start one whose output goes to `log`. Returns its address, where it may not answer yet, and its process."""
    port = free_port()
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *_FACADE, "--port", str(port)),
            env={**os.environ, **environment},
            stdout=out,
            stderr=out,
        )
    return f"http://127.0.0.1:{port}", process
