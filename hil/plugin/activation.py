"""Starts the parts that need a bench, once one is named: files are read, nothing is opened."""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from hil.bench import load
from hil.bench.model import RecordingDevice
from hil.errors import HilError
from hil.fixtures.benches import Benches
from hil.fixtures.places import BENCHES
from hil.plugin.opening import open_bench
from hil.plugin.progress import Progress
from hil.plugin.recording import Recording
from hil.plugin.scheduling import Scheduling
from hil.plugin.session import RUN, Run, has_recording
from hil.plugin.signals import Stop
from hil.seeds import draw_seed

if TYPE_CHECKING:
    from hil.bench.model import Bench
    from hil.plugin.options import Options

__all__ = ["activate"]

_PARTS = ("opening", "header", "parametrization", "selection", "outcomes")


def activate(config: pytest.Config, options: Options) -> None:
    """Read the bench files and register the parts; pytest.UsageError for every mistake in them, before anything is touched."""
    run = _run(config, options)
    config.stash[RUN] = run
    config.stash[BENCHES] = Benches(run.benches, lambda bench: open_bench(config, bench), run.stop.watch)
    run.stop.at_once = config.stash[BENCHES].interrupt
    # by full name: inside pytester's in-process runs, an attribute of the package may be a module of an earlier run
    parts: list[Any] = [import_module(f"hil.plugin.{name}") for name in _PARTS]
    parts += [run.stop, Recording(config, run)]
    if not run.worker:
        parts.append(Progress(config))
    if run.controls:
        parts.append(Scheduling(run))
    for part in parts:
        config.pluginmanager.register(part)


def _run(config: pytest.Config, options: Options) -> Run:
    given: dict[str, Any] = getattr(config, "workerinput", {}).get("hil", {})
    distributed = getattr(config.option, "dist", "no") != "no" and not config.option.collectonly
    if options.tape and distributed:
        raise pytest.UsageError(f"--hil-tape={options.tape}: a tape is one order of things; leave -n out")
    return Run(
        options=options,
        benches=_load(options),
        seed=given.get("seed", options.seed if options.seed is not None else draw_seed()),
        folder_path=given.get("folder", ""),
        worker=getattr(config, "workerinput", {}).get("workerid", ""),
        distributed=distributed,
        started=time.time(),
        stop=Stop(),
    )


def _load(options: Options) -> dict[str, Bench]:
    benches: dict[str, Bench] = {}
    troubles: list[str] = []
    for name in options.benches:
        try:
            bench = load(name, simulate=options.simulate or options.tape == "replay")
        except HilError as error:
            troubles.append(str(error))
            continue
        if bench.bench.name in benches:
            troubles.append(f"{name}: a second bench of the name {bench.bench.name!r}; expected a name of its own")
        benches[bench.bench.name] = bench
        troubles += _recording_troubles(bench, options)
    troubles += _gameday_troubles(options)
    if options.recording is not None and benches and not any(map(has_recording, benches.values())):
        troubles.append(f"--hil-recording {options.recording}: no bench of this run is a recording (recorded-pairs is)")
    if options.tape_dir is not None and not options.tape:
        troubles.append(
            f"--hil-tape-dir {options.tape_dir}: say with --hil-tape whether to record there or to replay from there"
        )
    if troubles:
        raise pytest.UsageError("\n".join(troubles))
    return benches


def _gameday_troubles(options: Options) -> list[str]:
    """Of the game days that were named, whether or not a test asks for one."""
    troubles = []
    for name in options.gamedays:
        from hil.testbed.gamedays.gameday_file import load_gameday

        try:
            load_gameday(name)
        except HilError as error:
            troubles.append(str(error))
    return troubles


def _recording_troubles(bench: Bench, options: Options) -> list[str]:
    if not has_recording(bench):
        return []
    if options.recording is not None and not options.recording.is_file():
        return [f"--hil-recording {options.recording}: no such file; expected a time-tag file"]
    files = [device.file for device in bench.device.values() if isinstance(device, RecordingDevice)]
    if options.recording is None and not all(files):
        return [f"bench {bench.bench.name} is a recording without a file; give one with --hil-recording FILE"]
    return []
