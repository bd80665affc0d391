"""`falcon-scheduler`: the product from a terminal. Parses, calls, prints; decides nothing."""

from __future__ import annotations

import asyncio
import shlex
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter, validators

from falcon_scheduler import __version__
from falcon_scheduler.adapters.settings import Settings, unknown_names_here
from falcon_scheduler.adapters.settings.env_file import take_env_file
from falcon_scheduler.api_facade.auth.mint import Bearer, mint_token
from falcon_scheduler.api_facade.auth.sign_in import mint_code, sign_in_link
from falcon_scheduler.api_facade.options import EnvFileOption, HomeOption, Port, Text, positive_duration
from falcon_scheduler.api_facade.terminal import forget_output, say
from falcon_scheduler.core.domain.duration import format_duration
from falcon_scheduler.core.errors import SchedulerError
from falcon_scheduler.deployments.stack import foreground
from falcon_scheduler.deployments.stack.addresses import Addresses
from falcon_scheduler.deployments.stack.running import RunningStack, existing_home
from falcon_scheduler.deployments.stack.welcome import welcome

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


_FIRST_TOKEN_TTL = timedelta(hours=24)
_LOCAL_API = "http://127.0.0.1:8000/scheduler"


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
    demo: Annotated[
        tuple[Text, ...],
        Parameter(help="Play the demo of this name, which a plug-in of system tasks brings.", negative=""),
    ] = (),
    demo_esi: Annotated[
        bool, Parameter(help="The same as --demo esi: EVE Online with a small made-up universe.", negative="")
    ] = False,
    env_file: EnvFileOption = None,
) -> None:
    """Run the whole product here, in the foreground, until Ctrl-C.

    Each server whose address the environment gives is left out: MONGODB_URI, REDIS_HOST, PREFECT_API_URL,
    PREFECT_API_DATABASE_CONNECTION_URL.
    """
    if env_file is not None:
        say(str(take_env_file(env_file)))
    for sentence in unknown_names_here():
        print(f"falcon-scheduler: {sentence}", file=sys.stderr)
    settings = Settings.load()
    folder = home or settings.scheduler.home
    addresses = Addresses(host=host, facade_port=port, prefect_port=prefect_port)
    say(f"Starting Falcon Scheduler; data and logs are in {folder.expanduser().resolve()}")
    running = foreground.run(
        settings,
        addresses,
        home=folder,
        with_worker=worker,
        demos=(*demo, *(["esi"] if demo_esi else [])),
        say=say,
        when_ready=lambda ready: say(_welcome(ready)),
    )
    asyncio.run(running)


@app.command
def token(
    *,
    super_admin: Annotated[bool, Parameter(help="May do everything.", negative="")] = False,
    home: HomeOption = None,
    ttl: Annotated[str, Parameter(help="How long it is valid, as 90s, 15m or 24h.")] = "24h",
    user_id: Annotated[Text, Parameter(help="Id of the token's user.")] = "local-operator",
    character_id: Annotated[
        int, Parameter(help="EVE character of the token's user.", validator=validators.Number(gte=1, lt=2**63))
    ] = 1,
    character_name: Annotated[Text, Parameter(help="That character's name.")] = "Local Operator",
) -> None:
    """Print a token for the API, signed with JWT_SECRET or with the secret that `up` generated in its home."""
    signing = _signing_secret(Settings.load(), home)
    bearer = Bearer(user_id, character_id, character_name, is_super_admin=super_admin)
    print(mint_token(signing, bearer, issued_at=datetime.now(UTC), ttl=positive_duration("--ttl", ttl)))


@app.command(name="sign-in")
def sign_in(
    *,
    url: Annotated[Text, Parameter(help="Base of the API that the page belongs to.")] = _LOCAL_API,
    super_admin: Annotated[bool, Parameter(help="May do everything.", negative="")] = False,
    home: HomeOption = None,
    user_id: Annotated[Text, Parameter(help="User that it stands for.")] = "local-operator",
    character_id: Annotated[
        int, Parameter(help="EVE character that it stands for.", validator=validators.Number(gte=1, lt=2**63))
    ] = 1,
    character_name: Annotated[Text, Parameter(help="That character's name.")] = "Local Operator",
) -> None:
    """Print a link that signs the browser which opens it in to the operations page, once and within an hour."""
    signing = _signing_secret(Settings.load(), home)
    bearer = Bearer(user_id, character_id, character_name, is_super_admin=super_admin)
    print(sign_in_link(url, mint_code(signing, bearer, issued_at=datetime.now(UTC))))


@app.command
def env(*, home: HomeOption = None) -> None:
    """Print lines for a shell that lead the prefect command to the Prefect server that runs here.

    eval "$(falcon-scheduler env --home DIR)"
    """
    stack = RunningStack(home or Settings.load().scheduler.home)
    for name, value in stack.prefect_environment().items():
        print(f"export {name}={shlex.quote(value)}")


@app.command
def status(*, home: HomeOption = None) -> None:
    """Show the processes of the stack that runs here, with their memory. Exit code 1 when none does."""
    stack = RunningStack(home or Settings.load().scheduler.home)
    print(f"{'part':<12}{'pid':>8}{'processes':>11}{'memory':>10}")
    for each in stack.parts():
        print(f"{each.part:<12}{each.pid:>8}{each.processes:>11}{each.memory_bytes / 2**20:>7.0f} MB")


@app.command
def down(*, home: HomeOption = None) -> None:
    """Stop the stack that runs here, as Ctrl-C in its terminal would, and wait until it is gone."""
    RunningStack(home or Settings.load().scheduler.home).stop()
    say("Everything is stopped")


def main() -> None:
    """Entry point of the console script: an error of the user is a message and an exit code, not a traceback."""
    try:
        try:
            app(sys.argv[1:])
        finally:
            sys.stdout.flush()  # a reader that is gone shows here at the latest
    except SchedulerError as error:
        print(f"falcon-scheduler: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        forget_output()
        sys.exit(_EXIT_OF_CLOSED_PIPE)


def _welcome(ready: foreground.Ready) -> str:
    operator = Bearer("local-operator", 1, "Local Operator", is_super_admin=True)
    token = mint_token(ready.jwt_secret, operator, issued_at=datetime.now(UTC), ttl=_FIRST_TOKEN_TTL)
    link = sign_in_link(ready.api_url, mint_code(ready.jwt_secret, operator, issued_at=datetime.now(UTC)))
    return welcome(ready, link, token, format_duration(_FIRST_TOKEN_TTL), program=shlex.quote(sys.argv[0]))


def _signing_secret(settings: Settings, home: Path | None) -> str:
    secret = settings.api.jwt_secret
    return secret.get_secret_value() if secret else _generated_secret(home or settings.scheduler.home)


def _generated_secret(path: Path) -> str:
    secret = existing_home(path).known_secret("jwt_secret")
    if secret is None:
        raise SchedulerError(f"No stack has run on {path} yet; run `up` first, or set JWT_SECRET")
    return secret


if __name__ == "__main__":
    main()
