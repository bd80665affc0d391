"""The operations page over HTTP: its files and how long a browser may keep them, and what it may do."""

from __future__ import annotations

import gzip
import re

import httpx

from falcon_scheduler.adapters.settings import Settings
from falcon_scheduler.api_facade.composition.services import Services
from tests.api.conftest import BASE
from tests.api.test_root import serving


async def script_of(client: httpx.AsyncClient, base: str = BASE) -> httpx.Response:
    """The page's first module, by the address that the page names."""
    page = await client.get(f"{base}/ui/")
    found = re.search(r'src="(\w+/main\.js)"', page.text)
    assert found, page.text
    return await client.get(f"{base}/ui/{found[1]}")


async def test_the_page_is_asked_for_anew_and_its_files_are_kept_for_ever(client: httpx.AsyncClient) -> None:
    page = await client.get(f"{BASE}/ui/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    again = await client.get(f"{BASE}/ui/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    script = await script_of(client)
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_a_file_of_another_version_is_given_but_not_kept(client: httpx.AsyncClient) -> None:
    other = await client.get(f"{BASE}/ui/0123456789abcdef/main.js")
    assert (other.status_code, other.headers["cache-control"]) == (200, "no-cache")
    assert other.text == (await script_of(client)).text


async def test_files_are_sent_compressed_to_those_who_take_that(client: httpx.AsyncClient) -> None:
    plain = await client.get(f"{BASE}/ui/x/app.js", headers={"Accept-Encoding": "identity"})
    packed = await client.get(f"{BASE}/ui/x/app.js", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content)
    assert gzip.compress(plain.content, 9, mtime=0)


async def test_nothing_inline_and_nothing_from_elsewhere_runs_in_it(client: httpx.AsyncClient) -> None:
    page = await client.get(f"{BASE}/ui/")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", page.text)


async def test_what_is_for_developers_is_not_served(client: httpx.AsyncClient) -> None:
    for name in (
        "tsconfig.json",
        "package.json",
        "lib/types.d.ts",
        "vendor/checksums.json",
        "../app.py",
        "nothing.js",
    ):
        answer = await client.get(f"{BASE}/ui/x/{name}")
        assert answer.status_code == 404, name


async def test_the_page_stands_behind_a_prefix(settings: Settings, services: Services) -> None:
    async with serving(settings, services, api_prefix="/falcon/v1", api_rate_limit=0) as client:
        base = f"/falcon/v1{BASE}"
        led = await client.get(f"{base}/ui")
        assert led.headers["location"] == f"{base}/ui/"
        assert (await script_of(client, base)).status_code == 200
