"""Runs a command that talks too much: its last line on a terminal while it works, all of it if it fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["StepFailedError", "watch"]

_REMINDER_S = 15.0


class StepFailedError(Exception):
    """A command ended with another exit code than 0; the message holds what it printed."""


def watch(label: str, command: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Run it and return what it printed; on a terminal its newest line is shown, elsewhere a sign of life now and then."""
    began = reminded = time.monotonic()
    printed: list[str] = []
    terminal = sys.stdout.isatty()
    with subprocess.Popen(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout or ():
            printed.append(line)
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
