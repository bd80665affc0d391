"""`GET /metrics`, beside the API and outside its prefix, where Prometheus looks by default."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import SecretStr

from falcon_scheduler.api_facade.auth.carriers import carried_token
from falcon_scheduler.api_facade.deps import count_address
from falcon_scheduler.core.errors import Unauthenticated


def metrics_router(token: SecretStr | None) -> APIRouter:
    """The route. With a token only requests that carry it are answered."""
    router = APIRouter()

    @router.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        if token is not None:
            carried = carried_token(request)
            if carried is None or not secrets.compare_digest(carried.encode(), token.get_secret_value().encode()):
                count_address(request, request.app.state.container)
                raise Unauthenticated("The metrics need the token of METRICS_TOKEN as Bearer")
        return Response(request.app.state.container.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
