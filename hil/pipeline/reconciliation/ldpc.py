"""Low-density parity checks: Alice tells syndromes, Bob decodes the errors, and asks for more checks of frames that fail.

Blind reconciliation (J. Martinez-Mateo, D. Elkouss, V. Martin, "Blind Reconciliation", Quantum Information and Computation
12, 791 (2012), arXiv:1205.5729) with checks split in two, of which one half is told, in place of punctured bits. All frames
are in each message. A frame that no round corrects is told bit for bit and charged so: to drop it would choose blocks by
their errors, which the proof does not cover. With its first checks go 32 bits of a CRC, so that a frame decoded to other bits
is found out and goes on.

Bob tells after each round which frames are still wrong: a bit for every frame that was open, counted as his. All else that he
says follows from what is public.
"""

from __future__ import annotations

import zlib
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

import numpy as np

from hil.errors import AuthenticationError
from hil.pipeline.bits import pack, unpack
from hil.pipeline.messages import Codes, Corrected, More, Parities
from hil.pipeline.reconciliation.cascade import Disclosed
from hil.pipeline.reconciliation.ldpc_decoder import KNOWN, UNIT, decode
from hil.pipeline.reconciliation.ldpc_family import COLUMNS
from hil.pipeline.reconciliation.ldpc_plan import Cut, plan, row_ends

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt

    from hil.pipeline.conversation import Conversation
    from hil.pipeline.party import Request

    Bits = npt.NDArray[np.uint8]
    Numbers = npt.NDArray[np.int64]

__all__ = ["answer", "correct"]

_CRC_BITS = 32
_ALL = -1
"""End of the last round: no rows, but the bits themselves."""


def correct(talk: Conversation, bits: Bits, qber_ratio: float) -> Generator[Request, bytes | None, tuple[Bits, Disclosed]]:
    """Bob: his bits, shape (n,), made equal to Alice's; the code follows the expected error ratio.

    Ends without telling Alice: the caller sends ``Corrected``.
    """
    disclosed = Disclosed()
    if not bits.size:
        return bits, disclosed
    ratio = 0.5 if qber_ratio != qber_ratio else qber_ratio  # noqa: PLR0124  (nan, without test bits)
    told = plan(bits.size, ratio)
    cut = Cut.of(told, bits.size)
    yield from talk.send(told)
    frames, prior = cut.split(bits), _prior(cut, ratio)
    open_, still = np.arange(cut.frames), np.empty(0, dtype=np.bool_)
    syndromes = np.empty((cut.frames, 0, told.lifting), dtype=np.uint8)
    crc = np.empty((cut.frames, 0), dtype=np.uint8)
    for begin, end in _rounds(cut):
        if begin:
            yield from talk.send(More(pack(still)))
        reply = yield from talk.receive(Parities)
        count = _count(cut, open_, begin, end)
        heard = unpack(reply.bits, count)
        disclosed.by_alice += count
        if end == _ALL:
            _take_over(cut, frames, open_, heard)
            break
        disclosed.by_bob += open_.size
        checks = open_.size * (end - begin) * told.lifting
        if not begin:
            crc = heard[checks:].reshape(cut.frames, _CRC_BITS)
        theirs = heard[:checks].reshape(open_.size, end - begin, told.lifting)
        syndromes = np.concatenate([syndromes, theirs ^ cut.code.told.syndromes(frames[open_], begin, end)], axis=1)
        wrong, iterations = decode(cut.code.split(end), cut.code.split_syndromes(syndromes), prior[open_])
        decoded = frames[open_] ^ wrong
        still = (iterations < 0) | (_crc(decoded) != crc).any(axis=1)
        frames[open_[~still]] = decoded[~still]
        open_, syndromes, crc = open_[still], syndromes[still], crc[still]
        if not open_.size:
            break
    return cut.join(frames), disclosed


def answer(talk: Conversation, bits: Bits) -> Generator[Request, bytes | None, tuple[Corrected, Disclosed]]:
    """Alice: syndromes until Bob says that he is done. AuthenticationError for what no honest Bob asks."""
    disclosed = Disclosed()
    message = yield from talk.receive_any(Codes, Corrected)
    if isinstance(message, Corrected):
        if bits.size:
            raise AuthenticationError("correction is over before any of it was done")
        return message, disclosed
    assert isinstance(message, Codes)
    cut = Cut.of(message, bits.size)
    frames = cut.split(bits)
    open_ = np.arange(cut.frames)
    for begin, end in _rounds(cut):
        if end == _ALL:
            reply = np.concatenate([bits[frame :: cut.frames] for frame in open_])
        else:
            reply = cut.code.told.syndromes(frames[open_], begin, end).reshape(-1)
            reply = reply if begin else np.concatenate([reply, _crc(frames).reshape(-1)])
            disclosed.by_bob += open_.size
        disclosed.by_alice += reply.size
        yield from talk.send(Parities(pack(reply)))
        message = yield from talk.receive_any(More, Corrected)
        if isinstance(message, Corrected):
            return message, disclosed
        assert isinstance(message, More)
        open_ = open_[unpack(message.open, open_.size).view(np.bool_)]
        if not open_.size:
            raise AuthenticationError("more checks of no frame were asked for")
    raise AuthenticationError("more checks were asked for than a frame has bits")


def _rounds(cut: Cut) -> list[tuple[int, int]]:
    """Rows of each round, from and to."""
    ends = row_ends(cut.code)
    return [*pairwise((0, *ends)), (ends[-1], _ALL)]


def _count(cut: Cut, open_: Numbers, begin: int, end: int) -> int:
    """Bits that Alice tells in a round."""
    if end == _ALL:
        return sum(cut.length(int(frame)) for frame in open_)
    checks = int(open_.size) * (end - begin) * cut.code.lifting
    return checks if begin else checks + _CRC_BITS * cut.frames


def _prior(cut: Cut, ratio: float) -> npt.NDArray[np.int16]:
    """How sure Bob is beforehand that a bit is right; of places without a bit, entirely."""
    expected = min(max(ratio, 1e-3), 0.45)
    levels = np.full(cut.bits, round(UNIT * log((1.0 - expected) / expected)), dtype=np.int16)
    split = cut.split(levels)
    split[split == 0] = KNOWN
    return split


def _crc(frames: Bits) -> Bits:
    """CRC-32 of each frame, shape (frames, 32)."""
    sums = [zlib.crc32(pack(frame.reshape(-1))) for frame in frames]
    return np.unpackbits(np.array(sums, dtype=">u4").view(np.uint8)).reshape(-1, _CRC_BITS)


def _take_over(cut: Cut, frames: Bits, open_: Numbers, heard: Bits) -> None:
    """Frames told bit for bit."""
    begin = 0
    for frame in open_:
        end = begin + cut.length(int(frame))
        places = np.zeros(frames[0].size, dtype=np.uint8)
        places[: end - begin] = heard[begin:end]
        frames[frame] = places.reshape(cut.code.lifting, COLUMNS).T
        begin = end
