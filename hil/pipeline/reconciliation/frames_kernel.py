"""Parity trees of 64 frames at once, and Bob's search through them: the loops of :mod:`.frames`.

A pass orders a frame's n bits anew and cuts them in halves of halves: node 1 of its tree is the frame, nodes 2i and 2i + 1 are
the halves of node i, nodes n to 2n - 1 are single bits, where n is a power of two; places that no bit of a shorter frame takes
are empty, and even. An item of a pass and a node is ``pass * 2n + node``.

Frames share their orders, so trees are grown for 64 of them at once, in words of shape (groups, n) whose bit f is frame f's.
They are kept one by one, so that a search stays in the cache: uint64 of shape (passes, frames, 2n / 64, planes), a bit for each
node. The first plane holds parities; with Bob it holds, where the second plane says that Alice's parity is known, whether the
two differ. Passes of two blocks are grown only where one of them is odd; until then ``tops``, shape (passes, frames, planes),
holds the bits of nodes 2 and 3.
"""

from __future__ import annotations

from math import frexp
from typing import TYPE_CHECKING

import numpy as np

from hil.compiled import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]
    Orders = npt.NDArray[np.int32]
    Numbers = npt.NDArray[np.uint32]
    Words = npt.NDArray[np.uint64]
    Ways = tuple[Orders, Orders, Orders]
    Forest = tuple[Words, Words, Bits]

__all__ = ["advance", "answers", "begin", "gather", "grow", "halves", "read", "scatter", "shuffle", "turn"]

ALL = np.uint64(2**64 - 1)
ONE = np.uint64(1)


@kernel
def shuffle(raw: Words, order: Orders) -> None:
    """Fisher and Yates with one word for each step."""
    for i in range(order.size):
        order[i] = i
    for i in range(order.size - 1, 0, -1):
        j = np.int64(((raw[i] >> np.uint64(32)) * np.uint64(i + 1)) >> np.uint64(32))
        order[i], order[j] = order[j], order[i]


@kernel
def gather(frames: Bits, octets: Bits) -> None:
    """Bits of shape (groups, 8, 8, length) into the bytes of words, shape (groups, length, 8)."""
    for group in range(frames.shape[0]):
        for octet in range(8):
            eight, out = frames[group, octet], octets[group]
            for i in range(frames.shape[3]):
                low = eight[0, i] | eight[1, i] << 1 | eight[2, i] << 2 | eight[3, i] << 3
                out[i, octet] = low | eight[4, i] << 4 | eight[5, i] << 5 | eight[6, i] << 6 | eight[7, i] << 7


@kernel
def scatter(octets: Bits, frames: Bits) -> None:
    """The reverse of :func:`gather`."""
    for group in range(frames.shape[0]):
        for octet in range(8):
            for bit in range(8):
                out = frames[group, octet, bit]
                for i in range(out.size):
                    out[i] = octets[group, i, octet] >> bit & 1


@kernel
def turn(square: Words) -> None:
    """A matrix of 64 by 64 bits becomes its transpose; H. S. Warren, "Hacker's Delight", section 7-3."""
    width, mask = 32, np.uint64(2**32 - 1)
    while width:
        shift = np.uint64(width)
        for start in range(0, 64, 2 * width):
            for i in range(start, start + width):
                swap = ((square[i] >> shift) ^ square[i + width]) & mask
                square[i] ^= swap << shift
                square[i + width] ^= swap
        width >>= 1
        mask ^= mask << np.uint64(width)


@kernel
def _keep(nodes: Words, trees: Words, plane: int) -> None:
    """From words of 64 frames, shape (2n,), to trees of up to 64 frames, shape (frames, 2n / 64, planes)."""
    square = np.empty(64, dtype=np.uint64)
    for word in range(nodes.size >> 6):
        for i in range(64):
            square[i] = nodes[64 * word + i]
        turn(square)
        for frame in range(trees.shape[0]):
            trees[frame, word, plane] = square[frame]


