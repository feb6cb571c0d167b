"""The project's settings for the workers that these tests start and kill."""

from __future__ import annotations

import os

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as _APPS

INSTALLED_APPS = [*_APPS, "tests.crash"]
#: At which boundary this process dies, if at any.
WORKFLOWS_DIE_AT = os.environ.get("WORKFLOWS_DIE_AT")
