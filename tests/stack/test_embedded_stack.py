"""The stack as tests and tools use it, with the part that starts quickest."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
import pytest
import redis
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from redis.backoff import NoBackoff
from redis.retry import Retry

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.deployments.stack.addresses import Addresses
from falcon_scheduler.deployments.stack.child import Child
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from falcon_scheduler.deployments.stack.errors import HomeInUse, PartFailed
from falcon_scheduler.deployments.stack.home import Home
from falcon_scheduler.deployments.stack.mongo import Mongo
from falcon_scheduler.deployments.stack.part import Part
from falcon_scheduler.deployments.stack.process import Command, leftovers
from falcon_scheduler.deployments.stack.product import PrefectServer
from tests.stack.running_stack import clean_environment, wait_until

SCRIPT = """
import asyncio, sys
from pathlib import Path
from falcon_scheduler.deployments.stack.embedded import EmbeddedStack

async def main():
    async with EmbeddedStack(Path(sys.argv[1]), parts={"valkey"}):
        print("ready", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def client(environment: Mapping[str, str]) -> redis.Redis:
    return redis.Redis(
        host=environment["REDIS_HOST"],
        port=int(environment["REDIS_PORT"]),
        password=environment["REDIS_PASSWORD"],
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
    )


def script_on(home: Path) -> subprocess.Popen[bytes]:
    """Another process that runs a stack on this home, ready."""
    script = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(home)], stdout=subprocess.PIPE, env=clean_environment()
    )
    assert script.stdout is not None
    assert script.stdout.readline() == b"ready\n"
    return script


async def test_data_outlives_the_stack_and_its_address_stays(tmp_path: Path) -> None:
    async with EmbeddedStack(tmp_path, parts={"valkey"}) as first:
        client(first.environment).set("kept", "yes")
    assert leftovers(tmp_path) == []
    async with EmbeddedStack(tmp_path, parts={"valkey"}) as second:
        assert second.environment == first.environment
        assert client(second.environment).get("kept") == "yes"


async def test_a_stranger_without_the_password_gets_nothing(tmp_path: Path) -> None:
    async with EmbeddedStack(tmp_path, parts={"valkey"}) as stack:
        with pytest.raises(redis.AuthenticationError):
            client({**stack.environment, "REDIS_PASSWORD": ""}).get("kept")


async def test_one_home_carries_one_stack(tmp_path: Path) -> None:
    async with EmbeddedStack(tmp_path, parts={"valkey"}):
        with pytest.raises(HomeInUse, match=str(os.getpid())):
            async with EmbeddedStack(tmp_path, parts={"valkey"}):
                pass


async def test_a_part_can_be_stopped_and_started_for_a_test_of_faults(tmp_path: Path) -> None:
    async with EmbeddedStack(tmp_path, parts={"valkey"}) as stack:
        await stack.stop_part("valkey")
        with pytest.raises(redis.ConnectionError):
            client(stack.environment).ping()
        await stack.start_part("valkey")
        assert client(stack.environment).ping()


async def test_a_start_ends_what_a_killed_stack_left_and_recovers_its_data(tmp_path: Path) -> None:
    script = script_on(tmp_path)
    guardian = next(child for child in psutil.Process(script.pid).children() if "guardian" in str(child.cmdline()))
    guardian.kill()  # as if the machine had lost both: only the next start can clear up
    script.kill()
    script.wait()
    assert leftovers(tmp_path)
    async with EmbeddedStack(tmp_path, parts={"valkey"}) as stack:
        assert [process.pid for process in leftovers(tmp_path)] == [stack.pid("valkey")]
        assert client(stack.environment).ping()


def test_when_its_supervisor_is_killed_nothing_is_left(tmp_path: Path) -> None:
    script = script_on(tmp_path)
    script.send_signal(signal.SIGKILL)
    script.wait()
    wait_until(lambda: leftovers(tmp_path) == [], "no process is left")


async def test_when_one_part_does_not_start_the_others_are_stopped_and_it_is_named(tmp_path: Path) -> None:
    (Home(tmp_path).data("valkey") / "appendonlydir").write_text("not a folder")
    with pytest.raises(PartFailed, match="Valkey ended while starting"):
        async with EmbeddedStack(tmp_path, parts={"valkey", "postgres"}):
            pass
    assert leftovers(tmp_path) == []


