"""The ESI half of the demo server: routes over the universe, with caching, both limit regimes and every fault."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from falcon_scheduler.eve.demo import spec
from falcon_scheduler.eve.demo.faults import Fault, Faults, Kind, SsoFaults
from falcon_scheduler.eve.demo.universe import Universe

STARTED_AT = datetime(2026, 1, 1, 11, 30, tzinfo=UTC)


@dataclass(slots=True)
class ErrorWindow:
    """The old regime: a fixed window of errors over all routes."""

    ends_at: float = 0.0
    errors: int = 0

    def headers(self, faults: Faults, now: float) -> dict[str, str]:
        """The warning header of every answer of an old-style route."""
        if now >= self.ends_at:
            self.ends_at, self.errors = now + faults.error_window_seconds, 0
        return {
            "X-ESI-Error-Limit-Remain": str(max(0, faults.error_limit - self.errors)),
            "X-ESI-Error-Limit-Reset": str(max(1, round(self.ends_at - now))),
        }


@dataclass(slots=True)
class Demo:
    """The whole demo world: its data, its faults, and the requests that it got."""

    universe: Universe = field(default_factory=Universe)
    faults: Faults = field(default_factory=Faults)
    sso: SsoFaults = field(default_factory=SsoFaults)
    check_answers: bool = False
    """Hold our own answers against the specification too; a fault there is a 599."""
    latency_seconds: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)
    """Requests by `METHOD route status`."""
    arrivals: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=50_000))
    errors: ErrorWindow = field(default_factory=ErrorWindow)
    spent: Counter[str] = field(default_factory=Counter)
    """Tokens spent by rate-limit group."""

    def reset(self) -> None:
        """All faults off, all counts forgotten; the universe stays."""
        self.faults, self.sso = Faults(), SsoFaults()
        self.requests.clear()
        self.arrivals.clear()
        self.spent.clear()
        self.errors = ErrorWindow()


class CutResponse(Response):
    """Promises a body, sends a part of it, and leaves: the server then cuts the connection."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"na', "more_body": True})


