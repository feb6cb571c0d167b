"""The table of Django's cache in the database, in which all web processes count attempts to log in.

`createcachetable` would make the same one; as a model it comes with `migrate`.
"""

from __future__ import annotations

from django.db import models


class CacheRow(models.Model):
    """A row of `django.core.cache.backends.db`, which alone reads and writes it."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "workflows_login_cache"
        default_permissions = ()

    def __str__(self) -> str:
        return self.cache_key
