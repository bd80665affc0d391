"""The token refresh: who is refreshed, what is kept, and who is to blame when it fails."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from falcon_scheduler.deployments.stack.embedded import EmbeddedStack
from falcon_scheduler.eve.demo.sso import owner_hash, refresh_token
from tests.eve.universe_bench import LONG_AGO, Bench

ONE, TWO, THREE = 90_000_001, 90_000_002, 90_000_003
KEY = Fernet.generate_key().decode()
TOUCHED = ("access_token", "refresh_token", "token_expiry", "valid", "updated_at")


async def test_a_due_token_is_refreshed_and_its_rotated_successor_kept(bench: Bench) -> None:
    await bench.add_profiles(ONE, TWO)

    result = await bench.run("token_refresh")

    assert result.success
    assert result.output == "Processed 2 tokens: 2 successful, 0 failed"
    assert (result.detail["success_count"], result.detail["failure_count"]) == (2, 0)
    profile = await bench.profile(ONE)
    assert profile["refresh_token"] == refresh_token(ONE, 1)
    assert profile["access_token"] != "old"
    assert profile["valid"] is True
    assert timedelta(minutes=19) < profile["token_expiry"] - datetime.now(UTC) <= timedelta(minutes=20)
    assert "refresh_claimed_until" not in profile

    assert (await bench.run("token_refresh", window="1m")).output.startswith("Processed 0")
    assert (await bench.run("token_refresh", window="1h")).detail["success"] == 2, "the new tokens work"


async def test_an_answer_without_a_refresh_token_leaves_the_old_one(bench: Bench) -> None:
    bench.sso_faults.rotate = bench.sso_faults.send_refresh_token = False
    await bench.add_profiles(ONE)

    await bench.run("token_refresh")

    assert (await bench.profile(ONE))["refresh_token"] == refresh_token(ONE)


async def test_only_valid_profiles_with_a_token_that_expires_soon_are_touched(bench: Bench) -> None:
    await bench.add_profiles(1, valid=False)
    await bench.add_profiles(2, refresh_token="")
    await bench.add_profiles(3, token_expiry=datetime.now(UTC) + timedelta(hours=1))
    await bench.database["user_profiles"].update_one({"character_id": 1}, {"$unset": {"refresh_token": ""}})
    before = await bench.all("user_profiles")

    assert (await bench.run("token_refresh")).output == "Processed 0 tokens: 0 successful, 0 failed"
    assert await bench.all("user_profiles") == before


async def test_every_due_profile_is_reached_though_pages_are_small_and_expiries_equal(bench: Bench) -> None:
    same = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=2)
    await bench.add_profiles(*range(90_000_101, 90_000_116), token_expiry=same)
    await bench.add_profiles(*range(90_000_201, 90_000_208))

    result = await bench.run("token_refresh", batch_size=4)

    assert result.detail["success"] == 22


async def test_the_oldest_come_first(bench: Bench) -> None:
    await bench.add_profiles(THREE, ONE, TWO)

    await bench.run("token_refresh", concurrent_workers=1)

    assert list(bench.running.sso.uses) == [refresh_token(one) for one in (THREE, ONE, TWO)]


@pytest.mark.parametrize("code", ["invalid_grant", "invalid_token"])
async def test_a_dead_token_invalidates_its_profile_and_no_other(bench: Bench, code: str) -> None:
    bench.sso_faults.dead_token_error = code
    bench.sso_faults.revoked = {TWO}
    await bench.add_profiles(ONE, TWO, THREE)

    result = await bench.run("token_refresh")

    assert result.success
    assert result.output == "Processed 3 tokens: 2 successful, 1 failed"
    assert [(await bench.profile(one))["valid"] for one in (ONE, TWO, THREE)] == [True, False, True]
    assert (await bench.run("token_refresh", window="1h")).detail.get("failed") == 0, "it is not tried again"


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "invalid_client"), (400, "invalid_request"), (400, "unsupported_grant_type")],
)
async def test_a_fault_of_our_own_ends_the_run_and_touches_nobody(bench: Bench, status: int, code: str) -> None:
    bench.sso_faults.client_error = (status, code)
    await bench.add_profiles(*range(90_000_101, 90_000_131))
    before = await bench.all("user_profiles")

    result = await bench.run("token_refresh")

    assert not result.success
    assert not result.retryable
    assert code in result.error
    assert "EVE_CLIENT_ID" in result.error
    assert bench.requests("POST") <= 4, "no more than were under way"
    assert await bench.all("user_profiles") == before


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 400, "kind": "page"},
        {"status": 401, "kind": "page"},
        {"kind": "cut"},
        {"kind": "garbage"},
    ],
    ids=str,
)
async def test_what_may_pass_changes_nothing(bench: Bench, fault: dict[str, Any]) -> None:
    bench.faults.add("/v2/oauth/token", **fault)
    await bench.add_profiles(ONE, TWO)
    before = await bench.all("user_profiles")

    result = await bench.run("token_refresh")

    assert not result.success
    assert result.retryable
    assert result.output == "Processed 2 tokens: 0 successful, 2 failed"
    assert await bench.all("user_profiles") == before

    bench.faults.rules.clear()
    assert (await bench.run("token_refresh")).detail["success"] == 2


async def test_one_token_that_fails_for_now_does_not_fail_the_task(bench: Bench) -> None:
    bench.faults.add("/v2/oauth/token", times=1)
    await bench.add_profiles(ONE, TWO, THREE)

    result = await bench.run("token_refresh")

    assert result.success
    assert result.output == "Processed 3 tokens: 2 successful, 1 failed"


async def test_no_token_is_sent_while_sso_cannot_show_its_keys(bench: Bench) -> None:
    bench.faults.add("/oauth/jwks")
    await bench.add_profiles(ONE)

    result = await bench.run("token_refresh")

    assert not result.success
    assert "EVE SSO is not available" in result.error
    assert bench.requests("POST") == 0


async def test_a_character_that_changed_hands_must_log_in_again(bench: Bench) -> None:
    bench.sso_faults.transferred = {ONE}
    await bench.add_profiles(ONE, TWO)

    result = await bench.run("token_refresh")

    assert (result.detail["success"], result.detail["invalidated"]) == (1, 1)
    profile = await bench.profile(ONE)
    assert profile["valid"] is False
    assert profile["access_token"] == "old"


async def test_a_token_of_another_character_is_not_kept(bench: Bench) -> None:
    bench.sso_faults.impostors = {ONE: TWO}
    await bench.add_profiles(ONE)

    await bench.run("token_refresh")

    profile = await bench.profile(ONE)
    assert (profile["valid"], profile["access_token"]) == (False, "old")


@pytest.mark.parametrize("wrong", ["wrong_signature", "wrong_audience", "wrong_issuer", "expired"])
async def test_a_token_that_does_not_verify_is_not_kept_but_the_login_is(bench: Bench, wrong: str) -> None:
    setattr(bench.sso_faults, wrong, True)
    await bench.add_profiles(ONE)

    result = await bench.run("token_refresh")

    assert result.output == "Processed 1 tokens: 0 successful, 1 failed"
    profile = await bench.profile(ONE)
    assert (profile["valid"], profile["access_token"]) == (True, "old")
    assert profile["refresh_token"] == refresh_token(ONE, 1), "the old one is dead"


@pytest.mark.parametrize("scopes", ["publicData", ["publicData", "esi-mail.read_mail.v1"], None], ids=str)
async def test_scopes_may_be_a_text_a_list_or_absent(bench: Bench, scopes: Any) -> None:
    bench.sso_faults.scopes = scopes
    await bench.add_profiles(ONE)

    assert (await bench.run("token_refresh")).detail["success"] == 1


async def test_two_instances_send_each_token_once(bench: Bench) -> None:
    some = range(90_000_101, 90_000_131)
    await bench.add_profiles(*some)
    bench.faults.add("/v2/oauth/token", kind="slow", seconds=0.02)

    results = await asyncio.gather(*(bench.run("token_refresh", batch_size=7, window="10m") for _ in range(2)))

    assert sum(result.detail["success"] for result in results) == len(some)
    assert set(bench.running.sso.uses.values()) == {1}
    assert all([(await bench.profile(one))["valid"] for one in some])


async def test_a_profile_claimed_by_a_worker_that_died_is_free_again(bench: Bench) -> None:
    await bench.add_profiles(ONE, refresh_claimed_until=datetime.now(UTC) + timedelta(minutes=1))
    await bench.add_profiles(TWO, refresh_claimed_until=datetime.now(UTC) - timedelta(seconds=1))

    result = await bench.run("token_refresh")

    assert (result.detail["success"], result.detail["elsewhere"]) == (1, 1)
    assert (await bench.profile(TWO))["refresh_token"] == refresh_token(TWO, 1)


async def test_a_login_during_the_refresh_is_kept(bench: Bench) -> None:
    await bench.add_profiles(ONE)
    bench.faults.add("/v2/oauth/token", kind="slow", seconds=2)
    run = asyncio.create_task(bench.run("token_refresh"))
    await bench.asked(2)
    await asyncio.sleep(0.3)
    login = {"refresh_token": "a new login's", "access_token": "new"}
    await bench.database["user_profiles"].update_one({"character_id": ONE}, {"$set": login})

    await run

    profile = await bench.profile(ONE)
    assert (profile["refresh_token"], profile["access_token"]) == ("a new login's", "new")


async def test_tokens_in_the_clear_are_read_and_sealed_when_written(bench: Bench) -> None:
    bench.eve["token_key"] = SecretStr(KEY)
    bench.sso_faults.revoked = {TWO}
    await bench.add_profiles(ONE, TWO)

    assert (await bench.run("token_refresh")).detail["success"] == 1
    for one in (ONE, TWO):
        assert "demo-refresh" not in str(await bench.profile(one))
    sealed = (await bench.profile(ONE))["refresh_token"]
    assert Fernet(KEY).decrypt(sealed.removeprefix("fernet:")).decode() == refresh_token(ONE, 1)

    assert (await bench.run("token_refresh", window="1h")).detail["success"] == 1, "sealed tokens are read"


@pytest.mark.parametrize("key", [SecretStr(Fernet.generate_key().decode()), None], ids=["another key", "no key"])
async def test_tokens_that_cannot_be_opened_are_left_alone_and_the_key_is_named(
    bench: Bench, key: SecretStr | None
) -> None:
    bench.eve["token_key"] = SecretStr(KEY)
    await bench.add_profiles(ONE)
    await bench.run("token_refresh")
    before, bench.eve["token_key"] = await bench.all("user_profiles"), key

    result = await bench.run("token_refresh", window="1h")

    assert not result.success
    assert "EVE_TOKEN_KEY" in result.error
    assert await bench.all("user_profiles") == before


async def test_without_a_client_the_task_says_what_to_set(bench: Bench) -> None:
    bench.eve |= {"client_id": None, "client_secret": None}
    await bench.add_profiles(ONE)

    result = await bench.run("token_refresh")

    assert not result.success
    assert not result.retryable
    assert "EVE_CLIENT_ID" in result.error
    assert "EVE_CLIENT_SECRET" in result.error
    assert (await bench.profile(ONE))["updated_at"] == LONG_AGO


async def test_tokens_and_secrets_show_nowhere(bench: Bench) -> None:
    bench.sso_faults.revoked = {TWO}
    bench.faults.add("/v2/oauth/token", times=1)
    await bench.add_profiles(ONE, TWO, THREE)

    result = await bench.run("token_refresh")

    said = " ".join([repr(result), *bench.told.lines, repr(bench.told.progress)])
    assert "demo-refresh" not in said
    assert "demo-secret" not in said
    assert owner_hash(ONE) not in said


async def test_a_rotated_token_is_kept_though_the_run_is_cancelled(bench: Bench) -> None:
    await bench.add_profiles(ONE)
    bench.faults.add("/v2/oauth/token", kind="slow", seconds=0.3)
    run = asyncio.create_task(bench.run("token_refresh"))
    await bench.asked(2)
    await asyncio.sleep(0.15)

    run.cancel()
    await asyncio.wait({run})

    assert run.cancelled()
    assert (await bench.profile(ONE))["refresh_token"] == refresh_token(ONE, bench.running.sso.generations[ONE])


@pytest.mark.slow
async def test_a_rotated_token_survives_a_database_that_is_away_for_a_moment(
    bench: Bench, eve_servers: EmbeddedStack
) -> None:
    await bench.add_profiles(ONE)
    bench.faults.add("/v2/oauth/token", kind="slow", seconds=3)
    run = asyncio.create_task(bench.run("token_refresh"))
    await bench.asked(3)
    await eve_servers.stop_part("mongo")
    await asyncio.sleep(4)
    await eve_servers.start_part("mongo")

    result = await run

    assert result.detail["success"] == 1
    assert (await bench.profile(ONE))["refresh_token"] == refresh_token(ONE, 1)


async def test_a_short_time_limit_is_still_used(bench: Bench) -> None:
    await bench.add_profiles(ONE, TWO)

    assert (await bench.run("token_refresh", timeout="5s")).detail["success"] == 2


async def test_the_due_profiles_are_indexed_and_a_user_may_have_several_characters(bench: Bench) -> None:
    await bench.run("token_refresh")
    await bench.add_profiles(ONE, TWO, user_id="the same")

    indexes = await bench.database["user_profiles"].index_information()

    keys = [[name for name, _ in index["key"]] for index in indexes.values()]
    assert ["valid", "token_expiry", "character_id"] in keys
    assert ["user_id"] not in keys