class Refusal(Exception):
    """A request that gets ESI's error body."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


Answerer = Callable[[Demo, Request, date, Any], object]


class EsiRoute:
    """One route: checks the request against the specification, then answers from the universe."""

    def __init__(self, demo: Demo, route: str, answer: Answerer) -> None:
        self._demo = demo
        self._route = route
        self._answer = answer

    async def __call__(self, request: Request) -> Response:
        demo = self._demo
        demo.arrivals.append((time.monotonic(), self._route))
        response = await self._respond(request)
        demo.requests[f"{request.method} {self._route} {response.status_code}"] += 1
        response.headers.setdefault("Date", format_datetime(datetime.now(UTC), usegmt=True))
        return response

    async def _respond(self, request: Request) -> Response:
        demo = self._demo
        if demo.latency_seconds:
            await asyncio.sleep(demo.latency_seconds)
        fault = demo.faults.of(self._route)
        if fault is not None:
            if fault.kind is not Kind.SLOW:
                return self._faulty(fault)
            await asyncio.sleep(fault.seconds)
        try:
            asked = spec.asked_date(request.headers)
            operation = spec.operation(self._route, asked)
            self._check_limits(operation)
            return await self._sound(request, asked, operation)
        except Refusal as refusal:
            return self._refused(refusal.status, str(refusal))
        except ValueError as error:
            return self._refused(400, str(error))

    def _check_limits(self, operation: spec.Operation) -> None:
        window = self._demo.errors.headers(self._demo.faults, time.monotonic())
        if window["X-ESI-Error-Limit-Remain"] == "0":
            raise Refusal(420, "This software has exceeded the error limit for ESI.")
        limit = operation.rate_limit
        if limit and self._demo.spent[limit["group"]] >= limit["max-tokens"]:
            raise Refusal(429, "Too many requests")

    async def _sound(self, request: Request, asked: date, operation: spec.Operation) -> Response:
        faults = spec.header_faults(operation, request.headers)
        body = None
        if operation.method == "POST":
            body = json.loads(await request.body() or b"null")
            faults += operation.body_faults(body)
        if faults:
            raise Refusal(400, "; ".join(faults))
        answer = self._answer(self._demo, request, asked, body)
        if self._demo.check_answers and (wrong := operation.response_faults(answer)):
            return self._refused(599, "; ".join(wrong))
        return self._cacheable(request, operation, answer)

    def _cacheable(self, request: Request, operation: spec.Operation, answer: object) -> Response:
        content = json.dumps(answer, separators=(",", ":")).encode()
        headers = self._limit_headers(operation, 2)
        age = self._demo.faults.cache_seconds
        age = operation.cache_seconds if age is None else age
        if operation.method == "GET" and age is not None:
            sent_at = datetime.now(UTC)
            expires_at = sent_at + timedelta(seconds=age)
            headers["Date"] = format_datetime(sent_at, usegmt=True)
            headers["Expires"] = format_datetime(expires_at, usegmt=True)
            headers["Cache-Control"] = f"public, max-age={age:.0f}"
            headers["ETag"] = f'"{hashlib.blake2s(content, digest_size=12).hexdigest()}"'
            if request.headers.get("if-none-match") == headers["ETag"]:
                return Response(status_code=304, headers=headers)
        return Response(content, media_type="application/json", headers=headers)

    def _limit_headers(self, operation: spec.Operation, cost: int) -> dict[str, str]:
        limit = operation.rate_limit
        if limit is None:
            return self._demo.errors.headers(self._demo.faults, time.monotonic())
        self._demo.spent[limit["group"]] += cost
        return {
            "X-Ratelimit-Group": limit["group"],
            "X-Ratelimit-Limit": f"{limit['max-tokens']}/{limit['window-size']}",
            "X-Ratelimit-Remaining": str(max(0, limit["max-tokens"] - self._demo.spent[limit["group"]])),
            "X-Ratelimit-Used": str(cost),
        }

    def _faulty(self, fault: Fault) -> Response:
        if fault.kind is Kind.CUT:
            return CutResponse()
        if fault.kind is Kind.GARBAGE:
            return Response('{"nothing": "of use"}', media_type="application/json")
        if fault.kind is Kind.PAGE:
            return HTMLResponse("<h1>Down for maintenance</h1>", fault.status, headers=fault.headers)
        return self._refused(fault.status, "a fault was requested", fault.headers)

    def _refused(self, status: int, message: str, more: dict[str, str] | None = None) -> Response:
        demo, now = self._demo, time.monotonic()
        headers: dict[str, str] = {}
        if status != 429:
            if status != 420:
                demo.errors.headers(demo.faults, now)
                demo.errors.errors += 1
            headers = demo.errors.headers(demo.faults, now)
        content = json.dumps({"error": message}).encode()
        return Response(content, status, headers=headers | (more or {}), media_type="application/json")


def status(demo: Demo, request: Request, asked: date, body: Any) -> object:
    """`GET /status`."""
    return {"players": 12_345, "server_version": "2700000", "start_time": STARTED_AT.isoformat(), "vip": False}


def meta_status(demo: Demo, request: Request, asked: date, body: Any) -> object:
    """`GET /meta/status`."""
    routes = spec.operations("2020-01-01").values()
    return {"routes": [{"path": one.route, "method": one.method, "status": "OK"} for one in routes]}


def alliances(demo: Demo, request: Request, asked: date, body: Any) -> object:
    """`GET /alliances`."""
    return demo.universe.alliance_ids()


def alliance(demo: Demo, request: Request, asked: date, body: Any) -> object:
    """`GET /alliances/{alliance_id}`."""
    return _found(demo.universe.alliance(int(request.path_params["alliance_id"])), "Alliance not found")


def corporation(demo: Demo, request: Request, asked: date, body: Any) -> object:
    """`GET /corporations/{corporation_id}`."""
    new_shape = asked >= spec.NEW_CORPORATIONS_FROM
    found = demo.universe.corporation(int(request.path_params["corporation_id"]), new_shape=new_shape)
    return _found(found, "Corporation not found")


def affiliation(demo: Demo, request: Request, asked: date, body: Any) -> object:
    """`POST /characters/affiliation`: one id that is no character spoils the whole request."""
    universe = demo.universe
    found = [universe.affiliation(one) for one in body if one not in universe.deleted_characters]
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        if not known:
            raise Refusal(404, "No characters found!")
        raise Refusal(demo.faults.bad_character_status, "Invalid character ID")
    return known


def _found(body: dict[str, Any] | None, message: str) -> dict[str, Any]:
    if body is None:
        raise Refusal(404, message)
    return body
