"""A bench's simulated devices for any other program, in real time: what ``hil sim`` runs.

:class:`ServedBench` serves until closed; :func:`serve` does so until a signal or an event, its addresses in a file.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hil.bench import simulated_devices
from hil.bench.model import KmeDevice
from hil.errors import UsageError

from ._speed import SpeedClock
from .feeding import KeyFeeder, black_box_ends
from .host import TwinHost
from .world.time_of_day import EPOCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from typing import Self

    from hil.bench.model import Bench
    from hil.ports.keystore import SharedKeyStore

    from .kme.etsi014 import RunningKmes

    OpenStore = Callable[[Path, int], SharedKeyStore]
    _Pair = tuple[tuple[str, KmeDevice], tuple[str, KmeDevice]]

__all__ = ["ServedBench", "serve"]

_LOOK_S = 0.1
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class ServedBench:
    """Every simulated device of a bench and its pairs of KMEs, from construction until :meth:`close`.

    ``open_store(path, max_keys)`` makes the TEST key store behind one KME. ``kmes`` holds the running pairs by link, for
    whoever feeds them keys; ``addresses`` all that another program needs, as plain data by device.
    """

    def __init__(
        self,
        bench: Bench,
        seed: int,
        *,
        open_store: OpenStore,
        speed: float = 1.0,
        ports: Mapping[str, int] | None = None,
        paced: bool = False,
        epoch: datetime = EPOCH,
    ) -> None:
        simulated = simulated_devices(bench, simulate=True)
        if not simulated:
            raise UsageError(f"bench {bench.bench.name!r} has no device that could be simulated; give one that has")
        with ExitStack() as stack:
            self.host = stack.enter_context(
                TwinHost(bench, simulated, seed, SpeedClock(speed), ports=ports, speed=speed, paced=paced, epoch=epoch)
            )
            self.addresses: dict[str, dict[str, Any]] = {name: _plain(at) for name, at in self.host.addresses.items()}
            self.kmes: dict[str, RunningKmes] = {}
            for link, pair in _kme_pairs(bench).items():
                self._serve_kmes(link, pair, open_store, stack)
            self._stack = stack.pop_all()

    def close(self) -> None:
        """End every server and thread and remove every file; a second call does nothing."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve_kmes(self, link: str, pair: _Pair, open_store: OpenStore, stack: ExitStack) -> None:
        from .kme.etsi014 import start_kme_pair

        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hil-sim-")))
        stores = []
        for name, device in pair:
            stores.append(open_store(directory / f"{name}.db", device.max_keys))
            stack.callback(stores[-1].close)
        (name_a, kme_a), (name_b, kme_b) = pair
        kmes = start_kme_pair(kme_a, kme_b, stores[0], stores[1], directory)
        stack.callback(kmes.close)
        self.kmes[link] = kmes
        if (ends := black_box_ends(self.host.world.bench, link)) is not None:
            stack.callback(KeyFeeder(self.host.world, self.host.now_ns, ends, kmes).close)
        for name, url, tls in ((name_a, kmes.url_a, kmes.client_tls("a")), (name_b, kmes.url_b, kmes.client_tls("b"))):
            at = urlsplit(url)
            self.addresses[name] = {"device": name, "resource": url, "host": at.hostname, "port": at.port} | {
                "ca_file": str(tls.ca),
                "certificate_file": str(tls.certificate),
                "private_key_file": str(tls.private_key),
            }


def serve(
    bench: Bench,
    seed: int,
    addresses: Path | None,
    *,
    open_store: OpenStore,
    speed: float = 1.0,
    ports: Mapping[str, int] | None = None,
    paced: bool = False,
    epoch: datetime = EPOCH,
    stop: threading.Event | None = None,
    ready: Callable[[ServedBench], None] | None = None,
) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP arrives (in the main thread) or ``stop`` is set.

    ``addresses``: a JSON file of every device's addresses by name, written at once and whole, gone at the end. Beside it stand
    links ``<file>.<device>`` to the ptys of serial devices, whose own names change from run to run. ``ready`` is called once
    all answer. ``speed``: how much faster than real the bench's time runs; ``paced``: bytes on serial lines take their time;
    ``epoch``: the date at the beginning, which devices with a calendar tell.
    """
    stop = stop or threading.Event()
    with (
        _signals() as arrived,
        ServedBench(bench, seed, open_store=open_store, speed=speed, ports=ports, paced=paced, epoch=epoch) as served,
        _published(served.addresses, addresses) if addresses else contextlib.nullcontext(),
    ):
        if ready is not None:
            ready(served)
        while not arrived and not stop.wait(_LOOK_S):
            pass


def _plain(address: Any) -> dict[str, Any]:
    return {key: value for key, value in asdict(address).items() if value}


def _kme_pairs(bench: Bench) -> dict[str, _Pair]:
    """The KMEs of each link that has two, with their names, side a first."""
    pairs: dict[str, _Pair] = {}
    for link_name, link in bench.link.items():
        names = [link.kmes.get("a", ""), link.kmes.get("b", "")]
        kme_a, kme_b = (bench.device.get(name) for name in names)
        if isinstance(kme_a, KmeDevice) and isinstance(kme_b, KmeDevice):
            pairs[link_name] = (names[0], kme_a), (names[1], kme_b)
    return pairs


@contextmanager
def _signals() -> Iterator[list[int]]:
    """The signals that arrived, filled as they do; those that were handled before are handled so again afterwards."""
    arrived: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield arrived
        return
    before = {number: signal.signal(number, lambda number, _frame: arrived.append(number)) for number in _SIGNALS}
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _published(addresses: dict[str, dict[str, Any]], file: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            for name, at in addresses.items():
                if "path" in at:
                    at["link"] = str(_linked(file.absolute().with_name(f"{file.name}.{name}"), at["path"], stack))
            _write_whole(file, json.dumps(addresses, indent=2) + "\n", stack)
        except OSError as error:
            raise UsageError(
                f"addresses file {file}: cannot be written ({error}); give a path in a folder that exists"
            ) from error
        yield


def _linked(link: Path, target: str, stack: ExitStack) -> Path:
    """A link of ours, in place of one that an earlier run could not take away."""
    if link.is_symlink():
        link.unlink()
    link.symlink_to(target)
    stack.callback(_remove, link, lambda: link.is_symlink() and str(link.readlink()) == target)
    return link


def _write_whole(file: Path, text: str, stack: ExitStack) -> None:
    """Readers find the whole file or none."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    stack.callback(_remove, file, lambda: file.read_text(encoding="utf-8") == text)


def _remove(path: Path, ours: Callable[[], bool]) -> None:
    """Unless somebody else has put something in its place, or taken it away."""
    with contextlib.suppress(OSError):
        if ours():
            path.unlink()
