"""Parity trees of many frames at once, and Bob's search through them: the loops of :mod:`.frames`.

A pass orders a frame's n bits anew and cuts them in halves of halves: node 1 of its tree is the frame, nodes 2i and 2i + 1 are the
halves of node i, nodes n to 2n - 1 are single bits, where n is a power of two; places that no bit of a shorter frame takes are
empty, and even. Trees have shape (frames, passes, 2n), uint8. An item of a pass and a node is ``pass * 2n + node``. Passes of two
blocks are built only where one of them is odd; until then two parities stand for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hil.compiled import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Bits = npt.NDArray[np.uint8]
    Orders = npt.NDArray[np.int32]
    Words = npt.NDArray[np.uint64]

__all__ = ["advance", "answers", "begin", "grow", "halves"]

_OWN, _KNOWN, _THEIRS, _BUSY, _EMPTY = 1, 2, 4, 8, 16


@kernel
def grow(bits: Bits, order: Orders, tree: Bits) -> None:
    """Parities of one frame's nodes in one order (below 0: empty); everything else that was noted of them goes."""
    n = order.size
    for i in range(n):
        tree[n + i] = bits[order[i]] if order[i] >= 0 else _EMPTY
    for i in range(n - 1, 0, -1):
        one, other = tree[2 * i], tree[2 * i + 1]
        tree[i] = ((one ^ other) & _OWN) | (one & other & _EMPTY)


@kernel
def halves(packed: Words, mask: Words, out: Bits) -> None:
    """Parity of the bits under a mask, for each frame of packed words: shape (frames, n / 64) to (frames,)."""
    for frame in range(packed.shape[0]):
        total = np.uint64(0)
        for i in range(mask.size):
            total ^= packed[frame, i] & mask[i]
        for shift in (32, 16, 8, 4, 2, 1):
            total ^= total >> np.uint64(shift)
        out[frame] = total & np.uint64(1)


@kernel
def answers(bits: Bits, orders: Orders, trees: Bits, built: Bits, asked: tuple[Orders, Orders], out: Bits) -> None:
    """Alice: the parities of items, frame by frame; a tree not there yet is grown."""
    size = trees.shape[2]
    for number in range(asked[0].size):
        frame, item = asked[0][number], asked[1][number]
        of_pass = item // size
        if not built[frame, of_pass]:
            grow(bits[frame], orders[of_pass], trees[frame, of_pass])
            built[frame, of_pass] = 1
        out[number] = trees[frame, of_pass, item - of_pass * size]


@kernel
def _push(stack: Orders, level: int, item: int) -> None:
    """On top of the items of that level; the first one counts them. Where it is full, the last is marked to be looked for."""
    if stack[level, 0] + 1 < stack.shape[1]:
        stack[level, 0] += 1
        stack[level, stack[level, 0]] = item
    else:
        stack[0, 0] = 1


@kernel
def _is_odd(node: int) -> bool:
    return node & _KNOWN != 0 and (node & _OWN) != (node & _THEIRS) >> 2


@kernel
def _level(node: int) -> int:
    level = 0
    while node > 1:
        node >>= 1
        level += 1
    return level


@kernel
def begin(trees: Bits, stacks: Orders, of_pass: int, blocks: int, theirs: Bits) -> None:
    """Bob: take over Alice's parities of a pass's blocks, shape (frames, taken blocks), and note which are odd."""
    level = _level(blocks)
    for frame in range(trees.shape[0]):
        tree = trees[frame, of_pass]
        for block in range(theirs.shape[1]):
            node = blocks + block
            tree[node] = (tree[node] & (_OWN | _EMPTY)) | _KNOWN | (theirs[frame, block] << 2)
            if _is_odd(tree[node]):
                _push(stacks[frame], level, of_pass * trees.shape[2] + node)


@kernel
def _flip(bits: Bits, bit: int, trees: Bits, built: Bits, inverses: Orders, blocks: Orders, stack: Orders) -> None:
    """One bit changes, and with it every block that holds it: the smallest odd one of each pass is taken up."""
    bits[bit] ^= 1
    size = trees.shape[1]
    for of_pass in range(blocks.size):
        node = (size >> 1) + inverses[of_pass, bit]
        if not built[of_pass]:
            while node >= 2 * blocks[of_pass]:
                node >>= 1
        smallest = 0
        while node >= blocks[of_pass]:
            trees[of_pass, node] ^= _OWN
            if smallest == 0 and _is_odd(trees[of_pass, node]):
                smallest = node
            node >>= 1
        if smallest:
            _push(stack, _level(smallest), of_pass * size + smallest)


