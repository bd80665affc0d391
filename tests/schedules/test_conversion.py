"""What lines of other programs become. Expected values are written by hand from those programs' manuals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from cronsim import CronSim

from falcon_scheduler.core.domain.conversion import Converted, Program, convert
from falcon_scheduler.core.domain.schedule import parse

from .expressions import random_instant


def of(program: Program, text: str, zone: str = "UTC") -> list[Converted]:
    return convert(program, text, zone)


def one(program: Program, text: str, zone: str = "UTC") -> Converted:
    [found] = of(program, text, zone)
    return found


@pytest.mark.parametrize(
    ("program", "line", "expected"),
    [
        (Program.CRONTAB, "*/5 * * * * /bin/x", "0 */5 * * * *"),
        (Program.CRONTAB, "30 2 * * 7 root /usr/bin/y", "0 30 2 * * 0"),
        (Program.CRONTAB, "0 9 1,15 * * report", "0 0 9 1,15 * *"),
        (Program.CRONTAB, "0 9 1 * fri", "0 0 9 1 * 5"),
        (Program.CRONTAB, "0~30 ~ * * * r", "0 H(0-30) H(0-23) * * *"),
        (Program.CRONTAB, "@daily /bin/d", "0 0 0 * * *"),
        (Program.QUARTZ, "0 0 12 ? * 2-6", "0 0 12 * * 1-5"),
        (Program.QUARTZ, "0 0 12 ? * 1", "0 0 12 * * 0"),
        (Program.QUARTZ, "0 0 12 ? * 7", "0 0 12 * * 6"),
        (Program.QUARTZ, "0 0 12 ? * 7-2", "0 0 12 * * 0-1,6"),
        (Program.QUARTZ, "0 0 12 ? * 2/2", "0 0 12 * * 1/2"),
        (Program.QUARTZ, "0 0 12 ? * MON-FRI *", "0 0 12 * * 1-5"),
        (Program.QUARTZ, "0 15 10 ? * 6L", "0 15 10 * * 5L"),
        (Program.QUARTZ, "0 15 10 ? * L", "0 15 10 * * 6"),
        (Program.QUARTZ, "0 15 10 ? * 6#3", "0 15 10 * * 5#3"),
        (Program.QUARTZ, "0 15 10 ? * FRI#3", "0 15 10 * * 5#3"),
        (Program.QUARTZ, "0 0 0 L-3 * ?", "0 0 0 L-3 * *"),
        (Program.QUARTZ, "0 0 0 LW * ?", "0 0 0 LW * *"),
        (Program.QUARTZ, "0 /5 * * * ?", "0 0/5 * * * *"),
        (Program.QUARTZ, "0 30 18 24 DEC ? 2026,2027", "@at 2026-12-24T18:30:00Z; @at 2027-12-24T18:30:00Z"),
        (Program.JENKINS, "H/15 * * * *", "0 H/15 * * * *"),
        (Program.JENKINS, "H H(0-7) * * 1-5 # night", "0 H H(0-7) * * 1-5"),
        (Program.JENKINS, "@midnight", "0 H H(0-2) * * *"),
        (Program.JENKINS, "@weekly", "0 H H * * H"),
        (Program.GITHUB, "    - cron: '30 5 * * 1,3'", "0 30 5 * * 1,3"),
        (Program.GITHUB, '- cron: "30 5 * * *"  # daily', "0 30 5 * * *"),
        (Program.GITHUB, "30 5 * * *", "0 30 5 * * *"),
    ],
)
def test_a_line_becomes_a_schedule(program: Program, line: str, expected: str) -> None:
    found = one(program, line)
    assert (str(found.schedule), found.problem) == (expected, "")


@pytest.mark.parametrize(
    ("program", "line", "reason"),
    [
        (Program.CRONTAB, "@reboot /bin/x", "runs when the machine starts"),
        (Program.CRONTAB, "@fortnightly /bin/x", "none of cron's names"),
        (Program.CRONTAB, "0 0 */2 * MON /bin/x", "both day fields have to fit in cron"),
        (Program.CRONTAB, "61 * * * * x", "61 is out of range"),
        (Program.CRONTAB, "* * *", "it has 3 fields"),
        (Program.CRONTAB, "CRON_TZ=Mars/Olympus", "not an IANA time zone"),
        (Program.QUARTZ, "0 0 0 ? * 0", "Quartz allows 1-7"),
        (Program.QUARTZ, "0 0 0 ? * 8", "Quartz allows 1-7"),
        (Program.QUARTZ, "0 0 0 L-3W * ?", "write L, L-1 to L-30 or LW"),
        (Program.QUARTZ, "0 0 * * *", "it has 5 fields; Quartz has 6"),
        (Program.JENKINS, "0 0 1 * 1", "both day fields have to fit in Jenkins"),
        (Program.JENKINS, "0 0 1 *", "it has 4 fields"),
        (Program.GITHUB, "@daily", "GitHub has 5"),
    ],
)
def test_a_line_that_can_not_be_kept_says_why(program: Program, line: str, reason: str) -> None:
    found = one(program, line)
    assert found.schedule is None
    assert reason in found.problem


def test_a_crontab_has_comments_variables_zones_and_users() -> None:
    text = "# nightly\nMAILTO=me\n\nCRON_TZ=Asia/Tokyo\n0 9 * * * root /bin/a 100%\nCRON_TZ=UTC\n0 9 * * * b\n"
    first, second = of(Program.CRONTAB, text, "Europe/Berlin")
    assert (first.number, str(first.schedule), first.command) == (5, "CRON_TZ=Asia/Tokyo 0 0 9 * * *", "/bin/a 100%")
    assert [note.split()[0] for note in first.notes] == ["'root'", "a"]
    assert (second.number, second.timezone) == (7, "UTC")
    assert first.lost == ("the variable MAILTO of line 2, which the command may need",)


@pytest.mark.parametrize(
    ("line", "user", "command"),
    [
        ("17 * * * * root cd / && run-parts /etc/cron.hourly", "root", "cd / && run-parts /etc/cron.hourly"),
        ("25 6 * * *\troot\ttest -x /usr/sbin/anacron || true", "root", "test -x /usr/sbin/anacron || true"),
        ("@daily\troot run-parts /etc/cron.daily", "root", "run-parts /etc/cron.daily"),
        ("*/15 * * * * www-data php cron.php", "www-data", "php cron.php"),
        ("0 5 * * 1 tar -zcf /var/backups/home.tgz /home/", "", "tar -zcf /var/backups/home.tgz /home/"),
        ("@daily\t/bin/d", "", "/bin/d"),
        ("# m h dom mon dow user\tcommand\n0 12 * * * deploy make all", "deploy", "make all"),
        ("# *  *  *  *  * user-name  command to be executed\n0 12 * * * deploy make", "deploy", "make"),
        ("# m h dom mon dow command\n0 12 * * * make all", "", "make all"),
    ],
)
def test_the_user_of_a_system_crontab_is_no_part_of_the_command(line: str, user: str, command: str) -> None:
    found = one(Program.CRONTAB, line)
    assert found.command == command
    assert [note.split()[0] for note in found.notes] == ([f"'{user}'"] if user else [])


@pytest.mark.parametrize(
    "line", ["0 */5 * * * * /bin/x", "* * * * * *", "0 0 9 * * MON-FRI x", "0 0 9 * * 1-5", "0 0 9 * * 5#2 x"]
)
def test_a_crontab_line_that_looks_like_six_fields_is_marked(line: str) -> None:
    assert any("a crontab has five fields" in note for note in one(Program.CRONTAB, line).notes)


@pytest.mark.parametrize("command", ["7z a x", "/bin/x", "sunset", "montage 1 2", "", "[ -e /x ] && y", "5"])
def test_a_command_is_not_taken_for_a_sixth_field(command: str) -> None:
    marked = any("a crontab has five fields" in note for note in one(Program.CRONTAB, f"0 9 * * * {command}").notes)
    assert marked == (command == "5")


def test_a_crontab_line_may_ask_cron_not_to_log_it() -> None:
    found = one(Program.CRONTAB, "-*/5 * * * * root /bin/x")
    assert (str(found.schedule), found.source) == ("0 */5 * * * *", "-*/5 * * * * root /bin/x")
    assert "keeps cron from logging" in found.lost[0]


@pytest.mark.parametrize(
    ("fields", "zone", "marked"),
    [
        ("30 2 * * *", "Europe/Berlin", "skips"),
        ("30 2 * * 0", "Europe/Berlin", "skips"),
        ("30 2 29 3 *", "Europe/Berlin", "skips"),  # a Sunday in 2037
        ("0 0 * * *", "Africa/Cairo", "skips"),
        ("0-10/5 2 * * *", "Europe/Berlin", "skips and shows twice"),
        ("30 2 * * 1", "Europe/Berlin", ""),  # the clock changes on Sundays
        ("0 12 * * *", "Europe/Berlin", ""),
        ("30 2 * * *", "Asia/Tokyo", ""),
        ("*/5 2 * * *", "Europe/Berlin", ""),
        ("30 * * * *", "Europe/Berlin", ""),
    ],
)
def test_a_time_that_the_clock_skips_or_shows_twice_is_marked_where_classic_cron_differs(
    fields: str, zone: str, marked: str
) -> None:
    notes = one(Program.CRONTAB, f"{fields} x", zone).notes
    found = [words for words in ("skips", "shows twice") if any(f"clock {words}" in each for each in notes)]
    assert " and ".join(found) == marked
    assert len(notes) == len(found)


def test_a_fixed_time_that_jenkins_runs_twice_is_marked() -> None:
    def notes(line: str, zone: str) -> int:
        return sum("both times" in note for note in one(Program.JENKINS, line, zone).notes)

    assert notes("30 2 * * *", "Europe/Berlin") == 1
    assert notes("30 12 * * *", "Europe/Berlin") == notes("30 2 * * *", "Asia/Tokyo") == 0
    assert notes("*/5 2 * * *", "Europe/Berlin") == 0


def test_a_year_of_quartz_that_is_not_one_instant_is_named_as_lost() -> None:
    found = one(Program.QUARTZ, "0 0 12 ? * MON 2027-2029")
    assert str(found.schedule) == "0 0 12 * * 1"
    assert "2027-2029" in found.lost[0]


def test_the_zone_of_a_jenkins_job_holds_for_its_lines() -> None:
    found = of(Program.JENKINS, "TZ=Europe/London\n# x\nH 7 * * *\nH 19 * * *")
    assert [(each.number, each.timezone) for each in found] == [(3, "Europe/London"), (4, "Europe/London")]


def test_github_is_in_utc_and_runs_every_five_minutes_at_most() -> None:
    found = one(Program.GITHUB, "- cron: '*/2 * * * *'", "Europe/Berlin")
    assert found.timezone == "UTC"
    assert any("every 5 minutes" in note for note in found.notes)
    assert len(one(Program.GITHUB, "*/5 * * * *").notes) == 1


def test_an_item_of_github_may_name_its_zone_before_or_after_its_expression() -> None:
    text = """schedule:
      - cron: '30 2 * * *'
        timezone: "Europe/Berlin"  # ours
      - timezone: Asia/Tokyo
        cron: '0 9 * * 1-5'
      - cron: '0 9 * * 1-5'
      - cron: '0 9 * * *'
        timezone: Mars
    """
    berlin, tokyo, utc, mars = of(Program.GITHUB, text, "America/New_York")
    assert [str(each.schedule) for each in (berlin, tokyo, utc)] == [
        "CRON_TZ=Europe/Berlin 0 30 2 * * *",
        "CRON_TZ=Asia/Tokyo 0 0 9 * * 1-5",
        "0 0 9 * * 1-5",
    ]
    assert [len(each.notes) for each in (berlin, tokyo, utc)] == [1, 0, 1]
    assert "a time that the clock skips" in berlin.notes[0]
    assert mars.schedule is None
    assert "'Mars' is not an IANA time zone" in mars.problem


def test_items_of_github_may_be_written_within_braces_and_their_keys_in_quotes() -> None:
    text = """on: {schedule: [{cron: '0 6 * * *'}, {"cron": "0 7 * * 1,3", 'timezone': Europe/Berlin}]}
    # - {cron: '0 0 * * *'}
    env: {A: b}
    - { timezone: Asia/Tokyo, cron: 0 8 * * * }
    - "cron": '0 9 * * *'
      timezone: Asia/Tokyo
    """
    assert [(each.number, str(each.schedule)) for each in of(Program.GITHUB, text)] == [
        (1, "0 0 6 * * *"),
        (1, "CRON_TZ=Europe/Berlin 0 0 7 * * 1,3"),
        (4, "CRON_TZ=Asia/Tokyo 0 0 8 * * *"),
        (5, "CRON_TZ=Asia/Tokyo 0 0 9 * * *"),
    ]


@pytest.mark.parametrize(
    ("program", "zone", "line"),
    [(Program.CRONTAB, "CRON_TZ", "0 5 * * * /bin/x"), (Program.JENKINS, "TZ", "H 5 * * *")],
)
def test_lines_below_a_zone_that_can_not_be_read_are_in_no_other_zone(program: Program, zone: str, line: str) -> None:
    text = f"{zone}=Europe/Berlin\n{line}\n{zone}=Mars\n{line}\n{zone}=Asia/Tokyo\n{line}"
    berlin, _, unread, tokyo = of(program, text)
    assert [each.timezone for each in (berlin, tokyo)] == ["Europe/Berlin", "Asia/Tokyo"]
    assert unread.schedule is None
    assert unread.problem == "the time zone of line 3, which holds for it, can't be read"


def test_a_crontab_line_that_is_kept_fires_when_classic_cron_does() -> None:
    """cronsim reads the day rule as Debian's cron does."""
    compared = 0
    for seed in range(300):
        random = Random(f"crontab {seed}")
        days = [random.choice(["*", "*/2", "13", "1,15", "*/1"]), random.choice(["*", "1-5", "5", "*/2", "7"])]
        five = f"{random.randrange(60)} {random.choice(['*', '*/6', '3,15'])} {days[0]} * {days[1]}"
        found, after = one(Program.CRONTAB, f"{five} x"), random_instant(random)
        if found.schedule is None:
            assert "both day fields" in found.problem
            continue
        theirs = CronSim(five, after)
        assert found.schedule.upcoming(after, 12) == [next(theirs) for _ in range(12)], five
        compared += 1
    assert compared > 150


