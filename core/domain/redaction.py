"""Removes secrets from everything that is stored, logged or shown.

Two nets: `Redactor` removes known secrets (such as a token that was read for this attempt) in every spelling of an
echo; `conceal` removes text that looks like a secret by its name or shape. The module stores nothing; callers pass
text and plain JSON values through it before they write them.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from falcon_scheduler.core.domain.secret_addresses import without_secret_paths

CONCEALED = "[concealed]"

SHORTEST_SECRET = 4
"""Shorter known secrets are not removed: removing every "ab" would ruin a text and reveal the secret."""

_SHORTEST_LINE = 8  # of a secret with several lines, such as a key in PEM form
_NAME = (
    r"(?:passw(?:or)?d|passphrase|passcode|secret|token|authori[sz]ation|credential|cookie|jwt|session[_-]?id"
    r"|(?:api|access|private|client|subscription|auth|functions|account|signing|encryption|shared|master)[_-]?key)"
)
_SECRET_NAME = re.compile(rf"{_NAME}s?$|cookie|(?:^|[_-])(?:pass|pwd|x-auth)$", re.IGNORECASE)
_SCHEME = r"(?:(?:Bearer|Basic|Digest|Token|ApiKey|Negotiate)[ \t]++)?+"
_IS = r"[ \t]{0,4}+(?:=>|[:=])[ \t]{0,4}+"
# A quote that is never closed runs to the end: the text may have been cut, and the search stays linear.
_QUOTED = r'"(?:[^"\\]|\\.)*+(?:"|\\?$)|' + r"'(?:[^'\\]|\\.)*+(?:'|\\?$)"
_COUNT = r"\d{1,9}(?![\w.-])"  # "12 tokens: 11 refreshed" counts tokens and contains none
_QUOTED_NAME = re.compile(
    rf"({_NAME}s?[\"']{_IS})({_QUOTED})|({_NAME}s?\\+[\"']{_IS}\\+[\"'])([^\"'\\]+)", re.IGNORECASE | re.DOTALL
)
_PLAIN_NAME = re.compile(
    rf"({_NAME}(?:s{_IS}(?!{_COUNT})|{_IS}){_SCHEME})(?!\[concealed\])({_QUOTED}|[^\s,;&\"'<>{{}}()\[\]\\]+)",
    re.IGNORECASE | re.DOTALL,
)
_COOKIE = re.compile(r"(cookie2?[ \t]{0,4}+:[ \t]{0,4}+)(?!\[concealed\])[^\r\n]+", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=://)(?!\[concealed\]@)[^\s/?#\"'<>]{1,1000}@")
_QUERY = re.compile(
    r"([?&](?:key|sig|signature|code|auth|pwd|sid|session)=)(?!\[concealed\])[^&\s\"'<>#]+", re.IGNORECASE
)
_BEARER = re.compile(r"(\bBearer[ \t]+)(?=[^\s\"']{0,200}\d)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_TOKEN = re.compile(
    r"\b(?:gh[opsur]_[A-Za-z0-9]{30,255}|github_pat_\w{30,255}|glpat-[\w-]{20,100}|xox[abeoprs]-[\w-]{10,255}"
    r"|[rs]k_(?:live|test)_[A-Za-z0-9]{10,255}|AKIA[A-Z0-9]{16}|AIza[\w-]{35}|SG\.[\w-]{10,100}\.[\w-]{10,100})",
    re.ASCII,
)
"""Keys with a known first part: GitHub's, GitLab's, Slack's, Stripe's, Amazon's and others."""
_NAME_HINTS = (
    "passw",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "key",
    "author",
    "credent",
    "cook",
    "jwt",
    "sess",
)
"""Every text that names a secret contains one of these. Searching for them first is many times faster."""
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,4000}(?:\.[A-Za-z0-9_-]*)?")


def is_secret_name(name: str) -> bool:
    """Whether a header, field or query parameter of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def conceal(text: str) -> str:
    """The text without what looks like a secret: named values, userinfo and secret paths in addresses, bearer tokens,
    JWTs, cookies, keys of well-known services.

    Applying it again changes nothing.
    """
    if "://" in text:
        text = _USER_INFO.sub(f"{CONCEALED}@", without_secret_paths(text, CONCEALED))
    text = _TOKEN.sub(CONCEALED, _JWT.sub(CONCEALED, text))
    folded = text.casefold()
    if any(hint in folded for hint in _NAME_HINTS):
        text = _COOKIE.sub(rf"\1{CONCEALED}", text)
        text = _QUOTED_NAME.sub(_without_value, text)
        text = _PLAIN_NAME.sub(_without_value, text)
    text = _BEARER.sub(rf"\1{CONCEALED}", text)
    return _QUERY.sub(rf"\1{CONCEALED}", text)


def _without_value(match: re.Match[str]) -> str:
    name, value = (part for part in match.groups() if part is not None)
    mark = value[0] if value[0] in "\"'" else ""
    end = mark if len(value) > 1 and value.endswith(mark) else ""
    return f"{name}{mark}{CONCEALED}{end}"


def named_in_text(text: str) -> Iterator[str]:
    """Values behind a secret's name inside of a text: `password=x`, `"token": "x"`."""
    for pattern in (_QUOTED_NAME, _PLAIN_NAME):
        for match in pattern.finditer(text):
            _, value = (part for part in match.groups() if part is not None)
            yield value.strip("\"'")


class Redactor:
    """Removes known secrets from text, however they are spelled: plain, percent-encoded, in JSON, HTML or base64."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
        self.longest = max(map(len, spellings), default=0)
        """Length of the longest spelling: where a text was cut, its end may be the start of one."""
        ordered = sorted(spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE) if ordered else None

    def __repr__(self) -> str:
        return "Redactor()"

    def text(self, text: str) -> str:
        """The text without secrets, known or apparent."""
        known = self._pattern.sub(CONCEALED, text) if self._pattern else text
        return conceal(known)

    def value(self, value: Any) -> Any:
        """A plain JSON value of the same shape without secrets. Texts under a secret's name are concealed too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                self.text(str(name)): self.value(shut(inner) if is_secret_name(str(name)) else inner)
                for name, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return value if value is None or isinstance(value, int | float) else self.text(str(value))


def shut(value: Any) -> Any:
    """A plain JSON value of the same shape with every text in it concealed. Numbers stay: most are counts."""
    if isinstance(value, str):
        return CONCEALED
    if isinstance(value, Mapping):
        return {name: shut(inner) for name, inner in value.items()}
    return [shut(inner) for inner in value] if isinstance(value, list | tuple) else value


def _spellings(secret: str) -> Iterator[str]:
    lines = [line.strip() for line in secret.splitlines()]
    plain = {secret, secret.strip(), *(line for line in lines if len(line) >= _SHORTEST_LINE)}
    for text in plain:
        if len(text) < SHORTEST_SECRET:
            continue
        encoded = text.encode("utf-8", "surrogatepass")
        yield text
        yield quote(encoded)
        yield quote(encoded, safe="")
        yield quote_plus(encoded)
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield json.dumps(json.dumps(text)[1:-1])[1:-1]  # JSON in JSON, as in an echo of a JSON body
        yield html.escape(text)
        yield repr(text)[1:-1]
        yield base64.b64encode(encoded).decode()
        yield base64.urlsafe_b64encode(encoded).decode().rstrip("=")
