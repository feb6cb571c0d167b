"""The pages of the login: those of allauth that are used here, and no others.

Nobody signs up, changes an e-mail or resets a password by mail: staff do that, or the company's provider.
"""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa import urls as mfa_urls
from allauth.socialaccount import views as socialaccount
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.urls import include, path

from workflows_app.login import views

urlpatterns = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("again/", views.again, name="workflows_login_again"),
    path("named/", views.named, name="workflows_login_named"),
    path("second-factor/", include(mfa_urls)),
    path("sso/cancelled/", socialaccount.login_cancelled, name="socialaccount_login_cancelled"),
    path("sso/error/", socialaccount.login_error, name="socialaccount_login_error"),
    path(
        "sso/<str:provider_id>/",
        views.told_if_away(openid_connect.login),
        name="openid_connect_login",
    ),
    path(
        "sso/<str:provider_id>/back/",
        views.told_if_away(openid_connect.callback),
        name="openid_connect_callback",
    ),
]
