"""What the commands' exit codes mean. 0 is done."""

from __future__ import annotations

from django.core.management.base import CommandError

#: An error (CommandError), also an interruption.
ERROR = 1
#: Wrong usage, as argparse has it.
USAGE = 2
#: Some items were refused; all others were done.
SOME_REFUSED = 3


def wrong_usage(sentence: str) -> CommandError:
    """Return the error of a command that was called wrongly."""
    return CommandError(sentence, returncode=USAGE)
