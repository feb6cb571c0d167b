"""What the reader of invoices should find, in short."""

from __future__ import annotations

from pathlib import Path

from workflows_app.demo.invoices import BrokenInvoice, Invoice, read_invoices


def read(path: Path) -> list[tuple[int, Invoice | str]]:
    """Return what is in the file, with what is wrong in words."""
    return [
        (line, str(item) if isinstance(item, BrokenInvoice) else item)
        for line, item in read_invoices(path)
    ]


def invoice(number: str, amount: str = "12.50", supplier: str = "ACME", date: str = "") -> Invoice:
    """Return an invoice as it should be read."""
    return Invoice(number, date, amount, supplier)
