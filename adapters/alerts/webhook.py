"""Sends alerts by HTTP POST, signed so that the receiver can verify the sender.

Source: Standard Webhooks 1.0.0: the three headers, what is signed, `whsec_` secrets, only 2xx is a success, no
redirects, 410 means never send again.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from datetime import timedelta

from falcon_scheduler.adapters.alerts.payload import payload_of
from falcon_scheduler.adapters.http.errors import HttpFailed
from falcon_scheduler.adapters.http.sender import HttpRequest, HttpSender
from falcon_scheduler.core.domain.alert import Message
from falcon_scheduler.core.errors import DeliveryFailed
from falcon_scheduler.core.ports import Clock

_ANSWER_BYTES = 4096
_SECRET_PREFIX = "whsec_"  # noqa: S105 - the scheme's own mark, not a secret
_GONE = 410


class WebhookChannel:
    """One address. See `core.ports.alerts.AlertChannel`."""

    def __init__(
        self, name: str, url: str, secret: str, *, sender: HttpSender, clock: Clock, timeout: timedelta
    ) -> None:
        self.name = name
        self._url = url
        self._key = key_of(secret)
        self._sender = sender
        self._clock = clock
        self._timeout = timeout

    async def send(self, message: Message) -> None:
        body = json.dumps(payload_of(message), ensure_ascii=False).encode()
        timestamp = str(int(self._clock.now().timestamp()))
        request = HttpRequest(
            method="POST",
            url=self._url,
            headers={
                "Content-Type": "application/json",
                "webhook-id": message.id,
                "webhook-timestamp": timestamp,
                "webhook-signature": signature(self._key, message.id, timestamp, body),
            },
            content=body,
            timeout=self._timeout,
            body_limit_bytes=_ANSWER_BYTES,
            follow_redirects=False,
        )
        try:
            answer = await self._sender.send(request)
        except HttpFailed as error:
            raise DeliveryFailed(str(error)) from error
        if not 200 <= answer.status_code < 300:
            raise DeliveryFailed(f"it answered with status {answer.status_code}", final=answer.status_code == _GONE)


def key_of(secret: str) -> bytes:
    """The key of a secret: what follows `whsec_` in base64, or the bytes of any other text.

    Raises:
        ValueError: it is not base64.
    """
    if not secret.startswith(_SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"must be base64 after {_SECRET_PREFIX}") from None


def signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 over id, timestamp and body, with dots between."""
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
