"""ESI's bodies as its specification gives them, and their values in our terms.

A corporation's body has two shapes, before and from compatibility date 2026-07-21; both become the same fields.
Source: ESI OpenAPI of 2020-01-01 and 2026-08-18.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from falcon_scheduler.eve.domain.affiliation import Affiliation
from falcon_scheduler.eve.domain.entity import Entity
from falcon_scheduler.eve.domain.errors import EsiUnreadable

Id = Annotated[int, Field(strict=True)]
T = TypeVar("T")


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class AllianceBody(_Body):
    """`GET /alliances/{alliance_id}`."""

    name: str
    ticker: str
    creator_id: Id
    creator_corporation_id: Id
    date_founded: AwareDatetime
    executor_corporation_id: Id | None = None
    faction_id: Id | None = None

    def entity(self, alliance_id: int) -> Entity:
        """As stored: `creator_id` is named `creator_character_id`, which is more precise."""
        fields = self.model_dump(exclude_none=True, exclude={"creator_id"})
        return Entity(alliance_id, fields | {"creator_character_id": self.creator_id})


class TaxRates(_Body):
    """In percent, 0 to 100."""

    isk: float


class CorporationBody(_Body):
    """`GET /corporations/{corporation_id}`, both shapes."""

    name: str
    ticker: str
    member_count: Id
    description: str | None = None
    url: str | None = None
    alliance_id: Id | None = None
    ceo_id: Id | None = None
    creator_id: Id | None = None
    date_founded: AwareDatetime | None = None
    faction_id: Id | None = None
    enlisted_faction_id: Id | None = None
    home_station_id: Id | None = None
    shares: Id | None = None
    tax_rate: float | None = None
    tax_rates: TaxRates | None = None
    war_eligible: bool | None = None

    def entity(self, corporation_id: int) -> Entity:
        """As we keep it: the tax as a fraction, the faction under one name."""
        fields = self.model_dump(exclude_none=True, exclude={"tax_rates", "enlisted_faction_id"})
        if self.tax_rates is not None:
            fields["tax_rate"] = round(self.tax_rates.isk / 100, 6)
        if self.enlisted_faction_id is not None:
            fields["faction_id"] = self.enlisted_faction_id
        return Entity(corporation_id, fields)


class AffiliationBody(_Body):
    """One element of `POST /characters/affiliation`."""

    character_id: Id
    corporation_id: Id
    alliance_id: Id | None = None
    faction_id: Id | None = None

    def affiliation(self) -> Affiliation:
        """As we keep it."""
        return Affiliation(self.character_id, self.corporation_id, self.alliance_id, self.faction_id)


IDS = TypeAdapter(list[Id])
ALLIANCE = TypeAdapter(AllianceBody)
CORPORATION = TypeAdapter(CorporationBody)
AFFILIATIONS = TypeAdapter(list[AffiliationBody])


def read(shape: TypeAdapter[T], body: Any, route: str) -> T:
    """A body as its shape.

    Raises:
        EsiUnreadable: it is not so; the message names the place, not the value.
    """
    try:
        return shape.validate_python(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise EsiUnreadable(route, f"{place}: {first['msg']}") from error
