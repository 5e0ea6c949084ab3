"""The HTML page in a browser, where there is one: no table is wider than its place on a common screen."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from hil.discovery import find

if TYPE_CHECKING:
    from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PROBE = """<script>addEventListener("load", () => document.body.setAttribute("data-probe",
[...document.querySelectorAll(".scroll")].map((box) => `${box.scrollWidth}/${box.clientWidth}`).join(" ")))</script></body>"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [1200, 1440])
def test_no_table_scrolls_sideways(sample: Path, tmp_path: Path, width: int) -> None:
    """With the contents above the tables at 1200 pixels, beside them at 1440."""
    page = find("reporter", "html").write(sample)
    assert page is not None
    probed = tmp_path / "probed.html"
    probed.write_text(page.read_text("utf-8").replace("</body>", PROBE), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command = [str(BROWSER), *options, f"--window-size={width},1200", "--dump-dom", probed.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout
    found = re.search(r'data-probe="([^"]+)"', dom)
    assert found is not None
    widths = [tuple(map(int, each.split("/"))) for each in found[1].split()]
    assert len(widths) > 5
    assert [(needed, has) for needed, has in widths if needed > has] == []
