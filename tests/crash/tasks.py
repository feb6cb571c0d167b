"""The sweep comes every second to the workers of these tests, beside every five: they wait for it often."""

from __future__ import annotations

from procrastinate.contrib.django import app

from workflows_app import dispatch

app.periodic(cron="* * * * * *", periodic_id="every second")(dispatch.sweep)
