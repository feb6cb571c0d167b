"""Settings, from the environment. Safe for production unless DEBUG says otherwise."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from config.embedded_postgres.location import default_directory
from config.environment import Environment, require_object
from config.owner import database_variable
from config.secret_key import refuse_weak

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()
Environment.read_env(BASE_DIR / ".env")

# Only in the process of a test run: not because some code there imports pytest.
UNDER_PYTEST = "pytest" in sys.modules and "PYTEST_VERSION" in os.environ
ON_EMBEDDED_SERVER = not os.environ.get("DATABASE_URL")

# Whoever says nothing gets production, or nothing at all.
DEBUG: bool = env.bool("DEBUG", default=False)
embedded_name = os.environ.get("EMBEDDED_POSTGRES_NAME", "")
if ON_EMBEDDED_SERVER and not (DEBUG or UNDER_PYTEST or embedded_name):
    raise ImproperlyConfigured(
        "Set DATABASE_URL to your PostgreSQL server, or DEBUG=1 on a development machine."
    )

SECRET_KEY: str = env.str("SECRET_KEY", default="")
if not SECRET_KEY and (DEBUG or UNDER_PYTEST):
    SECRET_KEY = "development-only-not-a-secret" if DEBUG else get_random_secret_key()
elif not DEBUG:
    refuse_weak(SECRET_KEY)

ALLOWED_HOSTS: list[str] = env.hosts(
    "ALLOWED_HOSTS",
    default=["localhost", "127.0.0.1", "[::1]"] if DEBUG or UNDER_PYTEST else [],
)
CSRF_TRUSTED_ORIGINS: list[str] = env.origins("CSRF_TRUSTED_ORIGINS")

# The project itself

#: The policy of the host; see `workflows_app/conf.py` for the keys.
WORKFLOWS: dict[str, Any] = env.json_object("WORKFLOWS")
if "ALERT_CHANNELS" in os.environ:
    # Their addresses hold secrets: apart from the rest, which anybody may see.
    WORKFLOWS = {
        **WORKFLOWS,
        "alerts": {
            **require_object(WORKFLOWS.get("alerts", {}), "WORKFLOWS['alerts']"),
            "channels": env.json("ALERT_CHANNELS"),
        },
    }
if "PAGES_AT_ONCE" in os.environ:
    # The web server says so: see `config/gunicorn.py`.
    WORKFLOWS = {"pages_at_once": env.int("PAGES_AT_ONCE", default=0), **WORKFLOWS}
#: Which groups decide about which workflows; see `workflows_app/deciders.py`.
WORKFLOWS_DECIDERS: dict[str, Any] = env.json_object("WORKFLOWS_DECIDERS")
#: The demo's workflows and its bank.
WITH_DEMO: bool = env.bool("WORKFLOWS_DEMO", default=DEBUG or UNDER_PYTEST)

INSTALLED_APPS = [
    # Before the theme, so that the admin's first page is the console's.
    "procrastinate.contrib.django",
    "workflows_app",
    # Before allauth, whose pages it draws anew.
    "workflows_app.login",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "csp",
    "simple_history",
    "pgtrigger",
    *(["workflows_app.demo"] if WITH_DEMO else []),
]

MIDDLEWARE = [
    # Before all that makes pages: those, too, that tell why there is no other.
    "django.middleware.locale.LocaleMiddleware",
    "workflows_app.health.HealthMiddleware",
    "workflows_app.admin.guard.GuardMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "workflows_app.admin.away.DatabaseAwayMiddleware",
    "workflows_app.admin.away.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "workflows_app.admin.sessions.SessionAgeMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "workflows_app.login.factors.LoginMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "workflows_app.login.context.theme",
            ],
        },
    },
]

# Database

DATABASES: dict[str, dict[str, Any]]
if ON_EMBEDDED_SERVER:
    DATABASES = {
        "default": {
            "ENGINE": "config.embedded_postgres",
            "NAME": embedded_name or "workflows",
            "EMBEDDED_NAME": embedded_name or "workflows",
            "EMBEDDED_DIR": env.str(
                "EMBEDDED_POSTGRES_DIR", default=str(default_directory(BASE_DIR))
            ),
        }
    }
else:
    DATABASES = {"default": env.db(database_variable(sys.argv, os.environ))}
    DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    #: Behind a pooler that gives each transaction another session of the server.
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = env.bool(
        "DISABLE_SERVER_SIDE_CURSORS", default=False
    )
is_empty = os.environ.get("DATABASE_PREPARE_THRESHOLD") == ""
threshold = None if is_empty else env.int("DATABASE_PREPARE_THRESHOLD", default=3)
DATABASES["default"]["OPTIONS"] = {
    #: After how often a statement of the engine is prepared; behind a pooler it never is.
    "prepare_threshold": threshold,
    # A server that vanished without a word is noticed within half a minute, and the next one tried.
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    **DATABASES["default"].get("OPTIONS", {}),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# History and audit: a reason of any length, no revert, and permissions of its own.

SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True
SIMPLE_HISTORY_REVERT_DISABLED = True
SIMPLE_HISTORY_ENFORCE_HISTORY_MODEL_PERMISSIONS = True

# Login: by allauth, counted in the database for all web processes, and by single sign-on if there is one.

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "workflows_login_cache",
        # What is over the limit is thrown out by chance, attempts to log in too.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
ACCOUNT_ADAPTER = "workflows_app.login.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "workflows_app.login.adapters.SingleSignOnAdapter"
MFA_ADAPTER = "workflows_app.login.adapters.SecondFactorAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_UNIQUE_EMAIL = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_METHODS = {"password", "mfa"}
MFA_TOTP_ISSUER = "Workflow operations"
MFA_TOTP_TOLERANCE = 1
MFA_ALLOW_UNVERIFIED_EMAIL = True
SOCIALACCOUNT_LOGIN_ON_GET = True
#: Providers of OpenID Connect, as allauth has them: see docs/security.md.
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": env.json_objects("OPENID_CONNECT")}
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Security outside DEBUG

if not DEBUG:
    SECURE_SSL_REDIRECT: bool = env.bool("SECURE_SSL_REDIRECT", default=not UNDER_PYTEST)
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not UNDER_PYTEST
    SECURE_HSTS_SECONDS: int = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS: bool = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=True)
    SECURE_HSTS_PRELOAD: bool = env.bool("SECURE_HSTS_PRELOAD", default=True)
    if env.bool("BEHIND_HTTPS_PROXY", default=False):
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True

# The admin's scripts evaluate expressions in attributes (Alpine) and its pages set styles; scripts
# are files, and nothing comes from other hosts.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# Static files, mail, logs, time

STATIC_URL = "static/"
# While developing, files are served from where they are.
STATIC_ROOT: str = env.public_directory(
    "STATIC_ROOT",
    default="" if DEBUG or UNDER_PYTEST else str(BASE_DIR / "var" / "static"),
    private=BASE_DIR,
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG or UNDER_PYTEST
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
WHITENOISE_USE_FINDERS = DEBUG or UNDER_PYTEST

EMAIL_CONFIG: dict[str, Any] = env.email("EMAIL_URL", default="consolemail://")
globals().update(EMAIL_CONFIG)
#: Seconds after which a mail server that says nothing is given up.
EMAIL_TIMEOUT: int = env.int("EMAIL_TIMEOUT", default=10, least=1)
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.sender("SERVER_EMAIL", default="workflows@localhost")

# Errors go to the log and to nobody by mail: a page would wait for the mail server, and whoever can cause
# an error could send mails.
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "filters": {
        "told_once": {"()": "workflows_app.outages.ToldOnce"},
        # That the database is away was told; not again for every page, and every health check. What was
        # refused is told by the guard, in one line.
        "unless_told": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: (
                getattr(record, "status_code", None) not in (400, 403, 405, 413, 415, 429, 503)
            ),
        },
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line"},
    },
    "root": {"handlers": ["stderr"], "level": env.level("LOG_LEVEL", default="WARNING")},
    "loggers": {
        # Django's own handlers would say everything twice.
        "django": {"handlers": []},
        "django.request": {"filters": ["told_once", "unless_told"]},
        # Hosts that are not ours, forms without a token: refused, and told by the guard.
        "django.security": {"level": "CRITICAL"},
        "workflows_app": {
            "level": env.level(
                "WORKFLOWS_LOG_LEVEL", default=env.level("LOG_LEVEL", default="INFO")
            )
        },
    },
}

USE_TZ = True
TIME_ZONE: str = env.zone("TIME_ZONE", default="UTC")
#: What people may read, by what their browsers ask for; the first one for all others.
LANGUAGES: list[tuple[str, str]] = env.languages("LANGUAGES", default="en-gb,de")
LANGUAGE_CODE = LANGUAGES[0][0]
FORMAT_MODULE_PATH = "config.formats"
USE_I18N = True

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "admin:index"
UNFOLD = {
    "SITE_TITLE": _("Workflow operations"),
    "SITE_HEADER": _("Workflow operations"),
    "SITE_SUBHEADER": _("What needs a person, first"),
    "SITE_SYMBOL": "conversion_path",
    "SHOW_HISTORY": True,
    "ACCOUNT": {"navigation": [{"title": _("Second factor"), "link": reverse_lazy("mfa_index")}]},
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("workflows_app/icon.svg"),
        }
    ],
}
