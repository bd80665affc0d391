"""`falcon-scheduler`: the product from a terminal. Parses, calls, prints; decides nothing."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import psutil
from cyclopts import App, Parameter, Token, validators

from falcon_scheduler import __version__
from falcon_scheduler.adapters.settings import Settings, unknown_names_here
from falcon_scheduler.adapters.settings.env_file import take_env_file
from falcon_scheduler.api_facade.auth.mint import Bearer, mint_token
from falcon_scheduler.api_facade.options import EnvFileOption
from falcon_scheduler.core.domain.duration import format_duration, parse_duration
from falcon_scheduler.core.errors import SchedulerError
from falcon_scheduler.deployments.stack import foreground
from falcon_scheduler.deployments.stack.home import Home
from falcon_scheduler.deployments.stack.process import PART_MARK, leftovers
from falcon_scheduler.deployments.stack.product import Addresses, known_prefect_api

app = App(
    name="falcon-scheduler",
    version=__version__,
    help="A scheduler service with a documented REST API in front of Prefect.",
)
# A path instead of the app itself: the module imports Prefect, which takes a second, and is loaded when it is called.
app.command(
    "falcon_scheduler.api_facade.migrate:migrate",
    name="migrate",
    help="Take over another scheduler's database, or give it back.",
)

_EXIT_OF_CLOSED_PIPE = 128 + signal.SIGPIPE
"""As a shell reports a program that this signal ended."""


def _folder(type_: object, tokens: Sequence[Token]) -> Path:
    if not tokens[0].value.strip():  # else it would be the present folder
        raise ValueError("must not be empty")
    return Path(tokens[0].value)


def _is_not_empty(type_: object, value: str) -> None:
    if not value.strip():
        raise ValueError("must not be empty")


Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65_535))]
Text = Annotated[str, Parameter(validator=_is_not_empty)]
HomeOption = Annotated[
    Path | None,
    Parameter(
        help="Data, logs and secrets. Default: SCHEDULER_HOME, else .falcon in this folder.",
        converter=_folder,
    ),
]


_FIRST_TOKEN_TTL = timedelta(hours=24)
_STOP_PATIENCE = timedelta(minutes=2)


@app.command
def up(
    *,
    host: Annotated[Text, Parameter(help="Address on which API and Prefect listen.")] = "127.0.0.1",
    port: Annotated[Port, Parameter(help="Port of the API; 0 takes a free one.")] = 8000,
    prefect_port: Annotated[
        Port, Parameter(help="Port of the Prefect server and its UI; 0 takes a free one.")
    ] = 4200,
    home: HomeOption = None,
    worker: Annotated[bool, Parameter(help="Run a worker here.", negative="--no-worker")] = True,
    demo_esi: Annotated[bool, Parameter(help="Play EVE Online with a small made-up universe.", negative="")] = False,
    env_file: EnvFileOption = None,
) -> None:
    """Run the whole product here, in the foreground, until Ctrl-C.

    Each server whose address the environment gives is left out: MONGODB_URI, REDIS_HOST, PREFECT_API_URL,
    PREFECT_API_DATABASE_CONNECTION_URL.
    """
    if env_file is not None:
        _say(str(take_env_file(env_file)))
    for sentence in unknown_names_here():
        print(f"falcon-scheduler: {sentence}", file=sys.stderr)
    settings = Settings.load()
    folder = home or settings.scheduler.home
    addresses = Addresses(host=host, facade_port=port, prefect_port=prefect_port)
    _say(f"Starting Falcon Scheduler; data and logs are in {folder.expanduser().resolve()}")
    running = foreground.run(
        settings,
        addresses,
        home=folder,
        with_worker=worker,
        with_demo_esi=demo_esi,
        say=_say,
        when_ready=_welcome,
    )
    asyncio.run(running)


@app.command
def token(
    *,
    super_admin: Annotated[bool, Parameter(help="May do everything.", negative="")] = False,
    home: HomeOption = None,
    ttl: Annotated[str, Parameter(help="How long it is valid, as 90s, 15m or 24h.")] = "24h",
    user_id: Annotated[Text, Parameter(help="User that it stands for.")] = "local-operator",
    character_id: Annotated[
        int, Parameter(help="EVE character that it stands for.", validator=validators.Number(gte=1, lt=2**63))
    ] = 1,
    character_name: Annotated[Text, Parameter(help="That character's name.")] = "Local Operator",
) -> None:
    """Print a token for the API, signed with JWT_SECRET or with the secret that `up` generated in its home."""
    settings = Settings.load()
    secret = settings.api.jwt_secret
    signing = secret.get_secret_value() if secret else _generated_secret(home or settings.scheduler.home)
    bearer = Bearer(user_id, character_id, character_name, is_super_admin=super_admin)
    print(mint_token(signing, bearer, issued_at=datetime.now(UTC), ttl=_positive_duration("--ttl", ttl)))


@app.command
def env(*, home: HomeOption = None) -> None:
    """Print lines for a shell that lead the prefect command to the Prefect server that runs here.

    eval "$(falcon-scheduler env --home DIR)"
    """
    place = _existing_home(home or Settings.load().scheduler.home)
    _supervisor(place)
    known = known_prefect_api(place)
    if not known:
        raise SchedulerError(
            f"The Prefect server of {place.path} is one of yours: PREFECT_API_URL and PREFECT_API_AUTH_STRING "
            "are as you set them"
        )
    for name, value in known.items():
        print(f"export {name}={shlex.quote(value)}")


@app.command
def status(*, home: HomeOption = None) -> None:
    """Show the processes of the stack that runs here, with their memory. Exit code 1 when none does."""
    place = _existing_home(home or Settings.load().scheduler.home)
    supervisor = _supervisor(place)
    print(f"{'part':<12}{'pid':>8}{'processes':>11}{'memory':>10}")
    for part, processes in _by_part(place, supervisor).items():
        memory = sum(map(_memory_bytes, processes)) / 2**20
        print(f"{part:<12}{processes[0].pid:>8}{len(processes):>11}{memory:>7.0f} MB")


@app.command
def down(*, home: HomeOption = None) -> None:
    """Stop the stack that runs here, as Ctrl-C in its terminal would, and wait until it is gone."""
    place = _existing_home(home or Settings.load().scheduler.home)
    supervisor = _supervisor(place)
    os.kill(supervisor, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_PATIENCE.total_seconds()
    while place.holder() is not None:
        if time.monotonic() > deadline:
            raise SchedulerError(f"Process {supervisor} has not stopped yet; its logs are in {place.logs}")
        time.sleep(0.1)
    _say("Everything is stopped")


def main() -> None:
    """Entry point of the console script: what the user can mend is a message and an exit code, not a traceback."""
    try:
        try:
            app(sys.argv[1:])
        finally:
            sys.stdout.flush()  # a reader that is gone shows here at the latest
    except SchedulerError as error:
        print(f"falcon-scheduler: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        _forget_output()
        sys.exit(_EXIT_OF_CLOSED_PIPE)


def _welcome(ready: foreground.Ready) -> None:
    operator = Bearer("local-operator", 1, "Local Operator", is_super_admin=True)
    first_token = mint_token(ready.jwt_secret, operator, issued_at=datetime.now(UTC), ttl=_FIRST_TOKEN_TTL)
    program = shlex.quote(sys.argv[0])
    lines = [
        "",
        f"Falcon Scheduler is ready ({ready.took.total_seconds():.1f} s)",
        "",
        f"  API          {ready.api_url}",
        f"  API docs     {ready.api_url}/docs",
    ]
    if ready.prefect_ui_url:
        lines.append(f"  Prefect UI   {ready.prefect_ui_url}")
    if ready.prefect_password:
        lines.append(f"  its password {ready.prefect_password}")
    if ready.prefect_login_link:
        lines.append(f"  log in by    {ready.prefect_login_link}")
    lines.append(f"  Data, logs   {ready.home}")
    if ready.prefect_ui_url:
        command = f"{program} env --home {shlex.quote(str(ready.home))}"
        lines += ["", "For the prefect command, in a second terminal:", "", f'  eval "$({command})"']
    lines += [
        "",
        f"A super-admin token, valid for {format_duration(_FIRST_TOKEN_TTL)}; for another one:",
        f"{program} token --super-admin --home {shlex.quote(str(ready.home))}",
        "",
        f"  export TOKEN={first_token}",
        "",
        "Then, for a start:",
        "",
        f'  curl -H "Authorization: Bearer $TOKEN" {ready.api_url}/tasks',
        "",
        "Ctrl-C stops everything.",
    ]
    _say("\n".join(lines))


def _by_part(place: Home, supervisor: int) -> dict[str, list[psutil.Process]]:
    parts = {"supervisor": [psutil.Process(supervisor)]}
    for process in leftovers(place.path):
        with suppress(psutil.Error):  # it has just ended
            name = "postgres" if process.name() == "postgres" else process.environ()[PART_MARK]
            children = process.children(recursive=True) if name == "postgres" else []
            parts.setdefault(name, []).extend([process, *children])
    return parts


def _memory_bytes(process: psutil.Process) -> int:
    """Its own memory and its share of what it shares; nothing once it has ended."""
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(memory, "pss", memory.uss))  # macOS does not tell shares


def _existing_home(path: Path) -> Home:
    if not (path.expanduser() / "secrets").is_dir():
        raise SchedulerError(f"{path} is no home of a stack; name the one that `up` uses with --home")
    return Home(path)


def _supervisor(place: Home) -> int:
    """Process id of the stack that runs there."""
    supervisor = place.holder()
    if supervisor is None:
        raise SchedulerError(f"No stack runs on {place.path}")
    return supervisor


def _generated_secret(path: Path) -> str:
    secret = _existing_home(path).known_secret("jwt_secret")
    if secret is None:
        raise SchedulerError(f"No stack has run on {path} yet; run `up` first, or set JWT_SECRET")
    return secret


def _positive_duration(option: str, text: str) -> timedelta:
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise SchedulerError(f"{option}: {error}") from error
    if length <= timedelta():
        raise SchedulerError(f"{option}: must be longer than nothing")
    return length


def _say(line: str) -> None:
    """Print at once, also into a pipe or a file. A stack goes on when nobody reads any more, as behind `| head`."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        _forget_output()


def _forget_output() -> None:
    # Source: Python documentation, "Note on SIGPIPE"; else the interpreter complains when it flushes at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
