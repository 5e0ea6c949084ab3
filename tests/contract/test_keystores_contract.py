"""The shipped key stores keep the contract of key stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil import discovery
from hil.ports.spec import KeyStoreSettings, KeyStoreSpec
from hil.suites.contracts.keystore_contract import KeyStoreContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hil.ports.keystore import SharedKeyStore

SPECS: list[KeyStoreSpec] = [discovery.find("keystore", name) for name in discovery.names("keystore")]


class TestShippedStores(KeyStoreContract):
    """Every shipped store that keeps keys itself."""

    @pytest.fixture(params=[spec.name for spec in SPECS if spec.provides == "store"])
    def reopen(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., SharedKeyStore]]:
        """Open the same store again."""
        spec = discovery.find("keystore", request.param)
        opened: list[SharedKeyStore] = []

        def reopen(*, test: bool = True) -> SharedKeyStore:
            for store in opened:
                store.close()
            opened.append(spec.build(KeyStoreSettings("store", str(tmp_path / "keys.sqlite"), test=test)))
            return opened[-1]

        yield reopen
        for store in opened:
            store.close()


def test_every_spec_has_its_modules_name() -> None:
    """What ``hil list`` shows is what a bench file may name."""
    assert [spec.name for spec in SPECS] == discovery.names("keystore")
    assert {spec.provides for spec in SPECS} == {"store", "delivery"}
