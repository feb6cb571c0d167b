"""The workers of contenders that are no Django apps: programs that know nothing of the harness."""