def test_no_line_makes_the_conversion_fail() -> None:
    random = Random("damaged lines")
    pieces = [
        "*",
        "5",
        "H",
        "L",
        "?",
        "#",
        "~",
        "/",
        "-",
        ",",
        " ",
        "TZ=",
        "CRON_TZ=",
        "@daily",
        "%",
        "=",
        "'",
        "2027",
        "\t",
    ]
    for _ in range(3000):
        line = " ".join("".join(random.choices(pieces, k=random.randint(0, 3))) for _ in range(random.randint(0, 8)))
        for program in Program:
            for found in convert(program, line, "UTC"):
                assert (found.schedule is None) == bool(found.problem)


def test_what_a_line_became_is_read_back_by_its_text() -> None:
    for line in ("0 30 18 24 DEC ? 2026", "0 15 10 ? * 6L"):
        schedule = one(Program.QUARTZ, line, "Europe/Berlin").schedule
        assert parse(str(schedule)) == schedule
    assert (
        datetime(2026, 12, 24, 17, 30, tzinfo=UTC) - timedelta(seconds=1)
        < parse(str(one(Program.QUARTZ, "0 30 18 24 DEC ? 2026", "Europe/Berlin").schedule)).upcoming(
            datetime(2026, 1, 1, tzinfo=UTC), 1
        )[0]
    )
