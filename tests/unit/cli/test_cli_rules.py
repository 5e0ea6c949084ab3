"""hil rules: what is asked for is checked before a file is written, all of it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil.cli import main

if TYPE_CHECKING:
    from pathlib import Path


BROKEN = [("ftp", "oncall.example"), ("http", ""), ("http", "a b/c"), ("http", "[::1"), ("http", "a:99999")]


@pytest.mark.parametrize("option", ["--page", "--ticket"])
@pytest.mark.parametrize("url", ["notaurl", "oncall.example/page", *("://".join(parts) for parts in BROKEN)])
def test_a_webhook_is_a_url(tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, url: str) -> None:
    """Alertmanager would refuse the whole configuration, or call nobody."""
    assert main(["rules", "metro-25km", "--out", str(tmp_path / "out"), option, url]) == 4
    assert f"{option} {url}: expected the http or https URL of a webhook" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_url_goes_into_the_routes(tmp_path: Path) -> None:
    url = "https://pager.example:8443/hook?team=qkd"
    assert main(["rules", "metro-25km", "--out", str(tmp_path), "--page", url]) == 0
    assert url in (tmp_path / "alertmanager.yml").read_text("utf-8")


def test_every_mistake_comes_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"--page": "x", "--speed": "-1", "--zone": "Mars/North", "--calibration": "never", "--window": "3x"}
    assert main(["rules", "metro-25kn", "--out", str(tmp_path), *(part for pair in given.items() for part in pair)]) == 4
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 6
    assert all(value in err for value in [*given.values(), "metro-25kn"])
