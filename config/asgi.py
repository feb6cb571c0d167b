"""The ASGI application."""

import os

from django.core.asgi import get_asgi_application

from workflows_app.letters import readable_asgi

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = readable_asgi(get_asgi_application())
