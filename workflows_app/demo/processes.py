"""The demo's child processes: started together, and all stopped when the demo ends.

However the demo ends: each child is also told by the kernel when its parent is gone.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from django.conf import settings

_PR_SET_PDEATHSIG = 1
_OPEN_SECONDS = 60.0
#: A child that ends by itself is started again so often within so many seconds.
_STARTED_AGAIN = 3
_WITHIN_SECONDS = 60.0


class ChildEnded(Exception):
    """A child that should run has ended by itself, or does not start."""


class EndedBySignal(KeyboardInterrupt):
    """The demo was told to end. `exit_code` is what a shell expects then."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class Children:
    """A group of child processes, to be used in a `with` block.

    They write to the file `log`, or where the demo writes. At the end each has `stop_seconds` to
    finish what it is doing.
    """

    def __init__(
        self, environment: dict[str, str], *, log: Path | None = None, stop_seconds: float = 15.0
    ) -> None:
        self.environment = {**os.environ, **environment}
        self._log = log
        self._stop_seconds = stop_seconds
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._arguments: dict[str, tuple[str, ...]] = {}
        self._started_again_at: dict[str, list[float]] = defaultdict(list)

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `python ARGUMENTS` under `name`, in the directory of the project."""
        output = self._log.open("ab") if self._log else None
        try:
            child = subprocess.Popen(  # noqa: S603 - our own programs
                [sys.executable, *arguments],
                cwd=settings.BASE_DIR,
                env=self.environment,
                # A session of its own: Ctrl-C reaches the demo, which stops its children in order.
                start_new_session=True,
                preexec_fn=_end_with_parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        finally:
            if output:
                output.close()
        self._children[name], self._arguments[name] = child, arguments
        return child

    def check(self) -> None:
        """Raise ChildEnded if one is no longer there."""
        for name, child in self._children.items():
            if child.poll() is not None:
                raise ChildEnded(f"The {name} has ended{_how(child)}.")

    def keep_up(self, tell: Callable[[str], object]) -> None:
        """Start again what is no longer there, and tell it. Raises ChildEnded of one that ends again and again."""
        for name, child in list(self._children.items()):
            if child.poll() is None:
                continue
            now = time.monotonic()
            lately = [at for at in self._started_again_at[name] if now - at < _WITHIN_SECONDS]
            if len(lately) >= _STARTED_AGAIN:
                raise ChildEnded(f"The {name} has ended again and again, at last{_how(child)}.")
            self._started_again_at[name] = [*lately, now]
            self.start(name, *self._arguments[name])
            tell(f"The {name} had ended{_how(child)}, and was started again.")

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + self._stop_seconds
        for child in self._children.values():
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _how(child: subprocess.Popen[bytes]) -> str:
    code = child.returncode
    return f" by signal {-code}" if code < 0 else f" with exit code {code}"


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def start_bank(children: Children, *, directory: Path, fails_by: list[str]) -> str:
    """Start the bank on the ledger in `directory`; return its address once it is open.

    `fails_by`: the bank's arguments that say what fails how, `--seed N` or `--script FILE`. A bank that is
    started again opens at the same address.
    """
    port_file = directory / "bank.port"
    port_file.unlink(missing_ok=True)
    arguments = ["--ledger", str(directory / "bank.jsonl"), "--port-file", str(port_file)]
    children.start("bank", "-m", "workflows_app.demo.bank", *fails_by, *arguments)
    deadline = time.monotonic() + _OPEN_SECONDS
    while not port_file.exists():
        children.check()
        if time.monotonic() > deadline:
            raise ChildEnded(f"The bank did not open within {_OPEN_SECONDS:g} seconds.")
        time.sleep(0.05)
    return f"http://127.0.0.1:{port_file.read_text()}"


def manage(*arguments: str) -> list[str]:
    """Return the arguments of Python that run a command of this project."""
    return [str(Path(settings.BASE_DIR) / "manage.py"), *arguments]


class Ending:
    """Whether the block was told to end, and by which signal."""

    def __init__(self, numbers: list[int]) -> None:
        self._numbers = numbers
        self.signal: EndedBySignal | None = None

    def be_deaf(self) -> None:
        """Let no signal disturb what comes from now on in the block."""
        for number in self._numbers:
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def ended_by_signals() -> Iterator[Ending]:
    """Let SIGTERM and a lost terminal end the block as Ctrl-C does, even if Ctrl-C is switched off.

    Raises EndedBySignal at the first of them; those that follow don't disturb the clearing up. An
    error of the clearing up, or of the call that was cut short, ends as EndedBySignal too. Within the block such
    an error is still one of its own kind, and what is yielded knows the signal.
    """
    signals: list[int] = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as `nohup` has it
        signals.append(signal.SIGHUP)
    ending = Ending(signals)

    def interrupt(number: int, _frame: object) -> None:
        ending.be_deaf()
        ending.signal = EndedBySignal(number)
        raise ending.signal

    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield ending
    except Exception:
        if ending.signal is not None:
            raise ending.signal from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
