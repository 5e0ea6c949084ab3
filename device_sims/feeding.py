"""Keys of a black-box link on their way into its KMEs, as its own transceivers would deliver them: what ``hil sim`` runs."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from hil.bench.model import ReceiverDevice, TransmitterDevice
from hil.errors import KeyStoreError, UsageError
from hil.ports.secret import SecretBytes

from .world.blackbox import KEY_BITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.bench.model import Bench

    from .kme.etsi014 import RunningKmes
    from .world.world import World

__all__ = ["KeyFeeder", "black_box_ends"]

_log = logging.getLogger("hil.kme")
_EVERY_S = 0.2
_MOST = 4096


def black_box_ends(bench: Bench, link: str) -> tuple[str, str] | None:
    """Both transceivers of a link that shows nothing but keys (L0); None of any other."""
    ends = bench.link[link].parties.get("a", ""), bench.link[link].parties.get("b", "")
    devices = [bench.device.get(end) for end in ends]
    boxed = all(isinstance(one, TransmitterDevice | ReceiverDevice) and one.level == "L0" for one in devices)
    return ends if boxed else None


class KeyFeeder:
    """Moves new keys every fifth of a second, until closed. Where the KMEs are full, keys wait in the transceivers.

    A step that a store refuses is logged and its keys are gone, as a KME that loses a delivery loses them; the next goes on.
    """

    def __init__(self, world: World, now_ns: Callable[[], int], ends: tuple[str, str], kmes: RunningKmes) -> None:
        if kmes.key_size_bits != KEY_BITS:
            raise UsageError(
                f"{' and '.join(ends)}: a simulated black box makes keys of {KEY_BITS} bits, its KMEs declare key_size ="
                f" {kmes.key_size_bits}; set key_size = {KEY_BITS}"
            )
        self._world = world
        self._now_ns = now_ns
        self._ends = ends
        self._kmes = kmes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"hil-keys-{ends[0]}-{ends[1]}", daemon=True)
        self._thread.start()

    def feed(self) -> int:
        """Move what is there and has room, at most 4096 keys; how many went in."""
        if not (most := min(self._kmes.room(), _MOST)):
            return 0
        now_ns = self._now_ns()
        of_a, of_b = (self._world.keys_for_kme(end, most, now_ns) for end in self._ends)
        keys = [
            (key_id, SecretBytes(own, KEY_BITS, test=True), SecretBytes(other, KEY_BITS, test=True))
            for (key_id, own), (_, other) in zip(of_a, of_b, strict=True)
        ]
        if keys:
            self._kmes.ingest_all(keys)
        return len(keys)

    def close(self) -> None:
        """End the thread; a second call does nothing."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                self.feed()
            except KeyStoreError as error:
                _log.warning("keys of %s and %s did not reach their KMEs: %s", *self._ends, error)
