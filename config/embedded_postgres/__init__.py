"""A database backend that brings its own PostgreSQL, for machines without a server."""
