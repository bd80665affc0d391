"""Secrets in the paths of addresses: who knows the address of a webhook may send to it.

The paths of well-known services are known by their shape; of others, what stands behind `hooks` or `webhooks` and
looks like made by chance.
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
    # 16 characters, among them a digit: `/hooks/12345` names a hook, `/hooks/9f8a7b6c5d4e3f2a` lets one in.
    rf"{_HOST}[^\s/?#\"'<>]{{1,255}}/(?:[\w.-]{{1,64}}/){{0,6}}(?:hooks?|webhooks?)/(?:[\w.-]{{1,64}}/){{0,3}}?"
    rf"((?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{{16,255}}{_REST[:-1]}*)",
)
_PATHS = re.compile("|".join(_KNOWN), re.IGNORECASE)
_HINTS = ("hook", "telegram", "ifttt", "ping")
"""One of these stands in every address that the paths know."""
_BY_CHANCE = re.compile(r"(?<=/)(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[\w-]{20,255}(?=[/?#\s\"'<>]|$)", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def secret_paths(text: str) -> Iterator[str]:
    """The parts of addresses in a text that let whoever knows them in."""
    if _may_hold(text):
        yield from map(_found, _PATHS.finditer(text))


def without_secret_paths(text: str, mark: str) -> str:
    """The text with a mark in the place of each of them."""
    if not _may_hold(text):
        return text
    return _PATHS.sub(lambda match: match[0][: -len(_found(match))] + mark, text)


def without_odd_segments(address: str, mark: str) -> str:
    """An address with a mark in the place of long segments of its path that look like made by chance.

    A UUID stays: most name a thing and let nobody in.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        return address
    return scheme + separator + _BY_CHANCE.sub(lambda match: match[0] if _UUID.fullmatch(match[0]) else mark, rest)


def _may_hold(text: str) -> bool:
    """Whether it is worth looking, which takes far longer than this."""
    if "://" not in text:
        return False
    folded = text.casefold()
    return any(hint in folded for hint in _HINTS)


def _found(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None)
