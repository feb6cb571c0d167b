"""What each variable of the environment changes, and what holds without a word."""

from __future__ import annotations

from typing import Any

from tests.unit.test_settings import ENGINE, PRODUCTION, ROOT, in_each

#: What the environment need not say. A change of one is a change for whoever runs it.
DEFAULTS = {
    "ACCOUNT_EMAIL_VERIFICATION": "none",
    "ACCOUNT_LOGIN_METHODS": ["username"],
    "ACCOUNT_REAUTHENTICATION_METHODS": ["mfa", "password"],
    "ACCOUNT_SESSION_REMEMBER": True,
    "ACCOUNT_UNIQUE_EMAIL": False,
    "ALLOWED_HOSTS": ["example.com"],
    "AUTH_PASSWORD_VALIDATORS": [
        {"NAME": f"django.contrib.auth.password_validation.{name}Validator"}
        for name in (
            "UserAttributeSimilarity",
            "MinimumLength",
            "CommonPassword",
            "NumericPassword",
        )
    ],
    "CACHES": {
        "default": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "workflows_login_cache",
            "OPTIONS": {"MAX_ENTRIES": 100_000},
        }
    },
    "CSRF_COOKIE_SECURE": True,
    "CSRF_TRUSTED_ORIGINS": [],
    "DEBUG": False,
    "DEFAULT_FROM_EMAIL": "workflows@localhost",
    "EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend",
    "EMAIL_TIMEOUT": 10,
    "FORMAT_MODULE_PATH": "config.formats",
    "LANGUAGE_CODE": "en-gb",
    "LANGUAGES": [["en-gb", "English"], ["de", "Deutsch"]],
    "LOGIN_REDIRECT_URL": "admin:index",
    "LOGIN_URL": "account_login",
    "LOGOUT_REDIRECT_URL": "admin:index",
    "MFA_ALLOW_UNVERIFIED_EMAIL": True,
    "MFA_TOTP_ISSUER": "Workflow operations",
    "MFA_TOTP_TOLERANCE": 1,
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
    "SECURE_HSTS_PRELOAD": True,
    "SECURE_HSTS_SECONDS": 31_536_000,
    "SECURE_PROXY_SSL_HEADER": None,
    "SECURE_REFERRER_POLICY": "same-origin",
    "SECURE_SSL_REDIRECT": True,
    "SERVER_EMAIL": "workflows@localhost",
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SECURE": True,
    "SIMPLE_HISTORY_ENFORCE_HISTORY_MODEL_PERMISSIONS": True,
    "SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD": True,
    "SIMPLE_HISTORY_REVERT_DISABLED": True,
    "SOCIALACCOUNT_LOGIN_ON_GET": True,
    "SOCIALACCOUNT_PROVIDERS": {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": []}},
    "STATIC_ROOT": str(ROOT / "var" / "static"),
    "TIME_ZONE": "UTC",
    "USE_I18N": True,
    "USE_TZ": True,
    "WHITENOISE_USE_FINDERS": False,
    "WITH_DEMO": False,
    "WORKFLOWS": {},
    "WORKFLOWS_DECIDERS": {},
    "X_FRAME_OPTIONS": "DENY",
}
DATABASE_DEFAULTS = {
    "CONN_HEALTH_CHECKS": True,
    "CONN_MAX_AGE": 60,
    "DISABLE_SERVER_SIDE_CURSORS": False,
    "ENGINE": ENGINE,
}
LOG_DEFAULTS = {"root": "WARNING", "workflows_app": "INFO"}
#: All of them as one object; what is a set in its order.
FACTS = (
    f"json.loads(json.dumps({{name: getattr(settings, name, None) for name in {sorted(DEFAULTS)}}}"
    f" | {{name: settings.DATABASES['default'][name] for name in {sorted(DATABASE_DEFAULTS)}}}"
    " | {name: settings.LOGGING['loggers'].get(name, settings.LOGGING['root'])['level']"
    " for name in ('root', 'workflows_app')}, default=sorted))"
)
#: What each variable changes, and by which value.
VARIABLES: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({}, {}),
    ({"ALLOWED_HOSTS": ""}, {"ALLOWED_HOSTS": []}),
    (
        {"ALLOWED_HOSTS": "one.example,two.example"},
        {"ALLOWED_HOSTS": ["one.example", "two.example"]},
    ),
    (
        {
            "ALERT_CHANNELS": '{"ops": "json://x"}',
            "WORKFLOWS": '{"alerts": {"wait": 1}, "peek_limit": 7}',
        },
        {"WORKFLOWS": {"alerts": {"wait": 1, "channels": {"ops": "json://x"}}, "peek_limit": 7}},
    ),
    ({"BEHIND_HTTPS_PROXY": "1"}, {"SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"]}),
    ({"CONN_MAX_AGE": "7"}, {"CONN_MAX_AGE": 7}),
    (
        {"CSRF_TRUSTED_ORIGINS": "https://a.example"},
        {"CSRF_TRUSTED_ORIGINS": ["https://a.example"]},
    ),
    ({"DISABLE_SERVER_SIDE_CURSORS": "1"}, {"DISABLE_SERVER_SIDE_CURSORS": True}),
    ({"EMAIL_TIMEOUT": "7"}, {"EMAIL_TIMEOUT": 7}),
    (
        {"EMAIL_URL": "smtp://h:25"},
        {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend"},
    ),
    (
        {"LANGUAGES": "de,en-gb"},
        {"LANGUAGES": [["de", "Deutsch"], ["en-gb", "English"]], "LANGUAGE_CODE": "de"},
    ),
    ({"LOG_LEVEL": "ERROR"}, {"root": "ERROR"}),
    (
        {"OPENID_CONNECT": '[{"provider_id": "x"}]'},
        {
            "SOCIALACCOUNT_PROVIDERS": {
                "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [{"provider_id": "x"}]}
            }
        },
    ),
    ({"PAGES_AT_ONCE": "7"}, {"WORKFLOWS": {"pages_at_once": 7}}),
    ({"SECURE_HSTS_INCLUDE_SUBDOMAINS": "0"}, {"SECURE_HSTS_INCLUDE_SUBDOMAINS": False}),
    ({"SECURE_HSTS_PRELOAD": "0"}, {"SECURE_HSTS_PRELOAD": False}),
    ({"SECURE_HSTS_SECONDS": "7"}, {"SECURE_HSTS_SECONDS": 7}),
    ({"SECURE_SSL_REDIRECT": "0"}, {"SECURE_SSL_REDIRECT": False}),
    (
        {"SERVER_EMAIL": "ops@a.example"},
        {"DEFAULT_FROM_EMAIL": "ops@a.example", "SERVER_EMAIL": "ops@a.example"},
    ),
    ({"STATIC_ROOT": "/srv/static"}, {"STATIC_ROOT": "/srv/static"}),
    ({"TIME_ZONE": "Europe/Berlin"}, {"TIME_ZONE": "Europe/Berlin"}),
    ({"WORKFLOWS_DECIDERS": '{"a": ["b"]}'}, {"WORKFLOWS_DECIDERS": {"a": ["b"]}}),
    ({"WORKFLOWS_DEMO": "1"}, {"WITH_DEMO": True}),
    ({"WORKFLOWS_LOG_LEVEL": "DEBUG"}, {"workflows_app": "DEBUG"}),
]


