"""What a decision of a drill took, by the web server's access log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from workflows_app.demo.drill.footprints import Footprint, footprint, read_hits, read_looks

RUN = "/admin/workflows_app/run"


def test_a_click_is_a_page_or_a_press_and_no_more(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    requests = [
        ("00", "GET", 200, "-", "-", "/admin/login/"),
        ("01", "POST", 302, "-", "-", "/admin/login/"),
        ("01", "GET", 200, "-", "-", "/admin/"),
        ("02", "GET", 200, "-", "-", "/static/a.css"),
        ("03", "GET", 200, "-", "-", f"{RUN}/7/change/"),  # 1
        ("03", "POST", 302, "true", "-", f"{RUN}/7/look/"),  # the page has the outside system asked
        ("03", "GET", 200, "true", "-", f"{RUN}/7/change/"),
        ("05", "GET", 200, "-", "-", f"{RUN}/7/change/"),  # a reload
        ("09", "GET", 200, "true", "-", f"{RUN}/7/skip-run/"),  # 2
        ("10", "GET", 200, "true", "-", "/admin/"),  # home refreshes itself
        ("11", "GET", 200, "true", "-", "/admin/search/"),  # suggestions
        ("12", "POST", 200, "true", "-", f"{RUN}/7/skip-run/"),  # 3: without a reason
        ("15", "POST", 200, "true", f"{RUN}/7/change/", f"{RUN}/7/skip-run/"),  # 4
        ("15", "GET", 200, "-", "-", f"{RUN}/7/change/"),
        ("16", "GET", 200, "-", "-", f"{RUN}/7/change/"),  # a reload
        ("17", "GET", 200, "true", "-", f"{RUN}/7/change/"),  # a run at work refreshes itself
        ("18", "GET", 200, "-", "-", f"{RUN}/9/change/"),  # a detour: home again
        ("20", "GET", 200, "-", "-", "/admin/"),
        ("21", "GET", 200, "-", "-", f"{RUN}/"),  # 1: by the list
        ("22", "GET", 404, "-", "-", f"{RUN}/999/change/"),
        ("25", "GET", 200, "-", "-", f"{RUN}/8/change/"),  # 2
        ("26", "GET", 200, "true", "-", f"{RUN}/8/skip-run/"),  # 3
        ("29", "GET", 404, "-", "-", "/admin/x\ny"),  # a line break in an address
        ("30", "POST", 302, "-", "-", f"{RUN}/8/skip-run/"),  # 4
        ("30", "GET", 200, "-", "-", f"{RUN}/8/change/"),
    ]
    lines = [
        "\t".join((f"[28/Nov/2026:21:00:{second} +0000]", *map(str, rest)))
        for second, *rest in requests
    ]
    log.write_text("\n".join([*lines, "half a li"]))

    hits = read_hits(log)

    bank_log = tmp_path / "looks.log"
    looked_at = datetime(2026, 11, 28, 21, 0, tzinfo=UTC).timestamp()
    bank_log.write_text("".join(f"{looked_at + second:.3f}\n" for second in (4, 13, 27, 99)))
    looks = read_looks(bank_log)

    assert footprint(hits, {"run/7"}, looks) == Footprint(4, 0, 2, 12)
    assert footprint(hits, {"run/8", "event/3"}, looks) == Footprint(4, 1, 1, 5)
    assert footprint(hits, {"run/5"}) == Footprint(0, 0, 0, None)
    assert read_hits(tmp_path / "none") == []
    assert read_looks(tmp_path / "none") == []
