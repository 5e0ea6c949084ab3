"""Write what Prometheus and Alertmanager need to watch a bench: rules, their unit tests, routes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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

    if not arguments.speed > 0.0:
        raise UsageError(f"--speed {arguments.speed:g}: expected a number above zero")
    bench = load(arguments.bench, simulate=True)
    objectives = objectives_from(arguments.bench, arguments.slo, arguments, arguments.speed)
    links = [(bench.bench.name, name) for name, link in bench.link.items() if link.protocol != "recorded-pairs"]
    time_zone(arguments.zone)
    calibrations = [Calibration.parse(text, arguments.zone) for text in arguments.calibration]
    defaults = Receivers()
    receivers = Receivers(arguments.page or defaults.page_url, arguments.ticket or defaults.ticket_url)
    files = {
        "rules.yml": rules(objectives, watch_groups(bench, arguments.speed), arguments.speed),
        "alertmanager.yml": alertmanager(receivers, links, calibrations, arguments.speed),
    }
    if arguments.speed == 1.0:
        files["rules_test.yml"] = rule_tests("rules.yml", objectives)
    _write(Path(arguments.out), bench.bench.name, files)
    return 0


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
