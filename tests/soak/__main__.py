"""`python -m tests.soak --minutes 10`: hours of trouble, and then a comparison of all ledgers.

Exits with 1 if an effect was made twice, an event was lost, an outage did more damage than it may, an
invariant does not hold, or something did not come to its end.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.secret_key import SECRET_KEY

INSIDE = "SOAK_INSIDE"
SLUGS = [f"{kind}-{number}" for kind in ("mute", "asked") for number in range(4)]


def main() -> None:
    options = parse()
    # Without DATABASE_URL on the embedded server, and on purpose.
    os.environ.setdefault("EMBEDDED_POSTGRES_NAME", "workflows")
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "tests.crash.settings",
        "SECRET_KEY": SECRET_KEY,
        "DEBUG": "0",
        "ALLOWED_HOSTS": "localhost",
        "CRASH_WORKFLOWS": " ".join(SLUGS),
        "WORKFLOWS_LOG_LEVEL": "ERROR",
    }
    import django

    django.setup()
    if os.environ.get(INSIDE):
        sys.exit(soak(options))
    from workflows_app.demo import database

    name = f"workflows_soak_{os.getpid()}"
    with database.fresh(name):
        environment = {**os.environ, **database.environment_for(name), INSIDE: "1"}
        program = [sys.executable, "-m", "tests.soak", *sys.argv[1:]]
        sys.exit(subprocess.run(program, env=environment, check=False).returncode)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument(
        "--outage",
        type=float,
        metavar="MINUTES",
        help="how long the outside system is away in the middle of it; by default a sixth of the time",
    )
    parser.add_argument("--lanes", type=int, default=500, help="lanes of all workflows together")
    parser.add_argument("--workers", type=int, default=2, help="worker processes at a time")
    parser.add_argument("--kill-every", type=float, default=5, help="seconds between kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, default=Path("var/soak.json"))
    options = parser.parse_args()
    if options.outage is None:
        options.outage = options.minutes / 6
    if options.outage * 2 > options.minutes:
        parser.error("an outage begins in the middle: --outage must be at most half of --minutes")
    if options.lanes < len(SLUGS):
        parser.error(f"each workflow needs a lane: --lanes must be at least {len(SLUGS)}")
    return options


def soak(options: argparse.Namespace) -> int:
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from tests.soak.bank import Bank
    from tests.soak.outage import Outage
    from tests.soak.people import People
    from tests.soak.report import report_of
    from tests.soak.workers import CALL_TIMEOUT_SECONDS, Crew

    call_command("migrate", verbosity=0)
    call_command("sync_workflows", stdout=sys.stderr)
    person = get_user_model().objects.create_superuser("soak")
    chance = random.Random(options.seed)
    bank = Bank(CALL_TIMEOUT_SECONDS, random.Random(options.seed))
    accounts: dict[str, list[str]] = {slug: [] for slug in SLUGS}
    for number in range(options.lanes):
        slug = SLUGS[number % len(SLUGS)]
        accounts[slug].append(f"{slug}.{number // len(SLUGS)}")
    people = People(person, bank, accounts, chance)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as logs:
        crew = Crew(Path(logs), bank.address, SLUGS, options.workers, chance)
        outage = Outage(bank, crew, begins=options.minutes * 30, lasts=options.outage * 60)
        try:
            crew.start()
            next_kill = began + options.kill_every
            while (seconds := time.monotonic() - began) < options.minutes * 60:
                if outage.is_near(seconds):
                    people.publish_backlog()
                outage.follow(seconds)
                people.act()
                if time.monotonic() > next_kill:
                    crew.replace_one()
                    next_kill += options.kill_every
                time.sleep(0.1)
            outage.follow(seconds)
            people.behave()
            open_at_the_end = _come_to_an_end(people)
            crew.measure()
        finally:
            crew.close()
            bank.close()
    report = report_of(options, bank, people, crew, outage.report(SLUGS), open_at_the_end)
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(json.dumps(report, indent=2) + "\n")
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 1 if report["faults"] else 0


def _come_to_an_end(people: Any) -> list[str]:
    """Settle what is left; return what is still open after five minutes."""
    from tests.crash.scenario import TOPIC
    from workflows_app.models import Event, Run

    deadline = time.monotonic() + 300
    while True:
        people.settle()
        waiting = Event.objects.filter(topic__name=TOPIC, status__in=["pending", "reserved"])
        unended = Run.objects.filter(status__in=Run.OPEN) | Run.objects.filter(owes_retry=True)
        left = [f"event {event} is {event.status}" for event in waiting[:20]]
        left += [f"run {run.pk} is {run.status}" for run in unended[:20]]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.2)


if __name__ == "__main__":
    main()
