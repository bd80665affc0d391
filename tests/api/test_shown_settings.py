"""The settings that administrators are shown."""

from __future__ import annotations

import httpx
from pydantic import SecretStr

from falcon_scheduler.adapters.settings import Settings


async def test_every_setting_is_listed_with_its_source_and_no_secret(
    admin: httpx.AsyncClient, settings: Settings
) -> None:
    answer = await admin.get("/settings")
    assert answer.status_code == 200
    shown = {each["name"]: each for each in answer.json()["settings"]}
    assert shown["SCHEDULER_QUEUE_SIZE"]["value"] == settings.scheduler.queue_size
    assert shown["JWT_SECRET"]["source"] == "environment"
    assert (shown["JWT_SECRET"]["value"], shown["JWT_SECRET"]["is_secret"]) == ("[concealed]", True)
    secret, password = settings.api.jwt_secret, settings.redis.password or SecretStr("-" * 99)
    assert secret is not None
    assert secret.get_secret_value() not in answer.text
    assert password.get_secret_value() not in answer.text
