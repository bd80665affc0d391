"""A seeded sample of the sweep over all clock changes from 2000 to 2037; `sweep.py` says how to run all of it."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest

from .sweep import Change, differs, distinct_zones, expressions, prefect_differs


@pytest.fixture(scope="module")
def changes() -> list[Change]:
    return [Change(zone, at) for zone, instants in distinct_zones() for at in instants]


@pytest.mark.slow
def test_instants_around_clock_changes_are_those_of_the_oracle(changes: list[Change]) -> None:
    random = Random("instants")
    cases = [(random.choice(changes), random.choice(expressions())) for _ in range(5_000)]
    faults = [fault for change, expression in cases if (fault := differs(change, expression))]
    assert not faults, faults[:5]


@pytest.mark.slow
def test_prefect_dates_around_clock_changes_are_our_instants(changes: list[Change]) -> None:
    random = Random("prefect")
    cases = [(random.choice(changes), random.choice(expressions())) for _ in range(300)]
    faults = [fault for change, expression in cases if (fault := prefect_differs(change, expression))]
    assert not faults, faults[:5]


@pytest.mark.slow
def test_no_zone_changes_its_clocks_twice_within_six_days(changes: list[Change]) -> None:
    """The product looks at the offset every five days."""
    closest = min(later.at - earlier.at for earlier, later in pairwise(changes) if earlier.zone == later.zone)
    assert closest > timedelta(days=6)
    assert len(changes) > 5_000
