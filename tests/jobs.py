"""The queue's tables, which are not Django's: nobody empties them between tests but we."""

from __future__ import annotations

from django.db import connection


def empty_queue() -> None:
    """Forget all jobs and workers."""
    with connection.cursor() as cursor:
        for table in ("jobs", "workers", "periodic_defers"):
            cursor.execute(f"DELETE FROM procrastinate_{table}")


def forget_jobs(workflow_id: int) -> None:
    """Forget the jobs of one workflow."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE lock = %s", [f"workflow:{workflow_id}"]
        )


def jobs() -> list[str]:
    """Return what is in the queue, as `task lock status`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT concat_ws(' ', task_name, lock, status) FROM procrastinate_jobs ORDER BY id"
        )
        return [row[0] for row in cursor.fetchall()]


def let_heartbeats_be_old() -> None:
    """Let the queue's workers have been silent for so long that the next sweep takes their jobs for stalled."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_workers SET last_heartbeat = '-infinity'")
