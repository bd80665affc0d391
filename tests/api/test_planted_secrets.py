"""Secrets that go in through the API come out nowhere: planted in every place, run for real, searched for everywhere.

A task's own config is shown as it is stored to those alone who may update tasks: for all others it is searched whole,
and so is what refers to Prefect's Secret blocks.
"""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from prefect.blocks.system import Secret

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.composition.services import Services
from falcon_scheduler.deployments.stack.home import free_port
from tests.api.conftest import BASE
from tests.api.planting import ODD_ENDS, Planter
from tests.api.searched_facade import SearchedFacade, left_by, prefect_log, searched_facade
from tests.conftest import NEVER, wait_until
from tests.executors.test_executors_in_runs import prefect_at
from tests.executors.web_server import WebServer, serving


@pytest_asyncio.fixture
async def facade(services: Services, settings: Settings, tmp_path: Path) -> AsyncIterator[SearchedFacade]:
    async with searched_facade(settings, tmp_path / "facade.log") as facade:
        yield facade


def http_cases(plant: Planter, web: WebServer, other: WebServer) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Config and parameters of http tasks with secrets written into them, under names that say so."""

    def basic(place: str) -> str:
        return "Basic " + base64.b64encode(f"bob:{plant.secret(place)}".encode()).decode()

    echo, gone = web.url("/echo"), f"127.0.0.1:{free_port()}"
    named = {
        "Authorization": f"Bearer {plant.secret('an Authorization header')}",
        "X-Api-Key": plant.secret("an X-Api-Key header", "/+=&x"),
        "Cookie": f"sid={plant.secret('a cookie')}; other={plant.secret('another cookie')}",
        "X-Auth-Token": plant.secret("an X-Auth-Token header", "\"'\\q"),
    }
    inside = {
        "password": plant.secret("a body's password", "é€"),
        "nested": [{"client_secret": plant.secret("a nested body", "\"'\\q")}],
        "tokens": [plant.secret("a list of tokens in a body")],
        "credentials": {"any": plant.secret("an object of credentials in a body")},
    }
    form = f"grant_type=x&client_secret={quote(plant.secret('a form', '/+=&x'))}&password={plant.secret('a form')}"
    userinfo = f"bob:{quote(plant.secret('userinfo', '/+=&x'), safe='')}@"
    query = "&".join(
        f"{name}={quote(plant.secret(f'the query value {name}', end), safe='')}"
        for name, end in zip(("token", "access_token", "sig", "key", "code"), ODD_ENDS, strict=True)
    )
    post = {"url": echo, "method": "POST"}
    return {
        "headers": ({"url": echo, "headers": named}, {}),
        "basic header": ({"url": echo, "headers": {"Authorization": basic("a Basic header")}}, {}),
        "json body": ({**post, "body": inside}, {}),
        "form body": ({**post, "body": form}, {}),
        "json text body": ({**post, "body": json.dumps({"password": plant.secret("a JSON text")})}, {}),
        "address": ({"url": f"{echo.replace('//', f'//{userinfo}')}?{query}"}, {}),
        "query": (
            {"url": echo, "query": {"api_key": plant.secret("query", "&/é"), "sig": plant.secret("query")}},
            {},
        ),
        "proxy header": ({"url": echo, "headers": {"Proxy-Authorization": basic("a Proxy-Authorization")}}, {}),
        "of one run": (
            post,
            {
                "headers": {
                    "X-Api-Key": plant.secret("a run's header"),
                    "X-Auth-Token": plant.secret("a run's X-Auth-Token"),
                },
                "query": {"token": plant.secret("a run's query")},
                "body": {"password": plant.secret("a run's body"), "list": [{"secret": plant.secret("deep in it")}]},
            },
        ),
        "refused connection": ({"url": f"http://bob:{plant.secret('a dead address')}@{gone}/?token={query}"}, {}),
        "unknown name": ({"url": f"http://bob:{plant.secret('an unknown host')}@nowhere.invalid/x"}, {}),
        "wrong status": ({**post, "url": web.url("/status/500"), "headers": named, "body": inside}, {}),
        "wrong answer": (
            {
                **post,
                "headers": {"X-Api-Key": plant.secret("what an assertion sees")},
                "assertions": [{"type": "json_path", "path": "$.headers['x-api-key']", "equals": "other"}],
            },
            {},
        ),
        "redirect": (
            {
                "url": web.url(
                    "/redirect?to=" + quote(other.url("/echo?token=" + plant.secret("a redirect's target")))
                ),
                "headers": named,
            },
            {},
        ),
        "webhook": (
            {
                "url": web.url(
                    f"/echo/hooks/{plant.secret('the path of a webhook')}/{plant.secret('its next segment')}"
                )
            },
            {},
        ),
        "broken answer": ({"url": web.url(f"/no-http?api_key={plant.secret('a broken exchange')}")}, {}),
    }


async def by_reference(
    plant: Planter, web: WebServer, api_url: str
) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """The same with nothing but names of Secret blocks in config and parameters."""
    names = {}
    with prefect_at(api_url):
        for end in ODD_ENDS:
            names[end] = f"planted-{uuid.uuid4().hex[:10]}"
            await Secret(value=plant.secret(f"the Secret block {names[end]}", end)).save(names[end])
    plain, odd, quoted, percent, foreign = (f"{{{{ prefect.blocks.secret.{each} }}}}" for each in names.values())
    post = {"url": web.url("/echo"), "method": "POST"}
    return {
        "bearer block": ({**post, "auth": {"type": "bearer", "secret_block": names[""]}}, {}),
        "basic block": ({**post, "auth": {"type": "basic", "username": "bob", "secret_block": names["/+=&x"]}}, {}),
        "references": (
            {
                "url": web.url(f"/echo?q={odd}"),
                "method": "POST",
                "query": {"anything": percent},
                "headers": {"X-Whatever": f"is {plain}"},
                "body": {"a": quoted, "b": [foreign], "c": f"in {percent} the middle"},
            },
            {"headers": {"X-Of-The-Run": odd}},
        ),
        "references, failing": (
            {"url": web.url(f"/status/500?q={odd}"), "method": "POST", "body": [plain, quoted]},
            {},
        ),
    }


def function_cases(plant: Planter) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Functions that are given secrets, and talk."""

    def config(name: str, module: str = "tests", **parameters: Any) -> dict[str, Any]:
        return {"function_name": name, "module": module, "parameters": parameters}

    ways = ("returned", "returned as data", "raised", "raised from another", "logged", "progress", "standard log")
    return {
        "echo": (
            config(
                "echo",
                "builtin",
                api_key=plant.secret("api_key", "\"'\\q"),
                nested={"password": plant.secret("a nested password"), "tokens": [plant.secret("tokens")]},
                url=f"https://bob:{plant.secret('an address')}@example.com/?access_token={plant.secret('its query')}",
            ),
            {"access_token": plant.secret("a run's access_token", "é€")},
        ),
        **{f"function, {way}": (config("telling", password=plant.secret(way, "/+=&x"), way=way), {}) for way in ways},
        "function, of one run": (
            config("telling", password=plant.secret("config"), way="raised"),
            {"password": plant.secret("a run's password")},
        ),
    }


