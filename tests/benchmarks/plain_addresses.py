"""The addresses of Django's own admin: every page as it comes.

But for one thing: rows that belong to others are named by their numbers. As it comes, a page offers all of a
million rows in a list, and takes gigabytes and minutes.
"""

from __future__ import annotations

from django.contrib import admin
from django.db.models import ForeignKey
from django.urls import path

from workflows_app.models import Event, Input, Mutation, OperatorAction, Run, Workflow

site = admin.AdminSite()
for model in (Event, Input, Mutation, OperatorAction, Run, Workflow):
    related = [field.name for field in model._meta.fields if isinstance(field, ForeignKey)]
    site.register(model, type("Plain", (admin.ModelAdmin,), {"raw_id_fields": related}))

urlpatterns = [path("admin/", site.urls)]
