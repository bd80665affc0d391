"""Generated requests against the running app: no 5xx, and no answer that the document does not promise."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.composition.services import Services
from tests.api.conftest import bearer, token_of
from tests.api.facade_process import start_facade
from tests.conftest import ADMIN, wait_until

HERE = Path(__file__).parent
SECONDS = int(os.environ.get("FUZZ_SECONDS", "20"))
FUZZER = "the fuzzer"


@pytest_asyncio.fixture
async def facade(services: Services, tmp_path: Path) -> AsyncIterator[str]:
    """The API as a process of its own, on the session's servers."""
    address, process = await start_facade(tmp_path / "facade.log", API_RATE_LIMIT="0")
    base = f"{address}/scheduler"

    async def answers() -> bool:
        try:
            async with httpx.AsyncClient(timeout=60) as client:
                return (await client.get(f"{base}/stats")).is_success
        except httpx.TransportError:
            return False

    await wait_until(answers, "the facade answers")
    yield base
    process.terminate()
    await process.wait()


async def put_back(services: Services) -> None:
    """Remove what was created, and switch on again what was switched off."""
    async for task in services.stores.tasks.all():
        if task.is_system:
            await services.tasks.enable(task.id, ADMIN)
            await services.tasks.resume(task.id, ADMIN)
        elif task.created_by == FUZZER:
            await services.tasks.delete(task.id, ADMIN)
    for calendar in await services.calendars.all():
        if calendar.created_by == FUZZER:
            await services.calendars.delete(calendar.name, ADMIN)


@pytest.mark.slow
@pytest.mark.timeout(SECONDS * 4 + 180)
async def test_no_generated_request_gets_an_answer_that_is_not_promised(
    facade: str, settings: Settings, services: Services, tmp_path: Path
) -> None:
    headers = bearer(token_of(settings, user_id=FUZZER, super_admin=True, exp=2**33))
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("st")), "--config-file", str(HERE / "schemathesis.toml"), "run"),
        *(f"{facade}/openapi.json", "--header", f"Authorization: {headers['Authorization']}"),
        *(
            "--checks",
            "all",
            "--continue-on-failure",
            "--max-examples",
            str(max(SECONDS, 20)),
            "--max-time",
            str(SECONDS),
        ),
        *("--exclude-path", "/scheduler/events"),  # it answers for minutes, by design
        *("--request-timeout", "60", "--no-color"),
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.api.fuzz.meaningful", "PYTHONPATH": os.getcwd()},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    print(re.search(r"(?s)=+ SUMMARY.*", output)[0] if "SUMMARY" in output else output)  # type: ignore[index] # noqa: T201 - shown with -rP
    await put_back(services)
    assert process.returncode == 0, output[-8000:]
