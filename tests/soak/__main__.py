"""`python -m tests.soak --minutes 10`: hours of trouble, and then a comparison of all ledgers.

Exits with 1 if an effect was made twice, an event was lost, an invariant does not hold, or something
did not come to its end.
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
from collections import Counter
from pathlib import Path
from typing import Any

INSIDE = "SOAK_INSIDE"
SLUGS = [f"{kind}-{number}" for kind in ("mute", "asked") for number in range(4)]


def main() -> None:
    options = parse()
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "tests.crash.settings",
        "SECRET_KEY": "only-for-this-test",
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
    parser.add_argument("--workers", type=int, default=2, help="worker processes at a time")
    parser.add_argument("--kill-every", type=float, default=5, help="seconds between kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, default=Path("var/soak.json"))
    return parser.parse_args()


def soak(options: argparse.Namespace) -> int:
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from tests.crash.outside import Outside
    from tests.soak.people import People
    from tests.soak.workers import Crew

    call_command("migrate", verbosity=0)
    call_command("sync_workflows", stdout=sys.stderr)
    person = get_user_model().objects.create_superuser("soak")
    outside = Outside()
    chance = random.Random(options.seed)
    people = People(person, outside, SLUGS, chance)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as logs:
        crew = Crew(Path(logs), outside.address, SLUGS, options.workers, chance)
        try:
            crew.start()
            next_kill = began + options.kill_every
            while time.monotonic() < began + options.minutes * 60:
                people.act()
                if time.monotonic() > next_kill:
                    crew.replace_one()
                    next_kill += options.kill_every
                time.sleep(0.1)
            people.behave()
            open_at_the_end = _come_to_an_end(people)
            crew.measure()
        finally:
            crew.close()
            outside.close()
    report = _report(options, outside, people, crew, open_at_the_end)
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(json.dumps(report, indent=2) + "\n")
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 1 if report["faults"] else 0


def _come_to_an_end(people: Any) -> list[str]:
    """Settle what is left; return what is still open after two minutes."""
    from tests.crash.scenario import TOPIC
    from workflows_app.models import Event, Run

    deadline = time.monotonic() + 120
    while True:
        people.settle()
        waiting = Event.objects.filter(topic__name=TOPIC, status__in=["pending", "reserved"])
        unended = Run.objects.filter(status__in=Run.OPEN) | Run.objects.filter(owes_retry=True)
        left = [f"event {event} is {event.status}" for event in waiting[:20]]
        left += [f"run {run.pk} is {run.status}" for run in unended[:20]]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.2)


def _report(
    options: argparse.Namespace, outside: Any, people: Any, crew: Any, left: list[str]
) -> dict[str, Any]:
    from tests.crash.scenario import TOPIC
    from workflows_app.doctor import CHECKS, Severity, examine
    from workflows_app.models import Event, Mutation, Run

    made = Counter((effect.account, effect.invoice) for effect in outside.effects)
    faults = [
        f"{account} {invoice} was paid {n} times" for (account, invoice), n in made.items() if n > 1
    ]
    keys = {effect.key for effect in outside.effects}
    faults += [
        f"mutation {mutation.pk} is applied here, and not there"
        for mutation in Mutation.objects.filter(status="applied")
        if mutation.idempotency_key not in keys
    ]
    known = set(Mutation.objects.exclude(status="failed").values_list("idempotency_key", flat=True))
    faults += [
        f"{effect} is not in the ledger" for effect in outside.effects if effect.key not in known
    ]
    faults += left
    faults += [
        f"{finding.check.id}: {finding.found.subject} {finding.found.id} {finding.found.detail}"
        for finding in examine(CHECKS)
        if finding.check.severity == Severity.VIOLATION
    ]
    events = Event.objects.filter(topic__name=TOPIC)
    return {
        "minutes": options.minutes,
        "seed": options.seed,
        "events": dict(Counter(events.values_list("status", flat=True))),
        "runs": dict(Counter(Run.objects.values_list("status", flat=True))),
        "ledger": dict(Counter(Mutation.objects.values_list("status", flat=True))),
        "failures": dict(
            Counter(
                f"{kind}, {phase}: {message[:200]}"
                for kind, phase, message in Run.objects.filter(status="failed").values_list(
                    "failure_kind", "failure_phase", "failure_message"
                )
            ).most_common(20)
        ),
        "effects_made": len(outside.effects),
        "kills": crew.kills,
        "worker_megabytes": crew.megabytes,
        "connections": crew.connections,
        "decisions": dict(people.done.most_common()),
        "faults": faults,
    }


if __name__ == "__main__":
    main()
