"""What a worker process registers: the workflows that the test which started it names."""

from __future__ import annotations

import os

from tests.crash.payments import SLUGS_VARIABLE, payments
from workflows_app.sdk import register

for slug in os.environ[SLUGS_VARIABLE].split():
    register(payments(slug))
