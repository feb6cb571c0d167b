"""The invariants of the design, each as a check over the whole database (P1 to P6).

A check is one statement, or one look under a lock: it sees one moment, so that a running host gives
no false alarm. A *violation* is what the design rules out; a *warning* is what somebody should know.
Nothing here changes state: the fixes only wake the host.
"""

from workflows_app.doctor.catalogue import CHECKS
from workflows_app.doctor.check import Check, Found, Severity
from workflows_app.doctor.examination import Finding, examine

__all__ = ["CHECKS", "Check", "Finding", "Found", "Severity", "examine"]
