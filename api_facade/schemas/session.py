"""Shapes of sessions: who a browser is signed in as, and what that one may do."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from falcon_scheduler.api_facade.auth.tokens import LONGEST_TOKEN
from falcon_scheduler.api_facade.schemas.common import RequestShape, ResponseShape
from falcon_scheduler.api_facade.schemas.values import Instant

Secret = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TOKEN, strip_whitespace=True)]


class SessionRequest(RequestShape):
    """What a browser signs in with; one of the two."""

    token: Annotated[Secret | None, Field(description="A token, as other clients send it as Bearer.")] = None
    code: Annotated[
        Secret | None, Field(description="The one-time code of a link that `falcon-scheduler` printed.")
    ] = None


class SessionResponse(ResponseShape):
    """Who is asking."""

    user_id: str
    character_id: int
    character_name: str
    is_super_admin: bool
    permissions: Annotated[list[str], Field(description="What may be done, a super admin's all among them.")]
    expires_at: Annotated[Instant, Field(description="When the token is not believed any more.")]
    default_timezone: Annotated[str, Field(description="In which a schedule is read when its task names no zone.")]


class SessionEnded(ResponseShape):
    """The cookie is withdrawn."""

    message: str