@kernel
def _look_again(trees: Bits, blocks: Orders, stack: Orders) -> None:
    """After a stack ran over: every odd block once more."""
    stack[0, 0] = 0
    for of_pass in range(blocks.size):
        level = _level(blocks[of_pass])
        for node in range(blocks[of_pass], 2 * blocks[of_pass]):
            if _is_odd(trees[of_pass, node]):
                _push(stack, level, of_pass * trees.shape[1] + node)


@kernel
def _next(bits: Bits, trees: Bits, built: Bits, orders: Orders, inverses: Orders, blocks: Orders, stack: Orders) -> int:
    """The smallest odd item whose halves are not known, single bits set right on the way; 0 where there is none."""
    size = trees.shape[1]
    while True:
        level = stack.shape[0] - 1
        while level > 0 and stack[level, 0] == 0:
            level -= 1
        if level == 0:
            if stack[0, 0] == 0:
                return 0
            _look_again(trees, blocks, stack)
            continue
        item = stack[level, stack[level, 0]]
        stack[level, 0] -= 1
        of_pass = item // size
        node = item - of_pass * size
        tree = trees[of_pass]
        if not _is_odd(tree[node]) or tree[node] & _BUSY:
            continue
        if not built[of_pass]:
            theirs = tree[2] & (_KNOWN | _THEIRS), tree[3] & (_KNOWN | _THEIRS)
            grow(bits, orders[of_pass], tree)
            tree[2] |= theirs[0]
            tree[3] |= theirs[1]
            built[of_pass] = 1
        while 2 * node < size and (tree[2 * node] & _KNOWN or tree[2 * node + 1] & _EMPTY):
            if tree[2 * node + 1] & _EMPTY:
                # nothing but the first half: what is known of the whole is known of it
                tree[2 * node] = (tree[2 * node] & _OWN) | (tree[node] & (_KNOWN | _THEIRS))
                node = 2 * node
            else:
                node = 2 * node if _is_odd(tree[2 * node]) else 2 * node + 1
        if 2 * node >= size:
            _flip(bits, orders[of_pass, node - (size >> 1)], trees, built, inverses, blocks, stack)
        elif not tree[node] & _BUSY:
            tree[node] |= _BUSY
            return of_pass * size + node


@kernel
def advance(
    bits: Bits,
    trees: Bits,
    built: Bits,
    ways: tuple[Orders, Orders, Orders],
    stacks: Orders,
    open_: Orders,
    told: Bits,
    width: int,
) -> int:
    """Bob: take the parities of the halves he asked for, set right what he can, and note what to ask for next.

    ``ways``: orders and inverses, shape (passes, n), and blocks of each pass begun. ``open_``: shape (frames, width + 1), how many
    items each frame waits for, then the items. ``told``: parities of their first halves. Returns how many are asked for now.
    """
    orders, inverses, blocks = ways
    size, heard, asked = trees.shape[2], 0, 0
    for frame in range(trees.shape[0]):
        stack = stacks[frame]
        for number in range(open_[frame, 0]):
            item = open_[frame, 1 + number]
            of_pass = item // size
            node = item - of_pass * size
            tree = trees[frame, of_pass]
            first = told[heard]
            heard += 1
            second = first ^ ((tree[node] & _THEIRS) >> 2)
            tree[node] &= 255 - _BUSY
            tree[2 * node] = (tree[2 * node] & (_OWN | _EMPTY)) | _KNOWN | (first << 2)
            tree[2 * node + 1] = (tree[2 * node + 1] & (_OWN | _EMPTY)) | _KNOWN | (second << 2)
            level = _level(2 * node)
            for half in (2 * node, 2 * node + 1):
                if _is_odd(tree[half]):
                    _push(stack, level, of_pass * size + half)
        count = 0
        while count < width:
            item = _next(bits[frame], trees[frame], built[frame], orders, inverses, blocks, stack)
            if item == 0:
                break
            count += 1
            open_[frame, count] = item
        open_[frame, 0] = count
        asked += count
    return asked
