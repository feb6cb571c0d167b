"""What is shown, as a text that is kept: a test compares it whole with a file in `__snapshots__` beside it.

After a change that is wanted, `pytest --snapshot-update` writes the files anew; their diff is read before the
commit, as code is.
"""

from __future__ import annotations

import re

from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex


class KeptText(SingleFileSnapshotExtension):
    """A file for each test, or for each name that a test gives."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"

    @classmethod
    def get_snapshot_name(cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0) -> str:
        """Return a name that a shell and a person can type."""
        name = super().get_snapshot_name(test_location=test_location, index=index)
        return re.sub(r"[^\w.=]+", "-", name).strip("-")
