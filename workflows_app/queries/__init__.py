"""Reading for admin and commands. Nothing here changes anything."""
