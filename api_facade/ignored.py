"""Fields of a request that are ignored, or likely wrong. The answer lists them in a `Warning` header.

Source of the header: RFC 7234 section 5.5. RFC 9111 obsoletes it for caches and defines no replacement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starlette.requests import Request

from falcon_scheduler.core.errors import Fault

HEADER = "Warning"
_LONGEST = 1000


def ignore(request: Request, faults: Iterable[Fault]) -> None:
    """List fields in the answer to this request as ignored, with the reason."""
    request.state.ignored = [*ignored(request), *faults]


def warn(request: Request, faults: Iterable[Fault]) -> None:
    """List fields in the answer to this request that are valid and likely not what is meant, with the reason."""
    ignore(request, faults)


def ignored(request: Request) -> Sequence[Fault]:
    """The fields listed so far."""
    found: Sequence[Fault] = getattr(request.state, "ignored", ())
    return found


def warning_of(faults: Sequence[Fault]) -> str:
    """The value of the header: one line, and in ASCII."""
    text = "; ".join(f"{fault.location} {fault.message}" for fault in faults)[:_LONGEST]
    plain = "".join(each if each.isascii() and each.isprintable() else "?" for each in text)
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{quoted}"'
