"""Messages to an echo and back, to see what a classical channel does to them."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Echo", "probe"]

_MESSAGES = 200
_SIZE_BYTES = 64
_HEADER_BYTES = 4
_QUIET_S = 0.3
"""So long after the last that came, nothing more is waited for, once delays that are set have passed."""
_FIRST_S = 1.5
"""For the first one it is waited longer where the channel is not cut: this machine may be busy."""
_LONGEST_S = 3.0
_MOST = 4


class Echo:
    """Sends back what comes, on loopback, until closed."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="hil-classical-echo", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; a second call does nothing."""
        if not self._closed:
            self._closed = True
            with suppress(OSError), socket.create_connection(self.address, _LONGEST_S):
                pass  # wakes it
            self._thread.join()
            self._listener.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection, suppress(OSError):
                if self._closed:
                    return
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(_LONGEST_S)
                while data := connection.recv(1 << 16):
                    connection.sendall(data)


def probe(address: tuple[str, int], settings: Mapping[str, float]) -> Mapping[str, float]:
    """Send numbered messages at once and read what comes back, no longer than a delay that is set makes necessary.

    ``sent``, ``echoed`` (messages that came back as they went out, each counted once), ``changed``, ``repeated``, ``swapped``
    (behind a later one), ``first_s`` and ``last_s`` (round trips of the first and last bytes), ``echo_bps`` (what came back
    over the time it took), ``resets``, ``pieces`` (reads it took).
    """
    delays_s = settings["latency_s"] + settings["jitter_s"] + settings["retransmit_s"]
    quiet_s = min(_QUIET_S + 2.5 * delays_s + settings["slice_delay_s"] * 2.0, _LONGEST_S)
    cut = bool(settings["cut_a_to_b"] or settings["cut_b_to_a"])
    messages = [number.to_bytes(_SIZE_BYTES, "big") for number in range(_MESSAGES)]
    stream, times_s, reset = bytearray(), [], 0.0
    began_s = time.monotonic()
    try:
        with closing(socket.create_connection(address, _LONGEST_S)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(b"".join(len(each).to_bytes(_HEADER_BYTES, "big") + each for each in messages))
            whole = _MESSAGES * (_SIZE_BYTES + _HEADER_BYTES)
            while (left_s := began_s + _LONGEST_S - time.monotonic()) > 0.0:
                # all there is has come; a repeated one may follow
                patience_s = quiet_s if cut or stream else max(quiet_s, _FIRST_S)
                connection.settimeout(min(left_s, patience_s if len(stream) < whole else _QUIET_S / 10.0))
                data = connection.recv(1 << 16)
                if not data:
                    break
                stream += data
                if len(stream) > _MOST * whole:
                    break  # an echo of an echo
                times_s.append(time.monotonic() - began_s)
    except TimeoutError:
        pass
    except OSError:
        reset = 1.0
    echoed, changed, repeated, swapped = _compared(_split(bytes(stream)), messages)
    return {
        "sent": float(_MESSAGES),
        "echoed": echoed,
        "changed": changed,
        "repeated": repeated,
        "swapped": swapped,
        "first_s": times_s[0] if times_s else _LONGEST_S,
        "last_s": times_s[-1] if times_s else _LONGEST_S,
        "echo_bps": 8.0 * len(stream) / times_s[-1] if times_s else 0.0,
        "resets": reset,
        "pieces": float(len(times_s)),
    }


def _split(stream: bytes) -> list[bytes]:
    found, at = [], 0
    while at + _HEADER_BYTES <= len(stream):
        length = int.from_bytes(stream[at : at + _HEADER_BYTES], "big")
        found.append(stream[at + _HEADER_BYTES : at + _HEADER_BYTES + length])
        at += _HEADER_BYTES + length
    return found


def _compared(came: list[bytes], sent: list[bytes]) -> tuple[float, ...]:
    """How many came once, changed, again, and behind a later one."""
    known = {data: number for number, data in enumerate(sent)}
    seen: set[int] = set()
    latest, changed, repeated, swapped = -1, 0, 0, 0
    for data in came:
        number = known.get(data)
        if number is None:
            changed += 1
        elif number in seen:
            repeated += 1
        else:
            seen.add(number)
            swapped += number < latest
            latest = max(latest, number)
    return float(len(seen)), float(changed), float(repeated), float(swapped)
