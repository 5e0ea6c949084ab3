"""What a link's classical channel needs beside itself: certificates where it is TLS, and nothing of them where it is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hil.bench.walk import Walked
from hil.errors import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_classical"]

_ADDRESS = re.compile(r"[^:\s]+:[0-9]{1,5}")
_PEM = "a PEM file, as TLS between real devices shows certificates at both ends"


def check_classical(link: Walked, where: str, *, real: bool) -> Iterator[Mistake]:
    """``real``: a party of the link is a real device."""
    table = link.get("classical")
    if not isinstance(table, Walked):
        return
    where = f"{where}.classical"
    files = {"ca_file": table.get("ca_file")}
    for side in ("a", "b"):
        end = table.get(side)
        for key in ("certificate_file", "private_key_file") if isinstance(end, Walked) else ():
            files[f"{side}.{key}"] = end.get(key)
        if not isinstance(end, Walked):
            files |= {f"{side}.certificate_file": "", f"{side}.private_key_file": ""}
    given = [key for key, file in files.items() if file]
    if table.get("transport") == "tls":
        if real or given:
            yield from (Mistake(f"{where}.{key}", "nothing", _PEM) for key, file in files.items() if file == "")
    elif given:
        yield Mistake(f"{where}.{given[0]}", repr(files[given[0]]), 'nothing, or transport = "tls"')
    for key in ("address", "through"):
        place = table.get(key)
        if place and not _ADDRESS.fullmatch(place):
            yield Mistake(f"{where}.{key}", repr(place), "HOST:PORT, such as '127.0.0.1:7000'")
    if table.get("transport") in {"stepped", "memory"} and table.get("through"):
        yield Mistake(f"{where}.through", repr(table.get("through")), 'nothing, or transport = "tcp" or "tls"')
