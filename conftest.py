"""The project's own suite uses its own pytest plugin, as an author of workflows would."""

pytest_plugins = ["workflows_app.testing"]
