"""The look at the deployments: what differs from the last one is followed, and tried again until it could be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from falcon_scheduler.core.domain.run import Deployed
from falcon_scheduler.core.domain.task import DeployedAs
from falcon_scheduler.core.errors import Unavailable
from falcon_scheduler.core.services.mirror.deployment_watch import WATCH_INTERVAL, DeploymentWatch


def deployment(name: str, fingerprint: str = "as deployed") -> Deployed:
    return Deployed(task_id=f"task {name}", as_deployed=DeployedAs(id=name, fingerprint=fingerprint, active=True))


@dataclass
class Engine:
    """Lists the deployments, and is gone in the middle of a list when the test says so."""

    present: list[Deployed] = field(default_factory=list)
    is_away: bool = False

    async def all(self) -> AsyncIterator[Deployed]:
        for each in self.present:
            yield each
        if self.is_away:
            raise Unavailable("Prefect")


@dataclass
class Followed:
    """What the watch asked to be followed; refuses it while `is_away`."""

    followed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    is_away: bool = False

    async def follow(self, deployed: Deployed) -> None:
        self.followed.append(deployed.as_deployed.id)
        if self.is_away:
            raise Unavailable("MongoDB")

    async def left(self, deployment_id: str) -> None:
        self.gone.append(deployment_id)
        if self.is_away:
            raise Unavailable("MongoDB")

    def taken(self) -> list[str]:
        taken, self.followed = self.followed, []
        return taken


@pytest.fixture
def engine() -> Engine:
    return Engine([deployment("a"), deployment("b")])


@pytest.fixture
def seen() -> Followed:
    return Followed()


@pytest.fixture
def watch(engine: Engine, seen: Followed) -> DeploymentWatch:
    return DeploymentWatch(deployments=engine, follow=seen.follow, left=seen.left, share=1)  # type: ignore[arg-type]


async def test_the_first_look_only_learns_and_the_next_follow_what_differs(
    watch: DeploymentWatch, engine: Engine, seen: Followed
) -> None:
    await watch.work()
    await watch.work()
    assert seen.taken() == []
    engine.present[1] = deployment("b", "edited")
    engine.present.append(deployment("c"))
    await watch.work()
    assert seen.taken() == ["b", "c"]
    await watch.work()
    assert seen.taken() == []


async def test_what_the_news_named_is_followed_though_it_looks_the_same(
    watch: DeploymentWatch, seen: Followed
) -> None:
    watch.note(["a"])
    await watch.work()
    assert seen.taken() == ["a"], "at the first look too"
    watch.note(["b"])
    await watch.work()
    assert seen.taken() == ["b"]


async def test_what_could_not_be_followed_is_tried_again(
    watch: DeploymentWatch, engine: Engine, seen: Followed
) -> None:
    await watch.work()
    engine.present[0] = deployment("a", "edited")
    seen.is_away = True
    await watch.work()
    await watch.work()
    assert seen.taken() == ["a", "a"]
    seen.is_away = False
    await watch.work()
    await watch.work()
    assert seen.taken() == ["a"]


async def test_a_look_that_fails_changes_nothing_of_what_is_remembered(
    watch: DeploymentWatch, engine: Engine, seen: Followed
) -> None:
    await watch.work()
    watch.note(["b"])
    engine.present, engine.is_away = [deployment("a", "edited")], True
    with pytest.raises(Unavailable):
        await watch.work()
    assert seen.gone == []
    engine.present, engine.is_away = [deployment("a", "edited"), deployment("b")], False
    seen.taken()
    await watch.work()
    assert seen.taken() == ["a", "b"]


async def test_what_is_not_listed_any_more_is_let_go_once_that_succeeds(
    watch: DeploymentWatch, engine: Engine, seen: Followed
) -> None:
    await watch.work()
    del engine.present[0]
    seen.is_away = True
    await watch.work()
    seen.is_away = False
    await watch.work()
    await watch.work()
    assert seen.gone == ["a", "a"]


async def test_looks_begin_no_more_often_than_the_interval_says(watch: DeploymentWatch) -> None:
    await watch.work()
    assert timedelta() < watch.interval <= WATCH_INTERVAL
