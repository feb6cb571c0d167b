"""Arrivals: how the host learns that something new is in a topic and lane (P2)."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from workflows_app.models.rows import columns

#: Each lane is looked up in `arrival_topic` by itself, and a null, which equals nothing, apart: the cost is
#: the same however many arrivals wait. Planned each time: what suits an empty table does not suit a full one.
_ANNOUNCE = """
    INSERT INTO workflows_app_arrival (topic_id, lane, transaction)
    SELECT news.topic, news.lane, pg_current_xact_id()::text
      FROM unnest(%s::bigint[], %s::text[]) AS news(topic, lane)
     WHERE CASE WHEN news.lane IS NULL THEN
           (SELECT true FROM workflows_app_arrival there
             WHERE there.topic_id = news.topic AND there.lane IS NULL
               AND there.transaction = pg_current_xact_id()::text LIMIT 1) IS NULL
           ELSE
           (SELECT true FROM workflows_app_arrival there
             WHERE there.topic_id = news.topic AND there.lane = news.lane
               AND there.transaction = pg_current_xact_id()::text LIMIT 1) IS NULL END
"""


def announce(news: Iterable[tuple[int, str | None]]) -> None:
    """Leave an arrival for each topic and lane in `news`, one a transaction. Needs an open transaction.

    Also in a topic without a consumer: a deploy may give it one before this transaction commits.
    """
    pairs = list(dict.fromkeys(news))
    if pairs:
        with connection.cursor() as cursor:
            cursor.execute(_ANNOUNCE, columns(pairs, 2))
