"""What notices faults of a transceiver's firmware, and how a run gets over a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from msgspec.structs import replace

from hil.bench import load
from hil.cli._probe import probe_bench
from hil.errors import BenchError, DeviceUnreachableError, IdentityError, MissingCapabilityError, UsageError
from hil.faults import counter_rollover, firmware_mismatch, reboot_mid_block
from hil.testbed.delivery import KeyDelivery
from hil.testbed.injection.chaos import Chaos
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from hil.bench.model import Bench
    from hil.ports.spec import FaultSpec
    from hil.testbed.link import Link
    from tests.unit.testbed.conftest import Notebook

BLOCK_S = 0.2


@pytest.fixture
def chaos(link: Link) -> Chaos:
    return Chaos(link.testbed, link)


# --- versions ---------------------------------------------------------------------------------------------------------


def as_hardware(testbed: Testbed) -> Bench:
    """A bench file that names the ports of the transceivers' twins as the addresses of real ones."""
    twins = cast("Any", testbed)._twins.addresses
    devices = {
        name: replace(testbed.bench.device[name], address=twins[name].resource, data_address=twins[name].data_resource)
        for name in ("alice", "bob")
    }
    return replace(testbed.bench, bench=replace(testbed.bench.bench, simulated=False), device=devices, link={})


def test_another_version_is_noticed_by_whoever_asks(testbed: Testbed, chaos: Chaos) -> None:
    """By doctor and by opening a bench while it is in, of that device alone; healed, by nobody."""
    bench = as_hardware(testbed)
    with chaos.firmware_mismatch(firmware_version="3.1.4") as other:
        assert "it tells firmware 3.1.4, 2.4.1 before; the bench file pins ~=2.4" in other.evidence
        found = {probe.device: probe for probe in probe_bench(bench, simulate=False, recording=None)}
        assert "firmware 3.1.4 found" in found["bob"].trouble
        assert "pins '~=2.4'" in found["bob"].trouble
        assert [name for name, probe in found.items() if probe.trouble] == ["bob"]
        with pytest.raises(IdentityError, match=r"firmware 3\.1\.4 found"):
            Testbed.open(bench, seed=1)
    assert not any(probe.trouble for probe in probe_bench(bench, simulate=False, recording=None))


def test_another_version_at_the_end_of_a_test_is_noticed(opened: Testbed) -> None:
    """Nobody asked meanwhile; a device that was updated under the test says so at its end."""
    opened.begin("an update")
    opened.control.inject("bob", "firmware_code", 3_001_004.0)
    with pytest.raises(IdentityError, match=r"firmware 3\.1\.4 now, and was .* firmware 2\.4\.1 when"):
        opened.end()


def test_the_transmitter_may_be_the_one(chaos: Chaos) -> None:
    with chaos.firmware_mismatch("alice") as other:
        assert "99.0.0" in other.evidence
    with pytest.raises(UsageError, match="found 'voa', an attenuator; expected a transceiver: alice, bob"):
        chaos.firmware_mismatch("voa")


# --- counters ---------------------------------------------------------------------------------------------------------


def test_counters_that_roll_over_give_the_rates_they_gave(link: Link, chaos: Chaos) -> None:
    """24 bits are full after 13 s at 1.26 MHz, so that each turns over a few times in a minute of gates of half a second."""
    before = {gates.detector: gates.counts.mean() for gates in link.count_gates("lit", gates=20, gate="500 ms")}
    with chaos.counter_rollover(width_bits=24):
        raw = [cast("Any", link.receiver)._control.text("COUNTERS?")]
        found = link.count_gates("lit", gates=120, gate="500 ms")
        raw.append(cast("Any", link.receiver)._control.text("COUNTERS?"))
    assert all('"bits":24' in told for told in raw)
    for gates in found:
        assert gates.counts.size == 120
        assert abs(gates.counts - before[gates.detector]).max() < 0.02 * before[gates.detector]
    after = link.count_gates("lit", gates=5, gate="500 ms")
    assert all(abs(gates.counts - before[gates.detector]).max() < 0.02 * before[gates.detector] for gates in after)


def test_a_gate_in_which_a_turn_may_hide_is_left_out(link: Link, chaos: Chaos) -> None:
    """The receiver may count as fast as its dead time lets it: one count each 50 ns fill 24 bits in 0.84 s."""
    assert link.receiver_declared.dead_time_s == 50e-9
    with chaos.counter_rollover(width_bits=24), pytest.raises(BenchError, match="none of 3 gates could be counted"):
        link.count_gates("lit", gates=3, gate="1 s")


