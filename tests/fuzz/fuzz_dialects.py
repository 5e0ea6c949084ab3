"""What ``ci/fuzz`` runs: inputs for every dialect of the simulated devices, by hypothesis, mutated, or led by coverage.

Of the inputs of a port one in ten is hypothesis', the others are the port's own words, mutated. Each is followed by a question.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil.bench import load
from hil.device_sims.fuzzing import OutOfStepError, fuzz, growth, mutated, target_of
from hil.seeds import stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.device_sims.fuzzing import Target

HERE = Path(__file__).resolve().parent
TABLES = tomllib.loads((HERE / "dialects.toml").read_text(encoding="utf-8"))
SHELF = HERE.parent / "contract" / "shelf.toml"

HYPOTHESIS_SHARE = 0.1
PARTS = 5
"""The first is the warm-up, after which memory is looked at."""
HANGS_AFTER_S = 600
GROWTH_INPUTS = 2000
MOST_GROWTH = 64 << 10
"""A port may hold a line (4096 bytes) or an HTTP head (8192), an error queue of 30 numbers, and a few conversations."""
MOST_RSS_GROWTH = 48 << 20
"""All ports may hold 2 MiB more; the rest is what an allocator keeps of the largest inputs."""


def target(name: str) -> Target:
    """A port in a world of its own."""
    return target_of(load(TABLES[name].get("bench") or SHELF), name, TABLES[name])


def by_hypothesis(port: Target, count: int, number: int) -> int:
    """As many inputs as hypothesis makes of it; how many there were."""
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis import strategies as st

    taken = 0

    @seed(number)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(st.one_of(st.sampled_from(port.words), st.binary(max_size=12)), max_size=12).map(b"".join))
    def take(data: bytes) -> None:
        nonlocal taken
        taken += 1
        fuzz(port, [data])

    take()
    return taken


def resident() -> int:
    """Bytes that this process has in memory; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def throw(ports: Sequence[Target], inputs: int, seed: int) -> int:
    """All inputs, part by part over all ports; a table at the end. 1 where something is not as it should be."""
    each = -(-inputs // (len(ports) * PARTS)) * PARTS
    counted = {port.name: [0, 0, 0.0, 0.0] for port in ports}
    rss = [0, 0]
    for part in range(PARTS):
        for port in ports:
            faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)
            # each part has a world of its own, as each test has: a world remembers all that ever moved
            _part(target(port.name), each // PARTS, seed + part, counted[port.name])
        faulthandler.cancel_dump_traceback_later()
        rss = [resident() if part == 0 else rss[0], resident()]
        print(f"  {sum(int(row[0]) for row in counted.values())} inputs", flush=True)
    growths = {port.name: growth(port, min(GROWTH_INPUTS, each), seed) for port in ports}
    for port in ports:
        taken, whole, cpu_s, slowest_s = counted[port.name]
        print(
            f"{port.name:<12} {port.dialect:<20} {taken:>8} inputs, of hypothesis {whole:>6}; {cpu_s / taken * 1e6:7.1f} us,"
            f" slowest {slowest_s * 1e3:7.1f} ms; {growths[port.name]:>6} bytes more after {min(GROWTH_INPUTS, each)}"
        )
    grown = [name for name, more in growths.items() if more > MOST_GROWTH]
    print(f"{sum(int(row[0]) for row in counted.values())} inputs; resident memory grew by {(rss[1] - rss[0]) / 1e6:.1f} MB")
    if grown or rss[1] - rss[0] > MOST_RSS_GROWTH:
        print(f"memory grows: {', '.join(grown) or 'the process'}")
        return 1
    return 0


def _part(port: Target, count: int, seed: int, counted: list[Any]) -> None:
    began = time.process_time()
    whole = by_hypothesis(port, int(count * HYPOTHESIS_SHARE), seed) if count >= 1 / HYPOTHESIS_SHARE else 0
    done = fuzz(port, mutated(stream(seed, "fuzz", port.name), port.words, count - whole))
    counted[0] += whole + done.inputs
    counted[1] += whole
    counted[2] += time.process_time() - began
    counted[3] = max(counted[3], done.slowest_s)


def lead(names: Sequence[str], runs: int, seed: int) -> int:
    """Coverage-guided: a process for each port, since libFuzzer ends its own."""
    failed = []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="hil-fuzz-") as folder:
            words = Path(folder) / "words"
            words.write_text("".join(f'"{_escaped(word)}"\n' for word in target(name).words if word), encoding="ascii")
            options = [f"-runs={runs}", f"-seed={seed}", "-max_len=512", f"-dict={words}", f"-artifact_prefix={folder}/"]
            command = [sys.executable, "-P", __file__, "--led", name, *options]
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=HANGS_AFTER_S * 6)
        last = re.findall(r"#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+)", done.stderr)
        told = f"{last[-1][0]} runs, {last[-1][1]} edges, {last[-1][2]} features" if last else done.stderr[-2000:]
        print(f"{name:<12} {TABLES[name]['dialect']:<20} {told}", flush=True)
        if done.returncode or not last:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else f"{len(names)} ports, none broke")
    return 1 if failed else 0


def led(name: str, options: Sequence[str]) -> None:
    """One port under atheris, in this process, until libFuzzer ends it."""
    import atheris

    with atheris.instrument_imports(include=["hil.device_sims.instruments", "hil.device_sims.transceivers"]):
        port = target(name)

    def take(data: bytes) -> None:
        fuzz(port, [data])

    atheris.Setup([sys.argv[0], *options], take)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\' else f"\\x{byte:02x}" for byte in word)


def main(arguments: Sequence[str]) -> int:
    """What the arguments ask for."""
    parser = argparse.ArgumentParser(prog="ci/fuzz", allow_abbrev=False)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="in all, shared by the ports alike (default: a million)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--atheris", type=int, default=0, metavar="RUNS", help="led by coverage, so many runs for each port")
    parser.add_argument("--only", action="append", choices=list(TABLES), help="this port; may be given again")
    parser.add_argument("--led", choices=list(TABLES), help=argparse.SUPPRESS)
    given, more = parser.parse_known_args(arguments)
    names = given.only or list(TABLES)
    if given.led:
        led(given.led, more)
        return 0
    if more:
        parser.error(f"unknown: {' '.join(more)}")
    if given.atheris:
        return lead(names, given.atheris, given.seed)
    try:
        return throw([target(name) for name in names], given.inputs, given.seed)
    except OutOfStepError as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
