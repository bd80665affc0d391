"""Sends alerts through Apprise: mail, chat, SMS. Apprise blocks, so it runs in threads of its own.

The threads are few and daemons: a service that never answers blocks two threads, not the facade and not its exit.
Apprise makes its own connections, which the guard of `adapters.http` does not check.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from typing import Any

import apprise
from apprise.conversion import convert_between

from falcon_scheduler.core.domain.alert import Message
from falcon_scheduler.core.domain.alert_delivery import AlertEvent
from falcon_scheduler.core.domain.redaction import Redactor
from falcon_scheduler.core.errors import DeliveryFailed

MOST_THREADS = 2
"""Threads of each channel."""
_LONGEST_REASON = 300
_LOGGER = logging.getLogger("apprise")


class AppriseChannel:
    """One Apprise URL. See `core.ports.alerts.AlertChannel`."""

    def __init__(self, name: str, url: str) -> None:
        """Raises `ValueError` when Apprise can't read the URL; the message does not quote it."""
        self.name = name
        self._service = service_of(url)
        # Which part of the URL is the secret depends on the service, so the whole URL is concealed.
        self._redactor = Redactor([url, *re.split(r"[/:@?&=#,]+", url.partition("://")[2])])
        self._threads = 0

    async def send(self, message: Message) -> None:
        if self._threads >= MOST_THREADS:
            raise DeliveryFailed("earlier messages to it have not ended yet")
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[str | None] = loop.create_future()
        self._threads += 1

        def end(reason: str | None) -> None:
            self._threads -= 1
            if not outcome.done():
                outcome.set_result(reason)

        def work() -> None:
            reason = self._notify(message)
            try:
                loop.call_soon_threadsafe(end, reason)
            except RuntimeError:
                return  # the loop is closed: no caller waits any more

        threading.Thread(target=work, name=f"alert to {self.name}", daemon=True).start()
        if (reason := await outcome) is not None:
            raise DeliveryFailed(reason)

    def _notify(self, message: Message) -> str | None:
        """The reason of a failure; None when the service took it."""
        captured = _CapturedLog()
        _LOGGER.addHandler(captured)
        try:
            title, body = self._escaped(message)
            taken = bool(self._service.notify(body=body, title=title, notify_type=_type_of(message)))
        except Exception as error:  # noqa: BLE001 - some hundred services, each with its own exception types
            return f"the service failed with {type(error).__name__}"
        finally:
            _LOGGER.removeHandler(captured)
        if taken:
            return None
        output = self._redactor.text(" ".join(captured.lines))
        return output[:_LONGEST_REASON] or "the service did not take it, and gave no reason"

    def _escaped(self, message: Message) -> tuple[str, str]:
        """Title and text, escaped so that the service shows them unchanged: they contain text that users wrote."""
        target = self._service.notify_format
        body = _shown_as(target, message.text)
        if self._service.title_maxlen > 0:  # a line of its own, such as a subject
            return message.title, body
        return _shown_as(target, message.title), body


class _CapturedLog(logging.Handler):
    """Collects what Apprise logs in this thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(record.getMessage())


def service_of(url: str) -> Any:
    """The service behind an Apprise URL. Raises `ValueError` when there is none; the message does not quote it."""
    service = apprise.Apprise.instantiate(url)
    if service is None:
        raise ValueError("must be a URL that Apprise knows, see https://appriseit.com/services/")
    return service


def _shown_as(target: Any, text: str) -> str:
    return str(convert_between(apprise.NotifyFormat.TEXT, target, text))  # type: ignore[no-untyped-call]


def _type_of(message: Message) -> Any:
    if message.event is AlertEvent.OPENED:
        return apprise.NotifyType.FAILURE
    return apprise.NotifyType.SUCCESS if message.event is AlertEvent.RECOVERED else apprise.NotifyType.INFO
