"""Runs commands: one that is worth reading as it is, one that talks too much with its newest line only."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["StepFailedError", "show", "watch"]

_REMINDER_S = 15.0
_STOPPING_S = 10.0


class StepFailedError(Exception):
    """A command ended with another exit code than 0; the message holds what it printed."""


def show(command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> int:
    """Run it with its output as it is and return its exit code; when interrupted, let it end by itself first."""
    with _ended(subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, text=True)) as process:
        return process.wait()


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that is gone afterwards. Ctrl-C on a terminal has reached it too, so it is given time to put things away."""
    try:
        yield process
    finally:
        for end in (process.terminate, process.kill):
            try:
                process.wait(_STOPPING_S)
            except subprocess.TimeoutExpired:
                end()
        process.wait()


def watch(label: str, command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run it and return what it printed; on a terminal its newest line is shown, elsewhere a sign of life now and then."""
    began = reminded = time.monotonic()
    printed: list[str] = []
    terminal = sys.stdout.isatty()
    talking = subprocess.Popen(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with talking, _ended(talking) as process:
        for line in process.stdout or ():
            printed.append(line)
            if line.startswith("WARNING"):
                continue
            now = time.monotonic()
            if terminal:
                _rewrite(f"  {label}: {line.strip()}")
            elif now - reminded > _REMINDER_S:
                print(f"  {label}: {now - began:.0f} s, {line.strip()[:80]}", flush=True)
                reminded = now
    if terminal:
        _rewrite("")
    taken_s = time.monotonic() - began
    if process.returncode:
        what = f"{label} failed after {taken_s:.0f} s with exit code {process.returncode}: {' '.join(command)}"
        raise StepFailedError("".join(printed) + what)
    print(f"  {label}: done in {taken_s:.0f} s", flush=True)
    return "".join(printed)


def _rewrite(text: str) -> None:
    width = shutil.get_terminal_size().columns - 1
    print("\r" + text[:width].ljust(width) + "\r", end="", flush=True)
