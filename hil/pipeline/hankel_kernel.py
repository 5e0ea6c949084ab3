"""Products of Toeplitz matrices over GF(2) by carry-less multiplication, 64 bits at a time: exact, as nothing is rounded.

In the order used here (bits of the input reversed) a Toeplitz matrix is a Hankel matrix, ``y[i] = xor of s[i + k] & x[k]``. A
square one of 2h words is three of h words (two-way split of a Toeplitz matrix-vector product: H. Fan, M. A. Hasan, IEEE Trans.
Computers 56, 224 (2007)); a small one is rows of carry-less products: bits 63 to 126 of ``s * reversed(x)``.

Import this only where :func:`hil.compiled.available` and ``cpu_has("pclmul")`` hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from hil.compiled import kernel

if TYPE_CHECKING:
    import numpy.typing as npt

    Words = npt.NDArray[np.uint64]

__all__ = ["hankel_product"]

_ONE, _LAST = np.uint64(1), np.uint64(63)


def _row_type(_context: Any, s: Any, x: Any) -> Any:
    return types.UniTuple(types.uint64, 2)(s, x), _row_code


def _row_code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    word, choice = ir.IntType(64), ir.IntType(8)
    pair = ir.VectorType(word, 2)
    multiply = cgutils.get_or_insert_function(builder.module, ir.FunctionType(pair, [pair, pair, choice]), "llvm.x86.pclmulqdq")
    arrays = [
        context.make_array(kind)(context, builder, argument) for kind, argument in zip(signature.args, arguments, strict=True)
    ]
    words = builder.extract_value(arrays[1].shape, 0)
    total = cgutils.alloca_once_value(builder, ir.Constant(pair, [0, 0]))
    with cgutils.for_range(builder, builder.lshr(words, ir.Constant(word, 1))) as loop:
        place = builder.shl(loop.index, ir.Constant(word, 1))
        s, x = (builder.load(builder.bitcast(builder.gep(array.data, [place]), pair.as_pointer()), align=8) for array in arrays)
        low, high = (builder.call(multiply, [s, x, ir.Constant(choice, which)]) for which in (0x00, 0x11))
        builder.store(builder.xor(builder.load(total), builder.xor(low, high)), total)
    found = builder.load(total)
    halves = [builder.extract_element(found, ir.Constant(ir.IntType(32), which)) for which in (0, 1)]
    return context.make_tuple(builder, signature.return_type, halves)


_row: Any = intrinsic(_row_type)
"""``_row(s, x)``: low and high word of the xor of carry-less products ``s[k] * x[k]`` over ``x``, an even number of words."""


@kernel
def _small_product(y: Words, s: Words, x: Words) -> None:
    """Row by row; the low half of a row's next product completes its own."""
    low, high = _row(s, x)
    for i in range(x.size):
        next_low, next_high = _row(s[i + 1 :], x)
        y[i] ^= (low >> _LAST) ^ (high << _ONE) ^ (next_low << _ONE)
        low, high = next_low, next_high


@kernel
def hankel_product(y: Words, s: Words, x: Words, splits: int, scratch: Words) -> None:
    """``y ^= H(s) x`` for w words ``y`` and ``x``, 2w + 1 words ``s``, w halved ``splits`` times to even numbers.

    ``x`` has its bits reversed within each word. ``scratch`` holds 4w words.
    """
    if splits == 0:
        _small_product(y, s, x)
        return
    half = x.size >> 1
    sums, product, rest = scratch[: 2 * half + 1], scratch[2 * half + 1 : 3 * half + 1], scratch[3 * half + 1 :]
    for i in range(half):
        product[i] = 0
        sums[i] = x[i] ^ x[half + i]
    hankel_product(product, s[half:], sums[:half], splits - 1, rest)
    for i in range(half):
        y[i] ^= product[i]
        y[half + i] ^= product[i]
    for part in range(2):
        # a row's last product reads one word more, of which no bit counts
        for i in range(2 * half):
            sums[i] = s[part * half + i] ^ s[(part + 1) * half + i]
        sums[2 * half] = 0
        hankel_product(y[part * half : (part + 1) * half], sums, x[part * half : (part + 1) * half], splits - 1, rest)
