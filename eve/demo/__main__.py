"""`python -m falcon_scheduler.eve.demo`: serves the demo ESI and SSO on loopback until a signal."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from falcon_scheduler.eve.demo.esi import Demo
from falcon_scheduler.eve.demo.server import demo_server
from falcon_scheduler.eve.demo.universe import LARGEST, LARGEST_CHARACTERS, Universe


async def _serve(arguments: argparse.Namespace) -> None:
    universe = Universe(arguments.alliances, arguments.corporations, arguments.characters)
    demo = Demo(universe=universe, latency_seconds=arguments.latency_ms / 1000)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with demo_server(demo, arguments.port) as running:
        sys.stdout.write(f"Demo ESI and SSO on {running.base_url}\n")
        sys.stdout.flush()
        await stop.wait()


def _number(largest: int) -> object:
    def read(text: str) -> int:
        number = int(text)
        if not 0 <= number <= largest:
            raise argparse.ArgumentTypeError(f"must be 0 to {largest}")
        return number

    return read


def main() -> None:
    """Read the command line and serve."""
    usual = Universe()
    parser = argparse.ArgumentParser(prog="falcon_scheduler.eve.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one; the address is printed")
    parser.add_argument("--alliances", type=_number(LARGEST), default=usual.alliances)  # type: ignore[arg-type]
    parser.add_argument("--corporations", type=_number(LARGEST), default=usual.corporations)  # type: ignore[arg-type]
    parser.add_argument("--characters", type=_number(LARGEST_CHARACTERS), default=usual.characters)  # type: ignore[arg-type]
    parser.add_argument("--latency-ms", type=float, default=0.0, help="what every ESI answer takes at least")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