def test_each_variable_changes_what_it_says_and_without_a_word_all_is_by_default() -> None:
    """From an environment that is empty but for what nothing starts without."""
    told = in_each(FACTS, *((PRODUCTION | given, []) for given, _ in VARIABLES))

    defaults = DEFAULTS | DATABASE_DEFAULTS | LOG_DEFAULTS
    for (given, changed), facts in zip(VARIABLES, told, strict=True):
        assert facts == defaults | changed, given


def test_a_switch_is_off_by_several_words_and_by_none() -> None:
    words = ["", "0", "false", "Off", "no", "n", "1", "true", "On", "yes", "y"]
    switched = in_each(
        "settings.SECURE_HSTS_PRELOAD",
        *((PRODUCTION | {"SECURE_HSTS_PRELOAD": word}, []) for word in words),
    )

    assert [word for word, on in zip(words, switched, strict=True) if not on] == words[:6]


def test_an_empty_threshold_prepares_no_statement() -> None:
    given = [{}, *({"DATABASE_PREPARE_THRESHOLD": value} for value in ("", "0", "7"))]
    thresholds = in_each(
        "settings.DATABASES['default']['OPTIONS']['prepare_threshold']",
        *((PRODUCTION | environment, []) for environment in given),
    )

    assert thresholds == [3, None, 0, 7]
