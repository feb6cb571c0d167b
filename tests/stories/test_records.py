"""`record`: what it does commits with its run, and what it does wrong fails its run, never a second call."""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from tests.stories.conftest import Tell
from tests.stories.shop import RECEIVED, order, shipping
from workflows_app.sdk import TransientError


def _reads_only() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute("DELETE FROM django_admin_log")


RECORDS: dict[str, Any] = {
    "raises an error": KeyError("amount"),
    "says that something is away": TransientError("the archive is away"),
    "undoes the transaction": lambda: transaction.set_rollback(True),
    "makes the transaction read-only": _reads_only,
}


def test_records(tell: Tell) -> None:
    with tell() as story:
        story.begins_with(shipping(story, tells=False, records=True))
        story.publish(RECEIVED, ("1", order("a")), ("2", order("b", 0)))
        for does, found in RECORDS.items():
            with story.what_if(f"record {does}"):
                story.trouble("Ship.record", found)
                story.works()
                story.works(after=9)
                story.deploy(shipping(story, "1.1", tells=False, records=True))
                story.works()
        with story.what_if("its worker dies in record, again and again"):
            story.trouble("Ship.record", *["worker dies"] * 5)
            for seconds in (0, 0, 9, 0, 18, 0, 36, 0):
                story.works(after=seconds)
