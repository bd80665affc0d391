"""The files of the operations page: read once, compressed once, and named by what they hold.

The page itself is asked for anew each time (with an ETag); everything else is under a folder whose name is the
digest of all files, so a browser keeps it for ever and asks for nothing twice, and gets everything anew with another
version. The page names each module that it needs, so that a browser fetches them side by side; the stylesheets are
sent as one. Comments and types, a quarter of our own modules, are for developers and are not sent, nor is
indentation; each line of a module keeps its number.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable

MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""What is served; all other files (types, tools' settings) are for developers."""
INDEX = "index.html"
VERSION_MARK = b"{version}"
PRELOADS_MARK = b"<!-- modules -->"
STYLES = ("style/theme.css", "style/layout.css", "style/parts.css", "vendor/uplot.css")
"""The stylesheets, in the order in which their rules apply."""
STYLE = "style.css"
"""All of them as one file: a browser shows nothing before it has every one."""
LOADED_LATER = frozenset({"vendor/uplot.js"})
"""Modules that only some screens need, and ask for by themselves."""
COMMENT = re.compile(rb"/\*\*.*?\*/|^[ \t]*//[^\n]*$", re.DOTALL | re.MULTILINE)
"""A comment of a module of ours: a block for types, or a line of its own."""
INDENTATION = re.compile(rb"^[ \t]+", re.MULTILINE)
"""Of a module of ours. In templates the space around the end of a line is no text."""
STYLE_NOISE = re.compile(rb"/\*.*?\*/|^[ \t]+", re.DOTALL | re.MULTILINE)
"""A comment of a stylesheet of ours, and the space that a line begins with."""
VENDORED = "vendor/"
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
"""Nothing inline, nothing from elsewhere, and no text that becomes markup."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file, as it is and compressed."""

    data: bytes
    media_type: str
    packed: bytes
    etag: str


class PageFiles:
    """Everything under `web/`, by its path."""

    @cached_property
    def version(self) -> str:
        """The digest of everything."""
        whole = hashlib.sha256()
        for name, data in sorted(self._raw.items()):
            whole.update(f"{name}\0{len(data)}\0".encode() + data)
        return whole.hexdigest()[:16]

    @cached_property
    def index(self) -> PageFile:
        """The page."""
        modules = sorted(name for name in self._raw if name.endswith(".js") and name not in LOADED_LATER)
        preloads = "\n".join(f'<link rel="modulepreload" href="{self.version}/{name}">' for name in modules)
        page = self._raw[INDEX].replace(PRELOADS_MARK, preloads.encode())
        return _file(INDEX, page.replace(VERSION_MARK, self.version.encode()))

    @property
    def names(self) -> Collection[str]:
        """The files but the page."""
        return self._packed.keys()

    def get(self, name: str) -> PageFile | None:
        """A file; None for what is not served."""
        return self._packed.get(name)

    @cached_property
    def _packed(self) -> Mapping[str, PageFile]:
        return {name: _file(name, data) for name, data in self._raw.items() if name != INDEX}

    @cached_property
    def _raw(self) -> Mapping[str, bytes]:
        found = dict(_served(files("falcon_scheduler") / "web", ""))
        style = b"\n".join(found.pop(name) for name in STYLES)
        return {**found, STYLE: style}


def _served(folder: Traversable, path: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for each in folder.iterdir():
        if each.is_dir():
            found += _served(each, f"{path}{each.name}/")
        elif _suffix(each.name) in MEDIA_TYPES:
            found.append((f"{path}{each.name}", _sent(f"{path}{each.name}", each.read_bytes())))
    return found


def _sent(name: str, data: bytes) -> bytes:
    """What is sent of a file. What others wrote is sent as it is."""
    if name.startswith(VENDORED):
        return data
    if name.endswith(".css"):
        return STYLE_NOISE.sub(b"", data)
    if not name.endswith(".js"):
        return data
    return INDENTATION.sub(b"", COMMENT.sub(lambda comment: b"\n" * comment[0].count(b"\n"), data))


def _suffix(name: str) -> str:
    found = re.search(r"\.[a-z]+$", name)
    return found[0] if found else ""


def _file(name: str, data: bytes) -> PageFile:
    return PageFile(
        data=data,
        media_type=MEDIA_TYPES[_suffix(name)],
        packed=gzip.compress(data, 9, mtime=0),
        etag=f'"{hashlib.sha256(data).hexdigest()[:32]}"',
    )
