"""A TCP proxy that breaks what passes through it, on purpose and for a limited time.

::

    with ProxyHost(seed=1) as host:
        proxy = host.proxy("kme-a", ("127.0.0.1", 8443))
        names = proxy.add(Latency(latency_s=0.1, jitter_s=0.02), "downstream")
        ...                                      # connect to proxy.address
        proxy.remove(*names)

The words are those of toxiproxy (github.com/Shopify/toxiproxy): a *proxy* listens for clients and connects each to its
*upstream*; *toxics* act on one direction of its connections. Bytes pass as they are, TLS included. ``control`` serves
toxiproxy's HTTP interface for other processes.
"""

from hil.transports.fault_proxy.host import FaultProxy, ProxyHost
from hil.transports.fault_proxy.proxy import ActiveToxic
from hil.transports.fault_proxy.toxics import (
    Bandwidth,
    Corrupt,
    Latency,
    LimitData,
    Loss,
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

__all__ = [
    "ActiveToxic",
    "Bandwidth",
    "Corrupt",
    "FaultProxy",
    "Latency",
    "LimitData",
    "Loss",
    "ProxyHost",
    "Reflect",
    "Reorder",
    "Replay",
    "ResetPeer",
    "Slicer",
    "SlowClose",
    "Stall",
    "Timeout",
    "Toxic",
]