@kernel
def grow(words: Words, order: Orders, trees: Words, tops: Words) -> None:
    """Trees of a group in one order (below 0: empty, known and even), with what was known of nodes 2 and 3."""
    n = order.size
    nodes = np.zeros(2 * n, dtype=np.uint64)
    for i in range(n):
        if order[i] >= 0:
            nodes[n + i] = words[order[i]]
    for i in range(n - 1, 0, -1):
        nodes[i] = nodes[2 * i] ^ nodes[2 * i + 1]
    _keep(nodes, trees, 0)
    if trees.shape[2] == 1:
        return
    if order[n - 1] < 0:
        for i in range(n):
            nodes[n + i] = ALL if order[i] < 0 else np.uint64(0)
        for i in range(n - 1, 0, -1):
            nodes[i] = nodes[2 * i] & nodes[2 * i + 1]
        _keep(nodes, trees, 1)
    for frame in range(trees.shape[0]):
        known = tops[frame, 1]
        trees[frame, 0, 0] = (trees[frame, 0, 0] & ~known) | (tops[frame, 0] & known)
        trees[frame, 0, 1] |= known


@kernel
def halves(words: Words, order: Orders, tops: Words) -> None:
    """Parities of both halves of an order, and nothing below them."""
    n = order.size
    for half in range(2):
        total = np.uint64(0)
        for i in range(half * n // 2, (half + 1) * n // 2):
            if order[i] < 0:
                break
            total ^= words[order[i]]
        for frame in range(tops.shape[0]):
            tops[frame, 0] |= ((total >> np.uint64(frame)) & ONE) << np.uint64(2 + half)


@kernel
def read(trees: Words, first: int, out: Bits) -> None:
    """Parities of nodes from ``first`` on, shape (frames, nodes)."""
    for frame in range(out.shape[0]):
        for i in range(out.shape[1]):
            out[frame, i] = (trees[frame, (first + i) >> 6, 0] >> np.uint64((first + i) & 63)) & ONE


@kernel
def answers(words: Words, orders: Orders, forest: Forest, begun: int, counts: Numbers, items: Numbers, out: Bits) -> bool:
    """Alice: parities of the first halves of items, frame by frame, trees grown where they are missing. Whether all can be."""
    trees, tops, built = forest
    size, at = 2 * orders.shape[1], 0
    bits = _level(size)
    for frame in range(counts.size):
        for _ in range(counts[frame]):
            item = int(items[at])
            of_pass = item >> bits
            half = 2 * (item & (size - 1))
            if of_pass >= begun or half < 2 or half >= size:
                return False
            if not built[of_pass, frame >> 6]:
                _grow(words, orders, trees, tops, built, of_pass, frame >> 6)
            out[at] = (trees[of_pass, frame, half >> 6, 0] >> np.uint64(half & 63)) & ONE
            at += 1
    return True


@kernel
def _grow(words: Words, orders: Orders, trees: Words, tops: Words, built: Bits, of_pass: int, group: int) -> None:
    start, end = 64 * group, min(64 * group + 64, trees.shape[1])
    grow(words[group], orders[of_pass], trees[of_pass, start:end], tops[of_pass, start:end])
    built[of_pass, group] = 1


@kernel
def _level(node: int) -> int:
    return frexp(float(node))[1] - 1


@kernel
def _push(stacks: Orders, heights: Orders, frame: int, item: int, level: int) -> None:
    """On top of the frame's items of that level. Where there is no room, height 0 tells that they have to be looked for."""
    height = heights[frame, level]
    if height < stacks.shape[2]:
        stacks[frame, level, height] = item
        heights[frame, level] = height + 1
    else:
        heights[frame, 0] = 1


@kernel
def begin(trees: Words, stacks: Orders, heights: Orders, of_pass: int, blocks: int, size: int, theirs: Bits) -> None:
    """Bob: take over Alice's parities of a pass's blocks, shape (frames, blocks), and note which are odd."""
    level = _level(blocks)
    for frame in range(theirs.shape[0]):
        for block in range(theirs.shape[1]):
            node = blocks + block
            word, shift = node >> 6, np.uint64(node & 63)
            trees[frame, word, 0] ^= np.uint64(theirs[frame, block]) << shift
            trees[frame, word, 1] |= ONE << shift
            if (trees[frame, word, 0] >> shift) & ONE:
                _push(stacks, heights, frame, of_pass * size + node, level)


@kernel
def _flip(
    words: Words,
    inverses: Orders,
    blocks: Orders,
    trees: Words,
    tops: Words,
    built: Bits,
    stacks: Orders,
    heights: Orders,
    frame: int,
    bit: int,
) -> None:
    """One bit changes, and with it every block that holds it: the smallest odd one of each pass is taken up."""
    group, n, leaves = frame >> 6, 32 * trees.shape[2], heights.shape[1] - 1
    words[group, bit] ^= ONE << np.uint64(frame & 63)
    for of_pass in range(blocks.size):
        node, level = n + inverses[of_pass, bit], leaves
        if not built[of_pass, group]:
            node = 2 if 2 * inverses[of_pass, bit] < n else 3
            tops[of_pass, frame, 0] ^= ONE << np.uint64(node)
            if (tops[of_pass, frame, 0] >> np.uint64(node)) & ONE:
                _push(stacks, heights, frame, 2 * n * of_pass + node, 1)
            continue
        smallest, found = 0, 0
        while node >= blocks[of_pass]:
            word, mask = node >> 6, ONE << np.uint64(node & 63)
            now = trees[of_pass, frame, word, 0] ^ mask
            trees[of_pass, frame, word, 0] = now
            if smallest == 0 and now & trees[of_pass, frame, word, 1] & mask:
                smallest, found = node, level
            node >>= 1
            level -= 1
        if smallest:
            _push(stacks, heights, frame, 2 * n * of_pass + smallest, found)


@kernel
def _look_again(blocks: Orders, trees: Words, tops: Words, built: Bits, stacks: Orders, heights: Orders, frame: int) -> None:
    """After a stack ran over: everything that is odd once more."""
    heights[frame, 0] = 0
    size = 64 * trees.shape[2]
    for of_pass in range(blocks.size):
        grown = built[of_pass, frame >> 6]
        for node in range(blocks[of_pass], size if grown else 4):
            planes = trees[of_pass, frame, node >> 6] if grown else tops[of_pass, frame]
            if (planes[0] & planes[1]) >> np.uint64(node & 63) & ONE:
                _push(stacks, heights, frame, of_pass * size + node, _level(node))


@kernel
def _deepest(heights: Orders, frame: int) -> int:
    level: int = heights.shape[1] - 1
    while level > 0 and heights[frame, level] == 0:
        level -= 1
    return level


@kernel
def _descend(trees: Words, of_pass: int, frame: int, node: int) -> int:
    """From an odd node by odd halves to one whose halves are not known, or to a single bit."""
    n = 32 * trees.shape[2]
    while node < n:
        word, shift = (2 * node) >> 6, np.uint64((2 * node) & 63)
        known = trees[of_pass, frame, word, 1] >> shift
        if not known & ONE:
            if not known & np.uint64(2):
                return node
            # the second half is empty: what is known of the whole is known of the first
            trees[of_pass, frame, word, 1] |= ONE << shift
            trees[of_pass, frame, word, 0] |= ONE << shift
        node = 2 * node if (trees[of_pass, frame, word, 0] >> shift) & ONE else 2 * node + 1
    return node


@kernel
def _ask(
    words: Words,
    orders: Orders,
    inverses: Orders,
    blocks: Orders,
    trees: Words,
    tops: Words,
    built: Bits,
    stacks: Orders,
    heights: Orders,
    left: Orders,
    frame: int,
    items: Numbers,
    start: int,
    width: int,
) -> int:
    """Up to ``width`` odd items whose halves are not known, the smallest first, single bits set right on the way.

    They go to ``items`` from ``start`` on; returns where they end, -1 where more bits were set right than can be wrong
    (``left`` counts down): parities that contradict each other.
    """
    group, n, end = frame >> 6, orders.shape[1], start
    while end < start + width:
        level = _deepest(heights, frame)
        if level == 0:
            if heights[frame, 0] == 0:
                break
            _look_again(blocks, trees, tops, built, stacks, heights, frame)
            continue
        heights[frame, level] -= 1
        item = np.int64(stacks[frame, level, heights[frame, level]])
        of_pass = item >> heights.shape[1]
        node = item & (2 * n - 1)
        if not built[of_pass, group]:
            if not (tops[of_pass, frame, 0] >> np.uint64(node)) & ONE:
                continue
            _grow(words, orders, trees, tops, built, of_pass, group)
        word, shift = node >> 6, np.uint64(node & 63)
        if not (trees[of_pass, frame, word, 0] & trees[of_pass, frame, word, 1]) >> shift & ONE:
            continue
        node = _descend(trees, of_pass, frame, node)
        if node < n:
            item = of_pass * 2 * n + node
            if blocks.size == 1 or not _has(items, start, end, item):
                items[end] = item
                end += 1
            continue
        if left[frame] == 0:
            return -1
        left[frame] -= 1
        _flip(words, inverses, blocks, trees, tops, built, stacks, heights, frame, orders[of_pass, node - n])
    return end


@kernel
def _hear(trees: Words, stacks: Orders, heights: Orders, frame: int, items: Numbers, told: Bits, start: int, end: int) -> None:
    """Alice's parities of the first halves of a frame's items, and with them those of the second."""
    size, three = 64 * trees.shape[2], np.uint64(3)
    for at in range(start, end):
        item = int(items[at])
        of_pass = item >> heights.shape[1]
        node = item & (size - 1)
        word, shift = (2 * node) >> 6, np.uint64((2 * node) & 63)
        whole = (trees[of_pass, frame, node >> 6, 0] >> np.uint64(node & 63)) & ONE
        old = trees[of_pass, frame, word, 0]
        first = ((old >> shift) & ONE) ^ np.uint64(told[at])
        second = first ^ whole
        trees[of_pass, frame, word, 0] = (old & ~(three << shift)) | ((first | second << ONE) << shift)
        trees[of_pass, frame, word, 1] |= three << shift
        level = _level(2 * node)
        if first:
            _push(stacks, heights, frame, of_pass * size + 2 * node, level)
        if second:
            _push(stacks, heights, frame, of_pass * size + 2 * node + 1, level)


@kernel
def advance(
    words: Words,
    ways: Ways,
    forest: Forest,
    stacks: Orders,
    heights: Orders,
    left: Orders,
    asked: tuple[Numbers, Numbers, Numbers],
    told: Bits,
    width: int,
) -> int:
    """Bob: take the parities of the halves he asked for, set right what he can, and note what to ask for next.

    ``ways``: orders and inverses, shape (passes, n), and blocks of each pass begun. ``forest``: trees, parities of the two
    blocks of passes without a tree, which trees are grown. ``asked``: how many items each frame waits for, the items, and where
    the next ones go. Returns how many those are, -1 where parities contradict each other.
    """
    counts, items, following = asked
    orders, inverses, blocks = ways
    trees, tops, built = forest
    heard, total = 0, 0
    for frame in range(counts.size):
        until = heard + int(counts[frame])
        _hear(trees, stacks, heights, frame, items, told, heard, until)
        heard = until
        end = _ask(words, orders, inverses, blocks, trees, tops, built, stacks, heights, left, frame, following, total, width)
        if end < 0:
            return -1
        counts[frame] = end - total
        total = end
    return total


@kernel
def _has(items: Numbers, start: int, end: int, item: int) -> bool:
    """Whether an item is among those asked for."""
    for i in range(start, end):  # noqa: SIM110  (the compiler takes no generators)
        if items[i] == item:
            return True
    return False
