"""Parity trees of 64 frames at once, and Bob's search through them: the loops of :mod:`.frames`.

A pass orders a frame's n bits anew and cuts them in halves of halves: node 1 of its tree is the frame, nodes 2i and 2i + 1 are the
halves of node i, nodes n to 2n - 1 are single bits, where n is a power of two; places that no bit of a shorter frame takes are
empty, and even. Bit f of a word is that of frame f of a group, so that 64 frames, which share their orders, take one tree to grow.
Trees have shape (groups, passes, 2n, planes), uint64. The first plane holds parities; with Bob it holds, where the second plane says
that Alice's parity is known, whether the two differ. An item of a pass and a node is ``pass * 2n + node``. Passes of two blocks are
grown only where one of them is odd; until then two parities stand for them.
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

__all__ = ["advance", "answers", "begin", "gather", "grow", "halves", "read", "scatter", "shuffle"]

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
def grow(words: Words, order: Orders, tree: Words, top: Words) -> None:
    """Parities of a group's nodes in one order (below 0: empty, known and even), with what was known of nodes 2 and 3."""
    n = order.size
    for i in range(n):
        tree[n + i, 0] = words[order[i]] if order[i] >= 0 else np.uint64(0)
    for i in range(n - 1, 0, -1):
        tree[i, 0] = tree[2 * i, 0] ^ tree[2 * i + 1, 0]
    if tree.shape[1] > 1:
        for i in range(n):
            if order[i] < 0:
                tree[n + i, 1] = ALL
        if order[n - 1] < 0:
            for i in range(n - 1, 1, -1):
                tree[i, 1] = tree[2 * i, 1] & tree[2 * i + 1, 1]
        if top[0, 1]:
            tree[2], tree[3] = top[0], top[1]


