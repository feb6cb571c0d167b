"""The same work with Django's ORM and django-simple-history, as anyone would write it."""
