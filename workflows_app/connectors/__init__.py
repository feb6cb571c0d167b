"""Ready mutators for common outside systems, one folder each. They know the sdk only."""
