"""Programs that tests use and pip does not bring: Prometheus and Alertmanager with their tools, from Debian's own packages.

Where they are missing and cannot be had, the tests that need them skip with a reason, and so it is said here.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ._environment import CHECKOUT
from ._progress import StepFailedError, watch

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PACKAGES", "PROGRAMS", "prepare_machine"]

PROGRAMS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
PACKAGES = ("prometheus", "prometheus-alertmanager")
POLICY = Path("/usr/sbin/policy-rc.d")


def prepare_machine() -> bool:
    """Install what is missing where apt and root are; whether everything is there afterwards. It never raises."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if not missing:
        return True
    why = _cannot_install()
    if not why:
        try:
            with _no_service_starts():
                _apt("package lists", "update")
                _apt(" ".join(PACKAGES), "install", "-y", "--no-install-recommends", *PACKAGES)
        except (StepFailedError, OSError) as error:
            why = f"their packages could not be installed ({str(error).splitlines()[-1]})"
        missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        print(
            f"no {', '.join(missing)}: {why or 'not in those packages'}; tests of rules and alerts will be skipped", flush=True
        )
    return not missing


def _cannot_install() -> str:
    """Why not, in words; empty where it can be tried."""
    if not sys.platform.startswith("linux") or shutil.which("apt-get") is None:
        return "this is no Debian, where apt would bring them"
    if os.geteuid() != 0:
        return f"installing takes root: apt-get install {' '.join(PACKAGES)}"
    return ""


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Debian starts what it installs, unless this script forbids it; one that is there already is left alone."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def _apt(label: str, *arguments: str) -> None:
    watch(label, ["apt-get", "-q", *arguments], cwd=CHECKOUT, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})
