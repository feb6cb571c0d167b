"""How fast the console's pages are with much behind them, beside plain Django admin on the same rows.

    python -m tests.benchmarks.console [--events 1000000 --runs 200000 --lanes 5000] [--rounds 20] [--keep NAME]

Makes a database of its own on the server of DATABASE_URL, as a superuser, fills it, and drops it; with `--keep
NAME` it stays, and is used again. Server time is measured: the request is answered in this process, with all
middleware. It exits with 1 if the p95 of a page of ours is 300 ms or more.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from tests.benchmarks.database import Server

LIMIT_MS = 300.0
_EVENTS_A_RUN = 5


def fill(*, events: int, runs: int, lanes: int) -> None:
    """Play one of each story with the real host, and copy it with all its history."""
    from django.db import connection

    from tests.copies import copy_events
    from tests.scenes import Scene
    from workflows_app.models import Event, Lease
    from workflows_app.models.words import WORDS_OF
    from workflows_app.testing import registered, scripted

    mutator = scripted("applied", "lost", "rejected")
    code = _workflow(mutator)
    with registered(code):
        play = Scene(mutator, code.slug)
        done = [play.publish(f"d{n}", _invoice(n)) for n in range(_EVENTS_A_RUN)]
        play.run_host()
        blocked = play.publish("blocked", {**_invoice(7), "lane": "b"})
        play.run_host()
        failed = play.publish("failed", {**_invoice(8), "lane": "f"})
        play.run_host()
        pending = play.publish("pending", {**_invoice(9), "lane": "b"})
    half = lanes // 2
    finished = runs - lanes
    apart = 60 * 86_400 / finished
    copy_events(done, finished, first=1, seconds_apart=apart)
    number = finished * _EVENTS_A_RUN + 1
    for event, first in ((blocked, number), (failed, number + half)):
        copy_events([event], half, first=first, lanes=lanes)
    waiting = max(events - finished * _EVENTS_A_RUN - lanes, lanes)
    copy_events([pending], waiting, first=number + lanes, lanes=lanes)
    Lease.objects.update(next_due_at=None)
    with connection.cursor() as cursor:
        # Copied past the triggers that write them.
        cursor.execute(
            "INSERT INTO workflows_app_eventwords (event_id, words)"
            f" SELECT id, {WORDS_OF.format(row='event')} FROM workflows_app_event event"
            " ON CONFLICT DO NOTHING"
        )
        cursor.execute("VACUUM ANALYZE")
    assert Event.objects.count() > events * 0.9


def _invoice(number: int) -> dict[str, Any]:
    return {
        "invoice": f"INV-{number}",
        "supplier": "Maple Security",
        "amount": "1234.50",
        "lane": "",
    }


def _workflow(mutator: Any) -> Any:
    from workflows_app.sdk import Consumer, MutationCall, PrepareResult, Workflow

    class Pay(Consumer):
        subscribes = ["invoice.received"]
        publishes: list[str] = []

        def lane(self, event: Any) -> str:
            return str(event.payload["lane"])

        def prepare(self, ctx: Any, state: Any) -> PrepareResult:
            events = ctx.peek("invoice.received", limit=_EVENTS_A_RUN)
            if not events:
                return PrepareResult.nothing()
            return PrepareResult(events, events[0].payload, f"Pay {events[0].message_id}")

        def mutate(self, prepared: PrepareResult) -> MutationCall:
            return MutationCall(mutator, prepared.data)

        def next(self, ctx: Any, prepared: Any, outcome: Any) -> None:
            return None

    names = {"slug": "pay", "title": "Pay the invoices", "version": "1.0"}
    listed = {"producers": [], "consumers": [Pay], "mutators": [mutator]}
    return type("Payments", (Workflow,), {"__module__": __name__, **names, **listed})


def pages(*, plain: bool) -> Iterator[tuple[str, str]]:
    """Give the pages to measure, by name: those that plain admin has too, or all of ours."""
    from django.urls import reverse
    from django.utils import timezone

    from workflows_app.models import (
        AccountChange,
        Alert,
        Event,
        Input,
        Mutation,
        OperatorAction,
        Run,
    )

    blocked = Run.objects.filter(status="blocked").earliest("pk")
    rows = {
        "blocked run": blocked,
        "failed run": Run.objects.filter(Run.waits_without_date()).earliest("pk"),
        "done run": Run.objects.filter(status="committed").latest("pk"),
        "event": Event.objects.filter(status="pending").earliest("pk"),
        "input": Input.objects.earliest("pk"),
        "mutation": blocked.mutation,
        "workflow": blocked.workflow,
    }
    for name, row in rows.items():
        yield name, reverse(f"admin:workflows_app_{row._meta.model_name}_change", args=[row.pk])
    # The plain project has none of the console's own accounts and alerts.
    more = () if plain else (Alert, AccountChange)
    for model in (Event, Run, Mutation, Input, OperatorAction, *more):
        name = f"list of {model._meta.verbose_name_plural}"
        yield name, reverse(f"admin:workflows_app_{model._meta.model_name}_changelist")
    if not plain:
        yield "home", reverse("admin:index")
        yield "history of a run", reverse("admin:workflows_app_run_history", args=[blocked.pk])
        search = reverse("admin:workflows_app_search")
        listed = reverse("admin:workflows_app_event_changelist")
        for typed in ("INV-7", "maple security", "1.234,50", str(blocked.pk), "nothing like it"):
            yield f"search: {typed}", f"{search}?{urlencode({'q': typed})}"
        yield "events: maple, pending", f"{listed}?q=maple&status__exact=pending"
        yield "events: the last day", f"{listed}?age=1d"
        yield "events: older than a week", f"{listed}?age=over7d"
        yield "events: skipped", f"{listed}?status__exact=skipped"
        day = timezone.localdate(Event.objects.earliest("created_at").created_at) + timedelta(9)
        yield "events: a day long ago", f"{listed}?on={day}"
        yield "events: maple, that day", f"{listed}?q=maple&on={day}"
        runs = reverse("admin:workflows_app_run_changelist")
        yield "runs: a month, the oldest", f"{runs}?on={day:%Y-%m}&o=8"
        yield "runs: for a person", f"{runs}?waits=person"
        yield "runs: nobody looks into", f"{runs}?taken=nobody"
        yield "runs: decided by me", f"{runs}?decided=me"
        yield "runs: of a lane", f"{runs}?lane=77"
        yield "runs: a late page", f"{runs}?p={max(1, min(5_000, Run.objects.count()) // 50)}"
        effects = reverse("admin:workflows_app_mutation_changelist")
        key = blocked.mutation.idempotency_key[:16]
        yield "search: half a key", f"{search}?{urlencode({'q': key})}"
        yield "effects: half a key", f"{effects}?{urlencode({'q': key})}"
        yield "effects: of a lane", f"{effects}?lane=77"
        yield (
            "dialog of a decision",
            reverse("admin:workflows_app_run_it_happened", args=[blocked.pk]),
        )
        yield "palette: maple, again", f"{reverse('admin:search')}?s=maple&extended=1"


def measure(get: Callable[[str], Any], address: str, rounds: int) -> list[float]:
    """Return the median and the p95 in ms, and the size in kB. The first two answers don't count."""
    for _ in range(2):
        answer = get(address)
        assert answer.status_code == 200, f"{address} answered {answer.status_code}"
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        size = len(get(address).content)
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    return [times[rounds // 2], times[min(rounds - 1, int(rounds * 0.95))], size / 1000]


def measured(rounds: int, *, plain: bool) -> dict[str, list[float]]:
    """Return what each page costs, by its name."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    person, _ = get_user_model().objects.get_or_create(
        username="measure", defaults={"is_staff": True, "is_superuser": True}
    )
    # Without the signals by which tests see templates: nobody waits for those.
    client = Client(SERVER_NAME="localhost")
    client.force_login(person)
    found = dict(pages(plain=plain))
    times = {name: measure(client.get, address, rounds) for name, address in found.items()}
    if not plain:
        times["home, a new process"] = measure(_as_new(client.get), found["home"], rounds)
    return times


def _as_new(get: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return `get` as a process does it that has not counted any hour yet."""
    from workflows_app.admin import charts

    def as_new(address: str) -> Any:
        charts._over.clear()
        return get(address)

    return as_new


def measured_plain(database: str, rounds: int) -> dict[str, list[float]]:
    """Return the same of plain admin, which takes a process of its own: it has other apps."""
    command = [sys.executable, "-m", __spec__.name, "--plain", "--keep", database]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.benchmarks.plain_admin"}
    ran = subprocess.run(
        [*command, "--rounds", str(rounds)], env=environment, stdout=subprocess.PIPE, check=True
    )
    told: dict[str, list[float]] = json.loads(ran.stdout)
    return told


def say(line: str) -> None:
    """Write a line of the result at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def report(ours: dict[str, list[float]], plain: dict[str, list[float]]) -> bool:
    """Print a line a page; tell whether each of ours is quick enough."""
    say(f"{'page':26}{'p50 ms':>8}{'p95 ms':>8}{'kB':>6}   plain admin: p50 ms  p95 ms   kB")
    for name, (half, most, size) in ours.items():
        beside = "{:22.0f}{:8.0f}{:5.0f}".format(*plain[name]) if name in plain else ""
        say(f"{name:26}{half:8.0f}{most:8.0f}{size:6.0f}{beside}")
    return all(most < LIMIT_MS for _, most, _ in ours.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--lanes", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--keep", default="", help="the name of a database that stays")
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("DEBUG", "1")
    server = Server()
    from django.core.management import call_command
    from django.db import connection

    is_there = bool(server.ask("SELECT 1 FROM pg_database WHERE datname = %s", options.keep))
    name = options.keep if is_there else ""
    if not name:
        name = server.create_as(options.keep) if options.keep else server.create("console")
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        if options.plain:
            say(json.dumps(measured(options.rounds, plain=True)))
            return 0
        call_command("migrate", verbosity=0)
        if not is_there:
            began = time.perf_counter()
            fill(events=options.events, runs=options.runs, lanes=options.lanes)
            say(f"Filled {name} in {time.perf_counter() - began:.0f} s.")
        ours = measured(options.rounds, plain=False)
        return 0 if report(ours, measured_plain(name, options.rounds)) else 1
    finally:
        connection.close()
        if not options.keep:
            server.drop(name)


if __name__ == "__main__":
    sys.exit(main())