def test_gates_in_which_the_receiver_restarted_are_left_out_with_a_note(link: Link, chaos: Chaos, notebook: Notebook) -> None:
    link.ensure_up()
    restart = chaos.at("1.2 s").reboot_mid_block(duration="100 ms")
    clock = link.testbed.clock
    clock.call_at(clock.now_ns() + 1_350_000_000, lambda: link.receiver.set_biased(biased=True))
    found = link.count_gates("lit", gates=10, gate="500 ms")
    assert restart.healed
    assert {gates.counts.size for gates in found} == {9}
    assert all(gates.counts.min() > 0 for gates in found)
    assert all(gates.counts.max() < 1.05 * gates.counts.mean() for gates in found)
    assert any("1 of 10 gates were left out" in note["text"] for note in notebook.of("note"))


# --- restarts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["bob", "alice"])
def test_a_restart_costs_the_block_and_the_run_goes_on(link: Link, chaos: Chaos, device: str) -> None:
    """Its block ends in words; what was being distilled may end too, never with keys that differ; the rest is as before."""
    restart = chaos.at(f"{2.5 * BLOCK_S} s").reboot_mid_block(device, duration="450 ms")
    with KeyDelivery(link) as stores:
        run = link.run(10.0 * BLOCK_S, deliver_to=stores)
        in_store = stores.a.status(stores.sae_b).stored_key_count
    assert restart.healed
    lost = [block for block in run.blocks if "restarted while the block was taken" in block.sentence]
    assert [block.sentence for block in lost] == [
        f"no key: {device} restarted while the block was taken, and its detections are gone"
    ]
    assert lost[0].faults == ("reboot_mid_block",)
    assert not lost[0].released
    assert [block.sequence for block in run.blocks] == list(range(1, len(run.blocks) + 1))
    later = run.blocks[run.blocks.index(lost[0]) + 1 :]
    assert len(later) >= 3
    assert all(block.released for block in later), [block.sentence for block in later]
    for block in run.blocks[: run.blocks.index(lost[0])]:
        assert block.released or "a device could not be asked" in block.sentence
    made = sum(round(line.value) // 256 for block in run.blocks for line in block.ledger if line.what == "keys of 256 bits")
    assert in_store == made


def test_a_link_whose_device_restarted_between_runs_comes_back(link: Link, chaos: Chaos) -> None:
    assert link.run(BLOCK_S).blocks[0].released
    with chaos.reboot_mid_block():
        link.testbed.clock.sleep(1.0)
    assert not link.receiver.biased()
    assert link.run(BLOCK_S).blocks[0].released


def test_a_device_that_stays_away_is_an_error_with_its_name(link: Link) -> None:
    """After the half minute that it may take to boot, in bench time."""
    link.ensure_up()
    clock, control = link.testbed.clock, link.testbed.control
    clock.call_at(clock.now_ns() + 300_000_000, lambda: control.unplug("bob"))
    start_s = link.testbed.now_s()
    with pytest.raises(DeviceUnreachableError, match="bob"):
        link.run(10.0 * BLOCK_S)
    assert 30.0 <= link.testbed.now_s() - start_s < 35.0
    control.plug_in("bob")


# --- zero, and hardware -----------------------------------------------------------------------------------------------

ZERO = [("firmware_mismatch", {"firmware_version": ""}), ("counter_rollover", {"width_bits": 0})]


@pytest.mark.parametrize(("fault", "settings"), ZERO)
def test_zero_changes_no_number(opened: Testbed, fault: str, settings: dict[str, Any]) -> None:
    """The same seed at the same bench time gives the same block, and the devices say the same of themselves."""
    found = []
    for broken in (False, True):
        opened.begin("the same numbers")
        link = cast("Link", opened.link("metro"))
        link.up()
        begin_s = opened.now_s() + 5.0
        if broken:
            getattr(Chaos(opened, link), fault)(**settings).__enter__()
        opened.clock.sleep(begin_s - opened.now_s())
        (block,) = link.run(BLOCK_S).blocks
        found.append((block.detections, block.by_intensity, block.secret_bits, link.receiver.identity()))
        opened.end()
    assert found[0] == found[1]


class _Hardware:
    """A bench that says it is real: nothing of its devices can be set over a control port."""

    def __init__(self) -> None:
        self._bench = load("metro-25km")

    def declared(self, device: str) -> Any:
        return self._bench.device[device]

    def read(self, device: str, setting: str) -> float:
        raise MissingCapabilityError(f"{device} is real, and no driver can move its {setting}")


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (firmware_mismatch.SPEC, "it would take another firmware installed on it"),
        (counter_rollover.SPEC, "its counters are as wide as they were made"),
        (reboot_mid_block.SPEC, "it would take a power outlet for it alone"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_on_hardware_the_reason_is_said(spec: FaultSpec, why: str) -> None:
    with pytest.raises(MissingCapabilityError, match=f"bob is real.*{why}"):
        spec.plan(cast("Any", _Hardware()), "bob", spec.settings())
