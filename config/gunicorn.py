"""How gunicorn serves the console: `gunicorn -c python:config.gunicorn config.wsgi`.

Pages take all threads of a process but one, which is left for health checks.
"""

from __future__ import annotations

import os

from config.environment import Environment

threads = Environment().int(
    "WEB_THREADS", default=12, least=2, why=": one of them is kept for health checks"
)
os.environ.setdefault("PAGES_AT_ONCE", str(threads - 1))