async def ask_wrongly(plant: Planter, facade: SearchedFacade) -> None:
    """Requests that are refused, with secrets in what is wrong with them."""
    task_id = facade.made["echo"]
    task = {"name": "never made", "type": "http", "schedule": NEVER}

    def secret(place: str) -> str:
        return plant.secret(f"a refused request's {place}")

    for config in (
        {"url": f"ftp://bob:{secret('scheme')}@example.com/"},
        {"url": f"https://bob:{secret('port')}@example.com:0/?token={secret('port')}"},
        {"url": "https://example.com/", "headers": {"Authorization": f"Bearer {secret('header')}\n"}},
        {"url": "https://example.com/", "auth": {"type": "bearer", "token": secret("auth")}},
        {"url": "https://example.com/", "auth": {"type": "basic", "username": "b", "password": secret("password")}},
        {"url": "https://example.com/", "proxy": f"http://bob:{secret('proxy')}@proxy.example.com"},
        {"url": "https://example.com/", "api_key": secret("unknown field")},
    ):
        answer = await facade.ask(f"config {list(config)}", "POST", "/tasks", json={**task, "config": config})
        assert answer.status_code == 400, answer.text
    for name, content in (
        ("cut JSON", '{"password": "' + secret("JSON")),
        ("no object", json.dumps([secret("list")])),
        ("NaN", '{"password": "' + secret("NaN") + '", "a": NaN}'),
    ):
        headers = {"Content-Type": "application/json"}
        assert (await facade.ask(name, "POST", "/tasks", content=content, headers=headers)).status_code == 400
    wrong = {"parameters": {"password": secret("run"), "way": {"token": secret("type")}}}
    path = f"/tasks/{facade.made['function, raised']}/execute"
    assert (await facade.ask("wrong parameters", "POST", path, json=wrong)).status_code == 400
    assert (await facade.ask("query", "GET", f"/tasks?access_token={secret('query')}")).status_code == 200  # ignored
    assert (await facade.ask("query", "GET", f"/audit?access_token={secret('own query')}")).status_code == 400
    for scheme in ("Bearer", "Basic", "Token"):
        headers = {"Authorization": f"{scheme} {secret('Authorization')}", "X-Api-Key": secret("X-Api-Key")}
        assert (await facade.ask(scheme, "GET", "/tasks", headers=headers)).status_code == 401
    config = {"function_name": "echo", "module": "builtin", "parameters": {"password": secret("change")}}
    assert (await facade.ask("change", "PUT", f"/tasks/{task_id}", json={"config": config})).status_code == 200


