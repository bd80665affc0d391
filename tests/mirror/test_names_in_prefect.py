"""What runs are called in Prefect, and the tag with the task's name."""

from __future__ import annotations

from dataclasses import replace

from prefect.client.orchestration import PrefectClient

from falcon_scheduler.adapters.prefect.deployment_body import (
    changes_made,
    deployment_body,
    fingerprint_of,
    taken_back,
)
from falcon_scheduler.core.domain.audit import Action
from falcon_scheduler.core.domain.task import Task
from falcon_scheduler.core.ports import AuditFilter, PageRequest
from tests.conftest import ADMIN, Scheduler, wait_until
from tests.mirror.deployments import deployment_of
from tests.stores.samples import a_task


async def test_a_deployment_of_an_earlier_version_gets_the_tag_of_the_name_and_keeps_its_runs(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task(tags=("nightly", "task: of its own"), schedule="0 0 3 * * *")
    path = {"id": str(task.deployment_id)}
    await wait_until(lambda: runs_ahead(client, task), "Prefect has planned runs")
    earlier = {"tags": ["nightly", "task: of its own", "function"]}
    await client.request("PATCH", "/deployments/{id}", path_params=path, json=earlier)
    await client.request("POST", "/deployments/{id}/schedule", path_params=path, json={})
    before = await wait_until(lambda: runs_ahead(client, task), "Prefect has planned runs")
    await scheduler.services.reconcile.reload()
    assert (await deployment_of(client, task.id))["tags"] == [*earlier["tags"], f"task: {task.definition.name}"]
    assert (await scheduler.services.tasks.get(task.id)).version == task.version

    async def all_there() -> bool:
        after = await runs_ahead(client, task)
        return before.keys() <= after.keys() and await are_named(client, task, task.definition.name)

    await wait_until(all_there, "each run that was planned is planned again, under its name")
    wanted = AuditFilter(task_id=task.id, actions=frozenset({Action.TAKE_BACK}))
    assert (await scheduler.services.audit.list(wanted, PageRequest())).total == 0, "no user set this"


async def test_the_tag_of_the_name_follows_the_name_and_tags_of_users_are_theirs(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task(tags=("nightly", "task: of its own"), schedule="0 0 3 * * *")
    path = {"id": str(task.deployment_id)}
    ours = f"task: {task.definition.name}"
    by_hand = {"tags": ["nightly", "function", ours, "task: by hand"]}
    await client.request("PATCH", "/deployments/{id}", path_params=path, json=by_hand)

    async def has_tags(*wanted: str) -> bool:
        return (await scheduler.services.tasks.get(task.id)).definition.tags == wanted

    kept = ("nightly", "task: by hand")
    await wait_until(lambda: has_tags(*kept), "the task has the tags of the user, of any beginning, and no other")
    for hostile in (" <b> \u05d0 / %s {{ x }} ${y}", " \U0001f680 '\"", "w" * 100):
        name = f"{task.definition.name[:20]}{hostile}"[:100]
        await scheduler.services.tasks.update(task.id, {"name": name}, ADMIN)
        assert (await deployment_of(client, task.id))["tags"] == [*kept, "function", f"task: {name}"]
        await wait_until(lambda: are_named(client, task, name), f"the runs to come are called {name}")  # noqa: B023
    assert await has_tags(*kept)


async def test_a_tag_of_a_user_that_equals_the_tag_of_the_name_stays_with_the_task(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task(schedule="0 0 3 * * *")
    ours = f"task: {task.definition.name}"
    path = {"id": str(task.deployment_id)}
    await scheduler.services.tasks.update(task.id, {"tags": (ours, "task: another")}, ADMIN)
    assert (await deployment_of(client, task.id))["tags"] == ["task: another", "function", ours]
    await client.request("PATCH", "/deployments/{id}", path_params=path, json={"tags": ["function", "by hand"]})

    async def taken_over() -> bool:
        return set((await scheduler.services.tasks.get(task.id)).definition.tags) == {"by hand", ours}

    await wait_until(taken_over, "the task has the tag set in Prefect and, besides, its own")
    await scheduler.services.tasks.update(task.id, {"name": f"{task.definition.name} 2"}, ADMIN)
    assert (await deployment_of(client, task.id))["tags"] == ["by hand", ours, "function", f"{ours} 2"]


async def test_a_change_of_the_description_in_prefect_is_set_back_and_makes_no_tag_of_the_task(
    scheduler: Scheduler, client: PrefectClient
) -> None:
    task = await scheduler.task(tags=("nightly",), schedule="0 0 3 * * *")
    before = await deployment_of(client, task.id)
    changed = {"description": "by hand", "tags": [*before["tags"], "task: by hand"]}
    await client.request("PATCH", "/deployments/{id}", path_params={"id": before["id"]}, json=changed)

    async def set_back() -> bool:
        there = await deployment_of(client, task.id)
        ours = f"task: {task.definition.name}"
        return bool(there["description"] == before["description"] and there["tags"][-1] == ours)

    await wait_until(set_back, "the description of the task is there again")
    assert (await scheduler.services.tasks.get(task.id)).definition.tags == ("nightly", "task: by hand")


def test_a_deployment_of_before_the_task_was_renamed_adds_no_tag_with_the_former_name() -> None:
    """As `prefect deploy` writes it from an earlier prefect.yaml."""
    former = a_task("Former * name", tags=("nightly",))
    now = replace(former, definition=replace(former.definition, name="Present name"))
    at = former.created_at
    assert changes_made(deployment_body(former, "", at), now, at) == {}
    assert set(taken_back(deployment_body(former, "", at), now, at)) == {"description"}
    assert fingerprint_of(deployment_body(former, "", at)) != fingerprint_of(deployment_body(now, "", at))


def test_an_own_tag_that_begins_as_the_tag_of_the_name_is_part_of_what_a_deployment_means() -> None:
    plain, tagged = a_task("One", id="1"), a_task("One", id="1", tags=("task: x",))
    bodies = [deployment_body(each, "", each.created_at) for each in (plain, tagged)]
    assert fingerprint_of(bodies[0]) != fingerprint_of(bodies[1])
    without = {
        **bodies[1],
        "tags": [tag for tag in bodies[1]["tags"] if tag == "task: x" or not tag.startswith("task: ")],
    }
    assert fingerprint_of(without) != fingerprint_of(bodies[1]), "ours is missing, whatever else begins so"


async def runs_ahead(client: PrefectClient, task: Task) -> dict[str, str]:
    """The names of the task's planned runs by their instants."""
    wanted = {"deployment_id": {"any_": [str(task.deployment_id)]}, "state": {"type": {"any_": ["SCHEDULED"]}}}
    found = (await client.request("POST", "/flow_runs/filter", json={"flow_runs": wanted})).json()
    return {each["expected_start_time"]: each["name"] for each in found}


async def are_named(client: PrefectClient, task: Task, name: str) -> bool:
    """Whether there are runs to come and each has the name of the task and its instant."""
    runs = await runs_ahead(client, task)
    wanted = {at: f"{name} {at[:19].replace('T', ' ')}" for at in runs}
    return bool(runs) and runs == wanted
