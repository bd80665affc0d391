"""Has Prefect's server convert instants at less cost, on their way to PostgreSQL and into its answers.

Prefect's instants are pendulum's (before Python 3.13). PostgreSQL's driver takes the difference of each to the year
2000, for which pendulum makes an interval of years, months and days: 4 % of the server's CPU. The same instant as
one of the standard library costs a twentieth of that. For an answer the server makes each instant one of pendulum's
again. It looks the zone up and converts the instant to it, which takes 12 µs. Instants in UTC need no conversion:
copying their parts takes 2 µs. Source: Prefect 3.8.8, `server/utilities/database.py`, `types/_datetime.py`. The texts
for requests upstream are in docs/decisions/0027-statements-built-once.md.
"""

from __future__ import annotations

import inspect
import logging
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

from prefect.server.utilities import database

logger = logging.getLogger(__name__)

COLUMN, FUNCTION = "Timestamp", "process_bind_param"
INSTANTS, INSTANCE = "prefect.types._datetime", "instance"
"""Where Prefect's class of instants is, and what makes one of another. No public name leads there."""
_ITS_PARAMETERS = ("self", "value", "dialect")


def hand_over_plain_instants() -> bool:
    """From now on, in this process. Repeatable. False in a version of Prefect of another form."""
    column = getattr(database, COLUMN, None)
    bind = getattr(column, FUNCTION, None)
    if hasattr(bind, "hands_over_plain"):
        return True
    if bind is None or tuple(inspect.signature(bind).parameters) != _ITS_PARAMETERS:
        logger.warning("This version of Prefect stores instants in another way; it is left as it is")
        return False

    def bind_plain(self: Any, value: datetime | None, dialect: Any) -> datetime | None:
        bound: datetime | None = bind(self, value, dialect)
        return plain(bound) if bound is not None and dialect.name == "postgresql" else bound

    bind_plain.hands_over_plain = True  # type: ignore[attr-defined]
    setattr(column, FUNCTION, bind_plain)
    return True


def take_over_utc_instants() -> bool:
    """From now on, in this process. Repeatable. False where Prefect's instants are made in another way."""
    found = getattr(import_module(INSTANTS), "DateTime", None)
    if found is datetime:  # from Python 3.13 on it has no instants of pendulum's
        return True
    instance = getattr(found, INSTANCE, None)
    if hasattr(instance, "takes_over_utc"):
        return True
    if instance is None or tuple(inspect.signature(instance).parameters) != ("dt", "tz"):
        logger.warning("This version of Prefect makes instants in another way; it is left as it is")
        return False

    utc = instance(datetime(2000, 1, 1, tzinfo=UTC)).tzinfo

    def of_utc(cls: type[Any], dt: datetime, tz: Any = UTC) -> Any:
        zone = dt.tzinfo
        if zone is UTC or (isinstance(zone, ZoneInfo) and zone.key == "UTC"):
            day, time = (dt.year, dt.month, dt.day), (dt.hour, dt.minute, dt.second)
            return cls(*day, *time, dt.microsecond, tzinfo=utc, fold=dt.fold)
        return instance.__func__(cls, dt, tz)

    of_utc.takes_over_utc = True  # type: ignore[attr-defined]
    setattr(found, INSTANCE, classmethod(of_utc))
    return True


def plain(instant: datetime) -> datetime:
    """The same instant, of the standard library, in UTC."""
    # From its parts: the methods of a subclass return the subclass.
    day, time = (instant.year, instant.month, instant.day), (instant.hour, instant.minute, instant.second)
    same = datetime(*day, *time, instant.microsecond, tzinfo=UTC)
    offset = instant.utcoffset()
    return same - offset if offset else same
