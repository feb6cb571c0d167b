"""Authors' code that somebody waits for has a limit, and what hangs does not cost a thread each time (P8)."""

from __future__ import annotations

import threading

import pytest

from workflows_app.sdk.patience import TookTooLong, answer_within


def test_what_hangs_is_not_called_again_before_it_has_ended(released: threading.Event) -> None:
    called: list[int] = []

    def hang() -> None:
        called.append(1)
        released.wait(60)

    for times in (1, 2):
        for _ in range(2):
            with pytest.raises(TookTooLong, match=r"^it took longer than 0\.05 s$"):
                answer_within(0.05, hang, who="slow")
        assert len(called) == times
        assert answer_within(60, lambda: "at once", who="another") == "at once"

        released.set()
        for thread in threading.enumerate():
            if thread.name == "workflows-asked":
                thread.join(60)
        assert answer_within(60, lambda: "at last", who="slow") == "at last"
        released.clear()