@pytest.mark.timeout(600)
async def test_no_secret_shows_wherever_it_was_planted(
    facade: SearchedFacade, services: Services, settings: Settings, worker: None, home: Path
) -> None:
    plant = Planter()
    async with serving() as web, serving() as other:
        api_url = settings.prefect.api_url
        references = await by_reference(plant, web, api_url)
        cases = [("http", each) for each in (http_cases(plant, web, other), references)]
        await asyncio.gather(
            *(
                facade.run(name, type, config, parameters)
                for type, named in [*cases, ("function", function_cases(plant))]
                for name, (config, parameters) in named.items()
            )
        )
        await ask_wrongly(plant, facade)
        ends = await facade.ended()
        sent = repr([*web.seen, *other.seen])
    plant.planted[facade.token[-30:]] = "the caller's token"

    outcomes = {name: each.get("error", "") for name, each in ends.items()}
    well = {"headers", "json body", "form body", "address", "query", "of one run", "echo", *references}
    assert {name for name in well if outcomes[name]} <= {"references, failing"}, outcomes
    for place in ("an X-Api-Key header", "a body's password", "a form", "a run's body", "the query value sig"):
        [core] = [core for core, planted in plant.planted.items() if planted == place][:1]
        assert core in sent, f"{place} was to be sent"

    async def logged() -> bool:
        logs = [await prefect_log(services, facade.asked[name]) for name in ("headers", "function, raised")]
        return all(logs)

    await wait_until(logged, "Prefect has the logs")
    texts = await left_by(facade, services, home)
    for name in references:
        texts[f"the whole task {name}"] = (await facade.client.get(f"{BASE}/tasks/{facade.made[name]}")).text
    for task_id in facade.made.values():
        await facade.client.delete(f"{BASE}/tasks/{task_id}")
        texts[f"the audit of the deletion of {task_id}"] = (
            await facade.client.get(f"{BASE}/audit?task_id={task_id}")
        ).text
    facade.made.clear()
    found = plant.found_in(texts)
    assert not found, "\n".join(found)
