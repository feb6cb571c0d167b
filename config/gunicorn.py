"""How gunicorn serves the console: `gunicorn -c python:config.gunicorn config.wsgi`.

Pages take all threads of a process but one, which is left for health checks.
"""

from __future__ import annotations

import os

threads = int(os.environ.get("WEB_THREADS", "12"))
os.environ.setdefault("PAGES_AT_ONCE", str(threads - 1))
