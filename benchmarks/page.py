"""How fast the operations page is at size, in a real browser.

    python -m benchmarks.page [tasks [executions [seconds]]]

Starts Valkey and a document store (MongoDB itself when MONGODB_URI is set) on a home that is thrown away, fills them
with so many tasks and executions, serves the facade from this process, and has a headless browser use the page: first
paint, the list after its data, search, scrolling to the end, each screen's requests, the weight of it all, and the
memory of the page while ten runs a second are announced for so many seconds. Prefect is left out: no figure here
waits for it, and health says so on the page.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from playwright.async_api import Page, async_playwright

from falcon_scheduler.adapters.mongo.indexes import ensure_indexes
from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.app import build_app
from falcon_scheduler.api_facade.auth.mint import Bearer, mint_token
from falcon_scheduler.api_facade.composition.root import compose
from falcon_scheduler.api_facade.composition.services import Services, open_services
from falcon_scheduler.api_facade.connections import BoundedProtocol
from falcon_scheduler.core.domain.execution import Execution, ExecutionStatus, Trigger
from falcon_scheduler.core.domain.task import Source, Task
from falcon_scheduler.core.domain.task_definition import TaskDefinition
from falcon_scheduler.core.ports.events import Happening, Subject
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from falcon_scheduler.deployments.stack.home import free_port
from tests.browser import FLAGS, find_browser

SECRET = "a secret of the benchmark, which is long enough"  # noqa: S105 - of a server that is thrown away
RUNS_PER_SECOND = 10
WATCHED_SECONDS = 30
PLAIN_SCREENS = ("alerts", "audit", "workers", "new")
IN_VIEW = "document.querySelectorAll('tbody tr.row a').length > 5"


async def main(tasks: int, executions: int, watched_seconds: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="falcon-page-") as home:
        os.environ |= {"JWT_SECRET": SECRET, "API_RATE_LIMIT": "0"}
        parts = {"valkey"} if os.environ.get("MONGODB_URI") else {"valkey", "mongo"}
        async with EmbeddedStack(Path(home), parts=parts) as stack:
            os.environ.update(stack.environment)
            settings = Settings.load()
            async with open_services(settings) as services, serving(settings, services) as url:
                await fill(services, tasks, executions)
                print(f"{tasks} tasks, {executions} executions; load of the machine {os.getloadavg()[0]:.1f}")
                async with page_of(url) as page:
                    await measure(page, url, services, watched_seconds)


@asynccontextmanager
async def serving(settings: Settings, services: Services) -> AsyncIterator[str]:
    """The facade without its duties. Its base."""
    port = free_port()
    app = build_app(compose(settings, services), settings)
    config = uvicorn.Config(app, port=port, http=BoundedProtocol, log_level="error", lifespan="off", loop="none")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    yield f"http://127.0.0.1:{port}/scheduler"
    server.should_exit = True
    await running


async def fill(services: Services, tasks: int, executions: int) -> None:
    """Store tasks and executions as the product stores them."""
    await ensure_indexes(services.stores.database)
    now = datetime.now(UTC)
    for number in range(tasks):
        definition = TaskDefinition(
            name=f"Task {number:05} of the benchmark",
            type="http",
            schedule="0 */10 * * * *",
            config={"url": "https://example.com/health"},
            tags=("benchmark", f"group-{number % 50}"),
        )
        at = now - timedelta(seconds=number)
        task = Task(
            id=str(uuid.UUID(int=number)),
            definition=definition,
            source=Source.API,
            created_at=at,
            updated_at=at,
            created_by="benchmark",
            updated_by="benchmark",
            next_run=now + timedelta(seconds=number % 600),
        )
        await services.stores.tasks.insert(task)
    for start in range(0, executions, 1000):
        batch = [an_execution(number, tasks, now) for number in range(start, min(start + 1000, executions))]
        await services.stores.executions.finish_all(batch)


def an_execution(number: int, tasks: int, now: datetime) -> Execution:
    """One that has ended; every twentieth failed."""
    started_at = now - timedelta(seconds=number)
    status = ExecutionStatus.FAILED if number % 20 == 0 else ExecutionStatus.COMPLETED
    pending = Execution(
        id=str(uuid.UUID(int=2**64 + number)),
        task_id=str(uuid.UUID(int=number % tasks)),
        status=ExecutionStatus.PENDING,
        started_at=started_at,
        trigger=Trigger.SCHEDULE,
    )
    return replace(pending.ended(status, started_at + timedelta(milliseconds=500 + number % 900), output="ok"))


@asynccontextmanager
async def page_of(url: str) -> AsyncIterator[Page]:
    """A page of a browser that is signed in."""
    program, libraries = find_browser()
    environment = {**os.environ, **({"LD_LIBRARY_PATH": str(libraries)} if libraries else {})}
    bearer = Bearer("operator", 1, "Operator", is_super_admin=True)
    token = mint_token(SECRET, bearer, issued_at=datetime.now(UTC), ttl=timedelta(hours=2))
    async with async_playwright() as playwright:
        flags = [*FLAGS, "--enable-precise-memory-info", "--js-flags=--expose-gc"]
        chromium = await playwright.chromium.launch(executable_path=program, args=flags, env=dict(environment))
        context = await chromium.new_context(viewport={"width": 1280, "height": 800}, bypass_csp=True)
        await context.add_cookies([{"name": "falcon_auth_token", "value": token, "url": url}])
        yield await context.new_page()
        await chromium.close()


async def measure(page: Page, url: str, services: Services, watched_seconds: int) -> None:
    """Each figure, one a line."""
    transferred = await weigh(page, f"{url}/ui/#/tasks")
    print(f"first visit: {transferred['requests']} requests, {transferred['bytes'] / 1000:.0f} kB transferred")
    for name in ("first visit", "later visit"):
        if name == "later visit":
            await page.goto("about:blank")
            await page.goto(f"{url}/ui/#/tasks")
            await page.wait_for_function(IN_VIEW)
        paint = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
        print(f"{name}: first paint {paint:.0f} ms")
    print(f"list usable after its data: {await usable_after_data(page):.0f} ms")
    searched = []
    for text in ("00042", "of the bench", "09999", "Task 05"):
        searched.append(await search(page, text))
    median = sorted(searched)[len(searched) // 2]
    print(f"search, typed text to its rows: median {median:.0f} ms, longest {max(searched):.0f} ms")
    await page.get_by_label("Search").fill("")
    await page.wait_for_function(IN_VIEW)
    print(f"DOM nodes at the top: {await nodes(page)}")
    await page.evaluate("document.querySelector('.rows.scrolls').scrollTop = 1e9")
    await page.wait_for_function(IN_VIEW)
    print(f"DOM nodes at the end: {await nodes(page)}")
    task = str(uuid.UUID(int=1))
    run = str(uuid.UUID(int=2**64 + 1))
    for screen in (
        "now",
        "tasks",
        f"tasks/{task}",
        "executions",
        f"executions/{run}",
        "alerts",
        "audit",
        "workers",
        "new",
    ):
        requests, took = await open_screen(page, screen)
        name = screen.replace(task, "…").replace(run, "…")
        print(f"#/{name}: {requests} requests, heading after {took:.0f} ms")
    print(f"change to screen: {await until_seen(page, services):.0f} ms")
    before, after = await under_load(page, services, watched_seconds)
    print(f"memory over {watched_seconds} s of {RUNS_PER_SECOND} runs/s: {before / 1e6:.1f} to {after / 1e6:.1f} MB")


async def weigh(page: Page, address: str) -> dict[str, Any]:
    """What a first visit transfers."""
    await page.goto(address)
    await page.wait_for_function(IN_VIEW)
    return dict(
        await page.evaluate(
            "(() => { const all = ['resource', 'navigation'].flatMap(each => performance.getEntriesByType(each));"
            "const own = all.filter(each => each.name.includes('/ui/'));"
            "return { requests: own.length, bytes: own.reduce((sum, each) => sum + each.transferSize, 0) } })()"
        )
    )


async def usable_after_data(page: Page) -> float:
    """From the answer with the tasks to rows on the screen."""
    await page.evaluate("location.hash = '#/workers'")
    await page.wait_for_timeout(500)
    await page.evaluate(
        "new MutationObserver((_, own) => {"
        " if (document.querySelectorAll('tbody tr.row a').length <= 5) return;"
        " window.shownAt = performance.now(); own.disconnect();"
        " }).observe(document.body, { childList: true, subtree: true })"
    )
    await page.evaluate("performance.clearResourceTimings(); location.hash = '#/tasks?sort=name'")
    await page.wait_for_function("window.shownAt")
    return float(
        await page.evaluate(
            "window.shownAt - performance.getEntriesByType('resource')"
            ".find(each => each.name.includes('/tasks?')).responseEnd"
        )
    )


async def search(page: Page, text: str) -> float:
    """From the last key to the row. The page waits 120 ms for another key."""
    await page.get_by_label("Search").fill("")
    await page.wait_for_function(IN_VIEW)
    began = time.monotonic()
    await page.get_by_label("Search").fill(text)
    await page.wait_for_function(
        "text => { const first = document.querySelector('tbody tr.row a'); "
        "return first && document.querySelector('[role=status]').textContent && first.textContent.includes(text)"
        " && [...document.querySelectorAll('tbody tr.row a')].every(each => each.textContent.includes(text)) }",
        arg=text,
        polling="raf",
    )
    return (time.monotonic() - began) * 1000


async def nodes(page: Page) -> int:
    return int(await page.evaluate("document.querySelectorAll('*').length"))


async def open_screen(page: Page, screen: str) -> tuple[int, float]:
    """Requests to the API that a screen makes when it is opened, and when its heading is shown."""
    await page.evaluate("location.hash = '#/nowhere'")
    await page.wait_for_timeout(400)
    asked: list[str] = []

    def note(request: Any) -> None:
        if "/ui/" not in request.url:
            asked.append(request.url)

    page.on("request", note)
    began = time.monotonic()
    await page.evaluate("hash => { location.hash = hash }", f"#/{screen}")
    await page.get_by_role("heading", level=1).wait_for()
    took = (time.monotonic() - began) * 1000
    await page.wait_for_timeout(800)
    page.remove_listener("request", note)
    return len(asked), took


async def until_seen(page: Page, services: Services) -> float:
    """From the write of a change to its sight; the median of five."""
    task_id = str(uuid.UUID(int=3))
    await page.evaluate("hash => { location.hash = hash }", f"#/tasks/{task_id}")
    await page.locator(".head .mark").wait_for()
    await page.wait_for_timeout(1500)
    seen = []
    for number in range(5):
        paused = number % 2 == 0
        began = time.monotonic()
        await services.stores.tasks.change(task_id, lambda each, p=paused: replace(each, paused=p))  # type: ignore[misc]
        await page.wait_for_function(
            "text => document.querySelector('.head .mark').textContent.trim() === text",
            arg="Paused" if paused else "Pending",
            polling="raf",
        )
        seen.append((time.monotonic() - began) * 1000)
        await page.wait_for_timeout(600)
    return sorted(seen)[2]


async def under_load(page: Page, services: Services, watched_seconds: int) -> tuple[float, float]:
    """The page's memory before and after a while of announcements, on the screen that they concern most."""
    await page.evaluate("location.hash = '#/executions'")
    await page.wait_for_timeout(2000)
    before = await heap(page)
    await announce(services, watched_seconds * RUNS_PER_SECOND, lambda: asyncio.sleep(1 / RUNS_PER_SECOND))
    await page.wait_for_timeout(1500)
    return before, await heap(page)


async def announce(services: Services, runs: int, rest: Callable[[], Awaitable[None]]) -> None:
    for number in range(runs):
        for status in ("pending", "running", "completed"):
            happening = Happening(subject=Subject.EXECUTION, id=f"{number}", task_id="t", status=status)
            services.stores.events.announce(happening)
        await rest()


async def heap(page: Page) -> float:
    return float(await page.evaluate("(() => { window.gc?.(); return performance.memory.usedJSHeapSize })()"))


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    asyncio.run(main(*(*given, *(10_000, 100_000, WATCHED_SECONDS)[len(given) :])))