@kernel
def halves(words: Words, order: Orders, top: Words) -> None:
    """Parities of both halves of an order, and nothing below them."""
    n = order.size
    for half in range(2):
        total = np.uint64(0)
        for i in range(half * n // 2, (half + 1) * n // 2):
            if order[i] < 0:
                break
            total ^= words[order[i]]
        top[half, 0] = total


@kernel
def read(nodes: Words, out: Bits) -> None:
    """Parities of nodes, shape (groups, nodes, planes), frame by frame: shape (frames, nodes)."""
    for frame in range(out.shape[0]):
        for node in range(out.shape[1]):
            out[frame, node] = (nodes[frame >> 6, node, 0] >> np.uint64(frame & 63)) & ONE


@kernel
def answers(words: Words, orders: Orders, forest: Forest, begun: int, counts: Numbers, items: Numbers, out: Bits) -> bool:
    """Alice: parities of the first halves of items, frame by frame; a tree not there yet is grown. Whether all of them can be."""
    trees, tops, built = forest
    size, at = trees.shape[2], 0
    for frame in range(counts.size):
        group, shift = frame >> 6, np.uint64(frame & 63)
        for _ in range(counts[frame]):
            item = np.int64(items[at])
            of_pass = item // size
            node = item - of_pass * size
            if of_pass >= begun or node < 1 or 2 * node >= size:
                return False
            if not built[group, of_pass]:
                grow(words[group], orders[of_pass], trees[group, of_pass], tops[group, of_pass])
                built[group, of_pass] = 1
            out[at] = (trees[group, of_pass, 2 * node, 0] >> shift) & ONE
            at += 1
    return True


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
def begin(nodes: Words, stacks: Orders, heights: Orders, first: int, level: int, theirs: Bits) -> None:
    """Bob: take over Alice's parities of a pass's blocks, shape (frames, blocks); items of the odd ones count from ``first``."""
    for frame in range(theirs.shape[0]):
        shift = np.uint64(frame & 63)
        for block in range(theirs.shape[1]):
            nodes[frame >> 6, block, 0] ^= np.uint64(theirs[frame, block]) << shift
            nodes[frame >> 6, block, 1] = ALL
            if (nodes[frame >> 6, block, 0] >> shift) & ONE:
                _push(stacks, heights, frame, first + block, level)


@kernel
def _flip(
    words: Words, ways: Ways, forest: Forest, stacks: Orders, heights: Orders, frame: int, bit: int
) -> None:
    """One bit changes, and with it every block that holds it: the smallest odd one of each pass is taken up."""
    _, inverses, blocks = ways
    trees, tops, built = forest
    group, mask = frame >> 6, ONE << np.uint64(frame & 63)
    words[group, bit] ^= mask
    size, leaves = trees.shape[2], heights.shape[1] - 1
    for of_pass in range(blocks.size):
        node, level = (size >> 1) + inverses[of_pass, bit], leaves
        if not built[group, of_pass]:
            half = 0 if 2 * inverses[of_pass, bit] < (size >> 1) else 1
            tops[group, of_pass, half, 0] ^= mask
            if tops[group, of_pass, half, 0] & mask:
                _push(stacks, heights, frame, of_pass * size + 2 + half, 1)
            continue
        smallest, found = 0, 0
        while node >= blocks[of_pass]:
            now = trees[group, of_pass, node, 0] ^ mask
            trees[group, of_pass, node, 0] = now
            if smallest == 0 and now & trees[group, of_pass, node, 1] & mask:
                smallest, found = node, level
            node >>= 1
            level -= 1
        if smallest:
            _push(stacks, heights, frame, of_pass * size + smallest, found)


@kernel
def _look_again(blocks: Orders, forest: Forest, stacks: Orders, heights: Orders, frame: int) -> None:
    """After a stack ran over: everything that is odd once more."""
    trees, tops, built = forest
    heights[frame, 0] = 0
    size, group, shift = trees.shape[2], frame >> 6, np.uint64(frame & 63)
    for of_pass in range(blocks.size):
        if built[group, of_pass]:
            for node in range(blocks[of_pass], size):
                if (trees[group, of_pass, node, 0] & trees[group, of_pass, node, 1]) >> shift & ONE:
                    _push(stacks, heights, frame, of_pass * size + node, _level(node))
        else:
            for half in range(2):
                if (tops[group, of_pass, half, 0] >> shift) & ONE:
                    _push(stacks, heights, frame, of_pass * size + 2 + half, 1)


@kernel
def _next(words: Words, ways: Ways, forest: Forest, stacks: Orders, heights: Orders, frame: int, left: Orders) -> int:
    """The smallest odd item whose halves are not known, single bits set right on the way.

    0 where there is none. -1 where more bits were set right than can be wrong (``left`` counts down): parities that contradict
    each other.
    """
    orders, _, blocks = ways
    trees, tops, built = forest
    size, group, mask = trees.shape[2], frame >> 6, ONE << np.uint64(frame & 63)
    while True:
        level = heights.shape[1] - 1
        while level > 0 and heights[frame, level] == 0:
            level -= 1
        if level == 0:
            if heights[frame, 0] == 0:
                return 0
            _look_again(blocks, forest, stacks, heights, frame)
            continue
        heights[frame, level] -= 1
        item = np.int64(stacks[frame, level, heights[frame, level]])
        of_pass = item // size
        node = item - of_pass * size
        if not built[group, of_pass]:
            if not tops[group, of_pass, node - 2, 0] & mask:
                continue
            grow(words[group], orders[of_pass], trees[group, of_pass], tops[group, of_pass])
            built[group, of_pass] = 1
        if not trees[group, of_pass, node, 0] & trees[group, of_pass, node, 1] & mask:
            continue
        while 2 * node < size:
            one = 2 * node
            if not trees[group, of_pass, one, 1] & mask:
                if not trees[group, of_pass, one + 1, 1] & mask:
                    return of_pass * size + node
                # the second half is empty: what is known of the whole is known of the first
                trees[group, of_pass, one, 1] |= mask
                trees[group, of_pass, one, 0] |= mask
            node = one if trees[group, of_pass, one, 0] & mask else one + 1
        if left[frame] == 0:
            return -1
        left[frame] -= 1
        _flip(words, ways, forest, stacks, heights, frame, orders[of_pass, node - (size >> 1)])


@kernel
def _hear(trees: Words, stacks: Orders, heights: Orders, frame: int, item: int, told: int) -> None:
    """Alice's parity of the first half of an item, and with it that of the second."""
    size, group, shift = trees.shape[2], frame >> 6, np.uint64(frame & 63)
    of_pass = item // size
    node = item - of_pass * size
    mask, one = ONE << shift, 2 * node
    first = trees[group, of_pass, one, 0] ^ (np.uint64(told) << shift)
    second = (first ^ trees[group, of_pass, node, 0]) & mask
    trees[group, of_pass, one, 0] = first
    trees[group, of_pass, one, 1] |= mask
    trees[group, of_pass, one + 1, 0] = (trees[group, of_pass, one + 1, 0] & ~mask) | second
    trees[group, of_pass, one + 1, 1] |= mask
    level = _level(one)
    if first & mask:
        _push(stacks, heights, frame, of_pass * size + one, level)
    if second:
        _push(stacks, heights, frame, of_pass * size + one + 1, level)


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

    ``ways``: orders and inverses, shape (passes, n), and blocks of each pass begun. ``forest``: trees, parities of the two blocks
    of passes without a tree, which trees are grown. ``asked``: how many items each frame waits for, the items, and where the next
    ones go. Returns how many those are, -1 where parities contradict each other.
    """
    counts, items, following = asked
    heard, total, many = 0, 0, ways[2].size > 1
    for frame in range(counts.size):
        for _ in range(counts[frame]):
            _hear(forest[0], stacks, heights, frame, np.int64(items[heard]), told[heard])
            heard += 1
        count = 0
        while count < width:
            item = _next(words, ways, forest, stacks, heights, frame, left)
            if item < 0:
                return -1
            if item == 0:
                break
            if many and _has(following, total, total + count, item):
                continue
            following[total + count] = item
            count += 1
        counts[frame] = count
        total += count
    return total


@kernel
def _has(items: Numbers, start: int, end: int, item: int) -> bool:
    """Whether an item is among those asked for."""
    for i in range(start, end):
        if items[i] == item:
            return True
    return False
