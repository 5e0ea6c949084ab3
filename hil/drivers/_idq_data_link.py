"""ID Quantique's DataLinkTarget service, which receives time stamps from a time controller and hands them on.

It answers requests over ZMQ with JSON and pushes the time stamps of each channel, uint64 in ps, over a ZMQ pair. As in the time
controllers' user manual, section 10, and the maker's examples.
"""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hil.drivers._lines import decoded
from hil.errors import InstrumentError, ReplyError
from hil.transports import Exactly, Until, over_zmq, over_zmq_pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    import numpy.typing as npt

    from hil.ports.spec import DeviceSettings
    from hil.transports import Transport

__all__ = ["DataLink"]

_MESSAGE = Until(b"\0")
_STREAM_PORTS = 4241
"""The maker's examples stream channel n on this port and n."""
_LOOK_S, _PATIENCE_S = 0.05, 10.0
"""How often, and for how long after a record, its time stamps are asked for."""


class DataLink:
    """The service beside one instrument, for some of its channels."""

    def __init__(
        self,
        settings: DeviceSettings,
        channels: tuple[int, ...],
        requests: Transport | None = None,
        streams: Mapping[int, Transport] | None = None,
    ) -> None:
        self.name, self._settings = settings.name, settings
        self._host = urlsplit(settings.data_resource).hostname or ""
        self._address = urlsplit(settings.resource).hostname or ""
        # what is streamed may be raw key, so a tape ends where a stream begins
        self._requests = requests or over_zmq(
            settings.name, settings.data_resource, timeout_s=settings.timeout_s, secret=(b"start-stream",)
        )
        self._ports = {channel: _STREAM_PORTS + channel for channel in channels}
        self._streams = streams or {
            channel: over_zmq_pair(
                settings.name,
                self._stream(channel),
                timeout_s=settings.timeout_s,
                locate=partial(self._stream, channel),
                secret=(b"",),
            )
            for channel in channels
        }
        self._ids: dict[int, str] = {}

    def open(self) -> None:
        """Connect to the service."""
        self._requests.open()

    def close(self) -> None:
        """Let go of it."""
        for stream in self._streams.values():
            stream.close()
        self._requests.close()

    @contextmanager
    def receiving(self) -> Iterator[DataLink]:
        """Streams of all channels, until left; those that somebody left open are ended before."""
        with self._requests.lock:
            for stale in self._ask("list"):
                if str(stale).startswith(f"{self._address}:"):
                    self._ask(f"stop --id {stale}")
            try:
                for channel in self._ports:
                    port = self._ports[channel] = _stream_port(self._host, channel)
                    start = f"start-stream --address {self._address} --channel {channel} --stream-port {port}"
                    self._ids[channel] = str(self._object(start).get("id", ""))
                    self._streams[channel].open()
                yield self
            finally:
                for stream in self._streams.values():
                    stream.close()
                while self._ids:
                    self._ask(f"stop --id {self._ids.popitem()[1]}")

    def received(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """Time stamps of the one record that is over, ascending, and the channel of each, counted from 0."""
        import numpy as np

        found = [self._stamps(channel, self._status(channel)) for channel in self._ids]
        ticks = np.concatenate([np.empty(0, dtype=np.int64), *found])
        channels = np.repeat(np.array(list(self._ids), dtype=np.uint8) - 1, [len(each) for each in found])
        order = np.argsort(ticks, kind="stable")
        return ticks[order], channels[order].astype(np.uint8)

    def _stream(self, channel: int) -> str:
        return f"tcp://{self._host}:{self._ports[channel]}"

    def _status(self, channel: int) -> int:
        """How many time stamps the record has, once the service has all of them; InstrumentError when it lost some."""
        clock = self._settings.clock
        end_ns = clock.now_ns() + round(_PATIENCE_S * 1e9)
        while True:
            status = self._object(f"status --id {self._ids[channel]}")
            if status.get("errors"):
                raise InstrumentError(self.name, f"time stamps of channel {channel}: {str(status['errors'])[:100]}")
            records, stamps = status.get("acquisitions_count"), status.get("timestamps_count")
            if not isinstance(records, int) or not isinstance(stamps, int):
                raise ReplyError(self.name, f"status of channel {channel}: expected counts, got {str(status)[:100]}")
            if records:
                return stamps
            if clock.now_ns() >= end_ns:
                raise InstrumentError(self.name, f"no time stamps of channel {channel} {_PATIENCE_S:g} s after the record")
            clock.sleep(_LOOK_S)

    def _stamps(self, channel: int, count: int) -> npt.NDArray[np.int64]:
        import numpy as np

        with self._streams[channel].exchange() as line:
            data = Exactly(8 * count).read(line, self._settings.timeout_s)
        return np.frombuffer(data, dtype="<u8").astype(np.int64)

    def _object(self, command: str) -> dict[str, Any]:
        answer = self._ask(command)
        if not isinstance(answer, dict):
            raise ReplyError(self.name, f"{command.split(maxsplit=1)[0]}: expected a JSON object, got {str(answer)[:60]!r}")
        return answer

    def _ask(self, command: str) -> Any:
        """A command's answer; InstrumentError with the service's words for a refusal."""
        reply = decoded(self.name, self._requests.query(command.encode("ascii"), _MESSAGE))
        try:
            answer = json.loads(reply)
        except ValueError as error:
            raise ReplyError(
                self.name, f"{command.split(maxsplit=1)[0]}: an answer of {len(reply)} characters is no JSON: {error}"
            ) from None
        if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
            said = str(answer["error"].get("description", "unknown error"))
            raise InstrumentError(self.name, f"DataLinkTarget refused {command.split(maxsplit=1)[0]!r}: {said[:100]}")
        return answer


def _stream_port(host: str, channel: int) -> int:
    """A free port where the service runs on this machine, which others may use too; else the maker's."""
    if host not in {"127.0.0.1", "localhost"}:
        return _STREAM_PORTS + channel
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
