"""`python -m workflows_app.demo.bank --ledger FILE`: run the bank until it is told to stop."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from workflows_app.demo.bank.ledger import Ledger
from workflows_app.demo.bank.mischief import Mischief
from workflows_app.demo.bank.script import Script
from workflows_app.demo.bank.server import Bank


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m workflows_app.demo.bank", description=__doc__)
    parser.add_argument("--ledger", type=Path, required=True, help="the bank's records")
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument(
        "--port-file",
        type=Path,
        help="where to write the port, once it is open; what is there already is taken",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--script", type=Path, help="what fails how, in place of the seed's chance")
    parser.add_argument("--score", type=Path, help="where a drill writes how it stands")
    parser.add_argument("--looks", type=Path, help="where to write when its pages are opened")
    options = parser.parse_args()
    if options.port_file and options.port_file.exists():
        options.port = int(options.port_file.read_text())
    options.ledger.parent.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(options.ledger)
    mischief = Script.read(options.script) if options.script else Mischief(options.seed)
    files = {"score": options.score, "looks": options.looks}
    try:
        bank = Bank(("127.0.0.1", options.port), ledger, mischief, **files)
    except OSError as error:
        sys.exit(f"The bank can't open port {options.port}: {error.strerror}.")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: threading.Thread(target=bank.shutdown).start())
    port = bank.server_address[1]
    if options.port_file:
        # Written whole or not at all: who sees the file can read the port.
        draft = options.port_file.with_suffix(".draft")
        draft.write_text(str(port))
        os.replace(draft, options.port_file)
    sys.stdout.write(f"The bank is open at http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    bank.serve_forever(poll_interval=0.05)
    bank.closing.set()


main()
