"""A link's run over each kind of classical channel that a bench file can declare."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from hil.device_sims.kme import CertificateAuthority
from hil.errors import BenchFileError, ChannelRefusedError
from hil.pipeline.replaying import replay
from hil.pipeline.transcript import read_transcript
from hil.testbed.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from hil.pipeline.stepping import Message
    from hil.testbed.link import Link
    from tests.unit.testbed.conftest import Notebook

SHORT = (('block = "1 s"', 'block = "200 ms"'), ("epsilon_secrecy = 1e-9", "epsilon_secrecy = 1e-4"))
CASE = "a case"


def opened(tmp_path: Path, write_bench: Callable[..., Path], notebook: Notebook, classical: str) -> Testbed:
    """The short bench of these tests with a classical channel."""
    table = ("[link.metro.proof]", f"[link.metro.classical]\n{classical}\n\n[link.metro.proof]")
    file = write_bench(tmp_path / "bench.toml", *SHORT, table)
    testbed = Testbed.open(file, seed=7, log=cast("Any", notebook))
    testbed.begin(CASE)
    return testbed


def keys(link: Link) -> list[tuple[str, bytes]]:
    assert all(of_a == of_b for _, of_a, of_b in link.released())
    return [(key_id, of_a.reveal()) for key_id, of_a, _ in link.released()]


@pytest.mark.parametrize("transport", ["memory", "tcp", "tls"])
def test_every_channel_gives_the_keys_of_the_stepped_run(
    tmp_path: Path, write_bench: Callable[..., Path], fresh_notebook: Notebook, transport: str
) -> None:
    """Two blocks in flight; the channel decides nothing but when."""
    found = []
    for kind in ("stepped", transport):
        with opened(tmp_path, write_bench, fresh_notebook, f'transport = "{kind}"\nblocks_in_flight = 2') as testbed:
            run = testbed.link("metro").run("1 s")
            found.append((run.blocks, keys(testbed.link("metro"))))
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("hil-metro")]
    assert found[0] == found[1]
    assert len(found[0][0]) == 5
    assert all(block.released for block in found[0][0])


def test_certificates_of_the_bench_file_are_used_and_a_wrong_one_is_refused(
    tmp_path: Path, write_bench: Callable[..., Path], fresh_notebook: Notebook
) -> None:
    authority = CertificateAuthority(tmp_path)
    alice, bob, mallory = (authority.issue_party(name) for name in ("alice", "bob.lab", "mallory"))
    text = f'transport = "tls"\nblocks_in_flight = 1\ntimeout = "2 s"\nca_file = "{authority.ca_file}"\n' + "".join(
        f'{side}.certificate_file = "{files.certificate}"\n{side}.private_key_file = "{files.private_key}"\n'
        for side, files in (("a", alice), ("b", bob))
    )
    with opened(tmp_path, write_bench, fresh_notebook, text + 'b.name = "bob.lab"') as testbed:
        assert testbed.link("metro").run("200 ms").blocks[0].released
    wrong = text.replace(str(bob.certificate), str(mallory.certificate)).replace(str(bob.private_key), str(mallory.private_key))
    with (
        opened(tmp_path, write_bench, fresh_notebook, wrong + 'b.name = "bob.lab"') as testbed,
        pytest.raises(ChannelRefusedError, match=r"a certificate of mallory where one of bob\.lab is expected"),
    ):
        testbed.link("metro").run("200 ms")


def test_attacks_reach_the_messages_of_any_channel(
    tmp_path: Path, write_bench: Callable[..., Path], fresh_notebook: Notebook
) -> None:
    def tamper(message: Message) -> Iterable[bytes]:
        data = bytearray(message.data)
        data[-1] ^= message.number == 1
        return (bytes(data),)

    with opened(tmp_path, write_bench, fresh_notebook, 'transport = "memory"\nblocks_in_flight = 1') as testbed:
        link = testbed.link("metro")
        assert not any(block.released for block in link.run("400 ms", interceptor=tamper).blocks)
        assert all(block.released for block in link.run("400 ms").blocks)


def test_a_transcript_of_a_run_replays_bob(tmp_path: Path, write_bench: Callable[..., Path], fresh_notebook: Notebook) -> None:
    """The same twin again with the same seed: his detections and random bits are the same, so are his words."""
    file = tmp_path / "run.jsonl"
    with opened(tmp_path, write_bench, fresh_notebook, 'transport = "tcp"\nblocks_in_flight = 2') as testbed:
        testbed.link("metro").run("600 ms", transcript=file)
    transcript = read_transcript(file)
    assert (transcript.link, transcript.blocks_in_flight) == ("metro", 2)
    with opened(tmp_path, write_bench, fresh_notebook, 'transport = "stepped"\nblocks_in_flight = 2') as testbed:
        link = testbed.link("metro")
        submitted = _submitted(link)
        found = replay(transcript, "b", link.parties.settings_digest, lambda number: submitted[number][1]())
    assert found.deviation is None
    assert len(found.results) == 3
    assert found.messages > 100


def _submitted(link: Link) -> dict[int, Any]:
    """What begins each block of such a run at either end, in parties that have not begun yet."""
    raw: dict[int, Any] = {}
    session = cast("Any", link.parties)
    honest = session.begin

    def note(context: Any, records: Any) -> Any:
        raw[context.sequence] = context, records
        return honest(context, records)

    session.begin = note
    link.run("600 ms")
    fresh = link._make_session()
    return {number: fresh.begin(*both) for number, both in raw.items()}


@pytest.mark.parametrize(
    ("classical", "said"),
    [
        ('transport = "pigeon"', "link.metro.classical.transport"),
        ("blocks_in_flight = 33", "link.metro.classical.blocks_in_flight"),
        ('address = "here"', "link.metro.classical.address"),
        ('ca_file = "ca.pem"', "link.metro.classical.ca_file: found 'ca.pem'; expected nothing, or transport = \"tls\""),
        (
            'transport = "tls"\nca_file = "ca.pem"',
            "link.metro.classical.a.certificate_file: found nothing; expected a PEM file",
        ),
        ('through = "proxy:7000"', "link.metro.classical.through: found 'proxy:7000'"),
    ],
)
def test_mistakes_of_the_table_are_named(
    tmp_path: Path, write_bench: Callable[..., Path], fresh_notebook: Notebook, classical: str, said: str
) -> None:
    with pytest.raises(BenchFileError) as caught:
        opened(tmp_path, write_bench, fresh_notebook, classical)
    assert said in str(caught.value)