async def test_nobody_gets_into_the_document_store_before_it_has_its_user_or_keeps_it_from_getting_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("falcon_scheduler.deployments.stack.mongo._ONE_FIRST_START", timedelta(seconds=10))
    mongo = Mongo(Home(tmp_path))
    port = json.loads((tmp_path / "ports.json").read_text())["mongo"]
    certificate = tmp_path / "mongo" / "first_start.pem"
    silent = asyncio.create_task(connect_and_say_nothing(port))
    preparing = asyncio.create_task(mongo.prepare())
    while not preparing.done():
        for scheme in ("tls=false", "tls=true&tlsAllowInvalidCertificates=true"):
            with pytest.raises(PyMongoError):
                await ask_for_users(f"mongodb://127.0.0.1:{port}/?{scheme}&serverSelectionTimeoutMS=200")
    await asyncio.gather(preparing, silent)
    assert not certificate.exists(), "it served its purpose"


async def connect_and_say_nothing(port: int) -> None:
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            with contextlib.closing(writer), contextlib.suppress(ConnectionError):
                await reader.read()  # until the server is gone
            return


async def ask_for_users(uri: str) -> None:
    async with AsyncMongoClient[dict[str, object]](uri) as client:
        await client.admin.command({"usersInfo": 1})


async def test_a_home_of_an_earlier_version_gets_a_password_or_keeps_the_one_it_had(tmp_path: Path) -> None:
    settings = Settings.load()
    async with httpx.AsyncClient(timeout=60) as http:
        for host in ("127.0.0.1", "0.0.0.0", "scheduler.example.com"):  # noqa: S104 - nothing listens
            home = Home(tmp_path / host)
            addresses = Addresses(host=host, prefect_port=4200)
            first = PrefectServer(home, settings, addresses, http).environment()["PREFECT_API_AUTH_STRING"]
            assert first == f"falcon:{home.known_secret('prefect_password')}"
            assert PrefectServer(home, settings, addresses, http).environment()["PREFECT_API_AUTH_STRING"] == first


class Broken(Part):
    """A server that says why it can't run, and ends."""

    name = "broken"
    title = "Broken server"

    def command(self) -> Command:
        return Command((sys.executable, "-c", "print('the disk is full'); raise SystemExit(3)"))

    async def is_ready(self) -> bool:
        return False


async def test_a_part_that_does_not_start_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(
        PartFailed, match=r"Broken server ended while starting \(exit code 3\)(.|\n)*the disk is full"
    ):
        await Child(Broken(Home(tmp_path)), {}, lambda line: None).start()


class ShortLived(Broken):
    """A server that comes up and dies at once, every time."""

    name = "short"
    title = "Short-lived server"

    def command(self) -> Command:
        return Command((sys.executable, "-c", "import time; time.sleep(0.3); raise SystemExit('out of memory')"))

    async def is_ready(self) -> bool:
        return True


async def test_a_part_that_keeps_dying_is_given_up_with_the_end_of_its_log(tmp_path: Path) -> None:
    told: list[str] = []
    child = Child(ShortLived(Home(tmp_path)), {}, told.append, first_backoff=timedelta(milliseconds=1))
    await child.start()
    with pytest.raises(PartFailed, match=r"Short-lived server died 6 times(.|\n)*out of memory"):
        await child.watch()
    assert len([line for line in told if "ended unexpectedly" in line]) == 5


class Idler(Broken):
    """A server that lives on and, the first time, stops doing its work."""

    name = "idler"
    title = "Idle server"

    def command(self) -> Command:
        return Command((sys.executable, "-c", "import time; time.sleep(600)"))

    async def is_ready(self) -> bool:
        return True

    async def is_serving(self) -> bool:
        return (self.home.path / "mended").exists()


async def test_a_part_that_lives_but_serves_no_more_is_started_again(tmp_path: Path) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    patience, pause = timedelta(milliseconds=200), timedelta(milliseconds=1)
    child = Child(Idler(Home(tmp_path)), {}, told.put_nowait, first_backoff=pause, patience=patience)
    await child.start()
    first = child.pid
    watching = asyncio.create_task(child.watch())
    try:
        assert await told.get() == "Idle server lives but has not served for 200ms"
        (tmp_path / "mended").touch()
        assert await told.get() == "Idle server ended unexpectedly (signal 9); starting it again in 0.001 s"
        assert await told.get() == "Idle server is back"
        assert child.pid not in (first, None)
    finally:
        await child.stop()
        await watching
