"""Makes web/vendor from packages of the npm registry: `python -m tests.packaging.web_vendor` (needs npm).

The page has no build step, so a browser must find every module by a relative path. The only thing that is changed in
a vendored file is how it names another one ("preact" becomes "./preact.js"), and uPlot, which defines a global name,
gets a line that exports it. `web/vendor/checksums.json` records the digest of each package as the registry serves it
and of each file as stored here; a test compares the files with it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

VENDOR = Path(__file__).parents[2] / "web" / "vendor"
CHECKSUMS = VENDOR / "checksums.json"


@dataclass(frozen=True)
class Package:
    """What is taken from one package: our names by the paths in it."""

    name: str
    version: str
    files: Mapping[str, str]
    exports: str = ""
    """The global name that its script defines and that its module exports."""
    licence: str = "LICENSE"
    folder: Path = field(default=VENDOR)


PACKAGES = (
    Package(
        "preact",
        "11.2.0",
        {
            "dist/preact.mjs": "preact.js",
            "hooks/dist/hooks.mjs": "hooks.js",
            "src/index.d.ts": "preact.d.ts",
            "src/jsx.d.ts": "jsx.d.ts",
            "src/dom.d.ts": "dom.d.ts",
            "hooks/src/index.d.ts": "hooks.d.ts",
        },
    ),
    Package(
        "@preact/signals-core",
        "1.14.5",
        {"dist/signals-core.mjs": "signals-core.js", "dist/signals-core.d.ts": "signals-core.d.ts"},
    ),
    Package("@preact/signals", "2.11.4", {"dist/signals.mjs": "signals.js", "dist/signals.d.ts": "signals.d.ts"}),
    Package("htm", "3.1.1", {"dist/htm.mjs": "htm.js", "dist/htm.d.ts": "htm.d.ts"}),
    Package(
        "uplot",
        "1.6.32",
        {
            "dist/uPlot.iife.min.js": "uplot.js",
            "dist/uPlot.min.css": "uplot.css",
            "dist/uPlot.d.ts": "uplot.d.ts",
        },
        exports="uPlot",
    ),
)
MODULES = {
    "preact/hooks": "./hooks.js",
    "preact": "./preact.js",
    "@preact/signals-core": "./signals-core.js",
    "./index": "./preact.js",
    "../../src/index": "./preact.js",
    "../../src/dom": "./dom.js",
    "./jsx": "./jsx.js",
    "./dom": "./dom.js",
}
_NAMED = re.compile(r"""\b(from|import|import\()(\s*)(["'])([^"']+)\3""")
_SOURCE_MAP = re.compile(r"\n//# sourceMappingURL=\S+\s*$")


def fetched(package: Package, folder: Path) -> bytes:
    """The package as the registry serves it."""
    command = ["npm", "pack", "--json", "--silent", f"{package.name}@{package.version}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return (folder / str(json.loads(done.stdout)[0]["filename"])).read_bytes()


def adapted(package: Package, name: str, text: str) -> str:
    """A file of the package as the page loads it."""
    if name.endswith((".js", ".ts")):
        text = _SOURCE_MAP.sub("\n", text)
        text = _NAMED.sub(
            lambda found: f"{found[1]}{found[2]}{found[3]}{MODULES.get(found[4], found[4])}{found[3]}", text
        )
    if package.exports and name.endswith(".js"):
        text += f"\nexport default {package.exports};\n"
    return text


def vendor(package: Package) -> dict[str, object]:
    """Write the package's files and its licence. Returns what the checksums say of them."""
    with tempfile.TemporaryDirectory() as temporary:
        archive = fetched(package, Path(temporary))
        packed = Path(temporary) / "package.tgz"
        packed.write_bytes(archive)
        written: dict[str, str] = {}
        with tarfile.open(packed) as files:
            licence = f"LICENSE.{package.name.strip('@').replace('/', '-')}.txt"
            for path, name in {**package.files, package.licence: licence}.items():
                member = files.extractfile(f"package/{path}")
                assert member is not None, path
                data = adapted(package, name, member.read().decode()).encode()
                (package.folder / name).write_bytes(data)
                written[name] = digest(data)
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    return {"version": package.version, "integrity": integrity, "files": written}


def digest(data: bytes) -> str:
    """The checksum of a file."""
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    VENDOR.mkdir(exist_ok=True)
    told = {package.name: vendor(package) for package in PACKAGES}
    CHECKSUMS.write_text(json.dumps(told, indent=2) + "\n")
