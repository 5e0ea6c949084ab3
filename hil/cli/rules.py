"""Write what Prometheus and Alertmanager need to watch a bench: rules, their unit tests, routes."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hil.cli._together import Together
from hil.cli.slo import objectives_from, window_options
from hil.errors import UsageError

if TYPE_CHECKING:
    import argparse

__all__ = ["HELP", "declare", "execute"]

HELP = "Prometheus rules and Alertmanager routes of a bench"
_HEAD = "# Made by hil rules from bench {bench}; make it anew instead of editing it.\n"


def declare(parser: argparse.ArgumentParser) -> None:
    """The bench, and where to."""
    parser.add_argument("bench", metavar="NAME|FILE")
    parser.add_argument("--out", metavar="DIR", required=True, help="folder to write them to; made if it is not there")
    parser.add_argument("--slo", metavar="FILE", help="OpenSLO documents to take the objectives from instead")
    parser.add_argument("--page", metavar="URL", help="webhook for pages", default="")
    parser.add_argument("--ticket", metavar="URL", help="webhook for tickets", default="")
    parser.add_argument(
        "--calibration",
        action="append",
        default=[],
        metavar="WHEN",
        help="a time to be quiet, in --zone: '[LINK:] daily|WEEKDAY 02:00-04:00'; repeatable",
    )
    parser.add_argument("--speed", type=float, default=1.0, metavar="X", help="every time so much shorter: for a drill")
    window_options(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Write four files and say which."""
    from hil.bench import load
    from hil.operations.routes import Calibration, Receivers, alertmanager
    from hil.operations.rule_tests import rule_tests
    from hil.operations.rules import rules
    from hil.operations.watching import watch_groups
    from hil.operations.windows import time_zone

    together = Together()
    together.ask(_speed, arguments.speed)
    together.ask(time_zone, arguments.zone)
    calibrations = [together.ask(Calibration.parse, text) for text in arguments.calibration]
    defaults = Receivers()
    page = together.ask(_webhook, "--page", arguments.page or defaults.page_url)
    ticket = together.ask(_webhook, "--ticket", arguments.ticket or defaults.ticket_url)
    bench = together.ask(partial(load, simulate=True), arguments.bench)
    objectives = together.ask(objectives_from, arguments.bench, arguments.slo, arguments, arguments.speed)
    together.settle()
    assert bench is not None
    assert objectives is not None
    links = [(bench.bench.name, name) for name, link in bench.link.items() if link.protocol != "recorded-pairs"]
    zoned = [replace(one, zone=arguments.zone) for one in calibrations if one is not None]
    receivers = Receivers(page or "", ticket or "")
    files = {
        "rules.yml": rules(objectives, watch_groups(bench, arguments.speed), arguments.speed),
        "alertmanager.yml": alertmanager(receivers, links, zoned, arguments.speed),
    }
    if arguments.speed == 1.0:
        files["rules_test.yml"] = rule_tests("rules.yml", objectives)
    _write(Path(arguments.out), bench.bench.name, files)
    for option, given, url in (("--page", arguments.page, page), ("--ticket", arguments.ticket, ticket)):
        if not given:
            print(f"hil rules: no {option} given, so alertmanager.yml has {url}, which is nobody's", file=sys.stderr)
    return 0


def _speed(speed: float) -> None:
    if not 0.0 < speed < math.inf:
        raise UsageError(f"--speed {speed:g}: expected a number above zero")


def _webhook(option: str, url: str) -> str:
    """A webhook that Alertmanager can call."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and not set(url) & set(" \t\n") and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        fits = False
    if not fits:
        raise UsageError(f"{option} {url}: expected the http or https URL of a webhook, such as https://oncall.example/page")
    return url


def _write(folder: Path, bench: str, files: dict[str, dict[str, Any]]) -> None:
    import yaml

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000)
            (folder / name).write_text(_HEAD.format(bench=bench) + text, encoding="utf-8")
            print(folder / name)
    except OSError as error:
        raise UsageError(f"--out {folder}: cannot be written ({error.strerror}); expected a folder") from None
