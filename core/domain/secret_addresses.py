"""Secrets in the paths of addresses: the address of a webhook is enough to send to it.

The paths of well-known services are recognised by their shape; of other services, a segment behind `hooks` or
`webhooks` that looks random.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_REST = r"[^\s?#\"'<>\\]+"
_SEGMENT = r"[^\s/?#\"'<>\\]+"
_HOST = r"://(?:[^\s/?#@]{1,200}@)?"
_AT = rf"{_HOST}(?:[\w-]{{1,63}}\.){{0,8}}"
_KNOWN = (
    rf"{_AT}hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/({_REST})",
    rf"{_AT}discord(?:app)?\.com/api/(?:v\d{{1,2}}/)?webhooks/\d{{1,20}}/({_REST})",
    rf"{_AT}webhook\.office\.com/webhookb2/({_REST})",
    rf"{_AT}office(?:365)?\.com/webhook/({_REST})",
    rf"{_HOST}api\.telegram\.org/(?:file/)?bot({_SEGMENT})",
    rf"{_HOST}hooks\.zapier\.com/hooks/catch/({_REST})",
    rf"{_HOST}maker\.ifttt\.com/[^\s?#]{{1,200}}/key/({_REST})",
    rf"{_HOST}hook\.[a-z0-9]{{1,10}}\.make\.com/({_REST})",
    rf"{_HOST}(?:hc-ping\.com|healthchecks\.io/ping)/({_REST})",
    # 16 characters with a digit: `/hooks/12345` is a name, `/hooks/9f8a7b6c5d4e3f2a` is a credential.
    rf"{_HOST}[^\s/?#\"'<>]{{1,255}}/(?:[\w.-]{{1,64}}/){{0,6}}(?:hooks?|webhooks?)/(?:[\w.-]{{1,64}}/){{0,3}}?"
    rf"((?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{{16,255}}{_REST[:-1]}*)",
)
_PATHS = re.compile("|".join(_KNOWN), re.IGNORECASE)
_HINTS = ("hook", "telegram", "ifttt", "ping")
"""Every address that the patterns match contains one of these."""
_BY_CHANCE = re.compile(r"(?<=/)(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[\w-]{20,255}(?=[/?#\s\"'<>]|$)", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def secret_paths(text: str) -> Iterator[str]:
    """The parts of addresses in a text that work as credentials."""
    if _may_hold(text):
        yield from map(_found, _PATHS.finditer(text))


def without_secret_paths(text: str, mark: str) -> str:
    """The text with a mark instead of each of them."""
    if not _may_hold(text):
        return text
    return _PATHS.sub(lambda match: match[0][: -len(_found(match))] + mark, text)


def without_odd_segments(address: str, mark: str) -> str:
    """An address with a mark instead of each long segment of its path that looks random.

    A UUID stays: most UUIDs name a thing and are no credential.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    return scheme + separator + _BY_CHANCE.sub(lambda match: match[0] if _UUID.fullmatch(match[0]) else mark, rest)


def _may_hold(text: str) -> bool:
    """A cheap test that saves the search, which takes far longer."""
    if "://" not in text:
        return False
    folded = text.casefold()
    return any(hint in folded for hint in _HINTS)


def _found(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None)
