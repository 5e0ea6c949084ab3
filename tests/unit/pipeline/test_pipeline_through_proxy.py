"""A session of two parties over TCP and TLS, through a fault proxy that does to their messages what it can.

Each toxic is on for one run of several blocks in flight and gone for the next: every block is over in bounded time, no two
keys of one name differ, and after reconnection nothing is left in doubt.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from hil.device_sims.kme import CertificateAuthority
from hil.pipeline.connecting import Caller, Listener, TlsIdentity
from hil.pipeline.endpoint import Endpoint
from hil.pipeline.settings import KeyFate
from hil.transports.fault_proxy import (
    Bandwidth,
    Corrupt,
    Latency,
    LimitData,
    Loss,
    ProxyHost,
    Reflect,
    Reorder,
    Replay,
    ResetPeer,
    Slicer,
    SlowClose,
    Stall,
    Timeout,
    Toxic,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hil.pipeline.settings import BlockResult
    from tests.unit.pipeline.conftest import SmallLanes

    Ends = tuple[Endpoint[BlockResult], Endpoint[BlockResult]]

LANES, BLOCKS, TIMEOUT_S = 2, 4, 1.0

GENTLE: dict[str, Toxic] = {
    "latency": Latency(0.002, 0.001),
    "bandwidth": Bandwidth(4e6),
    "slicer": Slicer(700, 300),
    "slow_close": SlowClose(0.05),
}
"""What changes only when bytes arrive: every block gives key."""

HARSH: dict[str, Toxic] = {
    "loss": Loss(0.02),
    "corrupt": Corrupt(1e-5),
    "replay": Replay(0.05),
    "reorder": Reorder(0.05, 0.1),
    "reflect": Reflect(0.05),
    "reset_peer": ResetPeer(0.02),
    "limit_data": LimitData(40_000),
    "timeout": Timeout(0.1),
    "stall": Stall(),
}


@pytest.fixture(scope="module")
def authority() -> Iterator[CertificateAuthority]:
    made = CertificateAuthority()
    yield made
    made.close()


@pytest.fixture(params=["tcp", "tls"])
def identities(request: pytest.FixtureRequest, authority: CertificateAuthority) -> tuple[Any, Any]:
    """Of a and of b; None without TLS."""
    if request.param == "tcp":
        return None, None
    alice, bob = authority.issue_party("alice"), authority.issue_party("bob")
    return TlsIdentity(*alice, "bob"), TlsIdentity(*bob, "alice")


def run(ends: Ends, link: SmallLanes) -> list[tuple[BlockResult, BlockResult]]:
    of_a, of_b = link.next_blocks(BLOCKS)
    futures = [(ends[0].submit(a), ends[1].submit(b)) for a, b in zip(of_a, of_b, strict=True)]
    return [(a.result(), b.result()) for a, b in futures]


def keys_of(results: list[BlockResult]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for result in results:
        for one in filter(None, (result.settled, result)):
            found |= {key_id: key.reveal() for key_id, key in one.keys}
    return found


def session(
    link: SmallLanes, identities: tuple[Any, Any], toxic: Toxic, direction: str
) -> tuple[list[tuple[BlockResult, BlockResult]], list[tuple[BlockResult, BlockResult]], float]:
    """Blocks under the toxic, then, until both ends are on one connection again, blocks without it; seconds of the former."""
    with ExitStack() as stack:
        host = stack.enter_context(ProxyHost(seed=1))
        listener = stack.enter_context(Listener(("127.0.0.1", 0), LANES, TIMEOUT_S, identities[0]))
        proxy = host.proxy("classical", listener.address, framing="chunks" if identities[0] else "parties")
        caller = Caller(proxy.address, LANES, TIMEOUT_S, identities[1])
        of_a: Endpoint[BlockResult] = stack.enter_context(Endpoint("a", listener.connect, LANES, TIMEOUT_S, 10 * TIMEOUT_S))
        of_b: Endpoint[BlockResult] = stack.enter_context(Endpoint("b", caller.connect, LANES, TIMEOUT_S, 10 * TIMEOUT_S))
        ends = of_a, of_b
        names = proxy.add(toxic, direction)
        began_s = time.monotonic()
        under = run(ends, link)
        took_s = time.monotonic() - began_s
        proxy.remove(*names)
        after: list[tuple[BlockResult, BlockResult]] = []
        for _ in range(6):
            after += run(ends, link)
            if all(a.fate is b.fate is KeyFate.RELEASED for a, b in after[-BLOCKS:]):
                break
    return under, after, took_s


@pytest.mark.timeout(300)
@pytest.mark.parametrize("direction", ["upstream", "downstream"])
@pytest.mark.parametrize("name", [*GENTLE, *HARSH])
def test_a_session_survives(
    small_lanes: Callable[..., SmallLanes], identities: tuple[Any, Any], name: str, direction: str
) -> None:
    link = small_lanes(LANES, events=30_000)
    under, after, took_s = session(link, identities, (GENTLE | HARSH)[name], direction)
    if name in GENTLE:
        assert all(a.fate is b.fate is KeyFate.RELEASED for a, b in under), [b.report.sentence for _, b in under]
    of_a, of_b = keys_of([a for a, _ in under]), keys_of([b for _, b in under])
    assert all(of_a[key_id] == of_b[key_id] for key_id in of_a.keys() & of_b.keys())
    # per block and lane: the limit of a block, and a new connection
    assert took_s < BLOCKS / LANES * (10 + 4) * TIMEOUT_S
    assert all(a.fate is b.fate is KeyFate.RELEASED for a, b in after[-BLOCKS:]), [b.report.sentence for _, b in after]
    everything = under + after
    of_a, of_b = keys_of([a for a, _ in everything]), keys_of([b for _, b in everything])
    assert of_a == of_b != {}
    assert all(a.pool.position == b.pool.position for a, b in zip(link.alice, link.bob, strict=True))
