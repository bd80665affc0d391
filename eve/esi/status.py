"""Whether ESI is healthy: `GET /status` answers 200 with a valid body. Source: eve-modules, "Health check"."""

from __future__ import annotations

from datetime import date

import httpx

from falcon_scheduler.core.errors import Unavailable


async def ask_status(base_url: str, user_agent: str | None, compatibility_date: date) -> int:
    """The number of players online.

    Raises:
        Unavailable: ESI is away, as it is for some minutes every day about 11:00 UTC, or answers nonsense.
    """
    headers = {
        "User-Agent": user_agent or "falcon-scheduler",
        "X-Compatibility-Date": compatibility_date.isoformat(),
        "Accept": "application/json",
    }
    try:
        async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=10) as client:
            answer = await client.get("/status")
            answer.raise_for_status()
            return int(answer.json()["players"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise Unavailable("ESI") from error
