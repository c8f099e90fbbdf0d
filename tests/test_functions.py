"""What the rules say of torch's functions is what torch makes: shapes, dtypes, order in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from cnnguide.functions import (
    BOOKKEEPING,
    CONVERSIONS,
    NEED_DATA,
    RULES,
    VIEWS,
    on_meta,
    stand_in,
    tensors_in,
)

LENGTHS = st.integers(1, 5)


def tensor(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.ones(shape, dtype=dtype)


@st.composite
def shaped(draw: st.DrawFn, least: int = 1, most: int = 4) -> Tensor:
    """Draw a tensor, now and then one whose axes are in another order in memory."""
    shape = draw(st.lists(LENGTHS, min_size=least, max_size=most))
    made = tensor(*shape)
    return made.permute(draw(st.permutations(range(len(shape)))))


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or the error that it raises."""
    try:
        return call()
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        return error


def agrees(function: Callable[..., Any], *args: Any, ordered: bool = True, **options: Any) -> None:
    """Compare a rule with torch: both refuse, or both make the same, if the rule answers at all."""
    expected = outcome(lambda: function(*args, **options))
    result = outcome(lambda: RULES[function](*on_meta(args), **on_meta(options)))
    if result is None:  # torch is asked
        return
    assert isinstance(result, Exception) == isinstance(expected, Exception), (result, expected)
    if isinstance(result, Exception):
        return
    wanted, made = list(tensors_in(expected)), list(tensors_in(result.output))
    assert [tuple(one.shape) for one in made] == [tuple(one.shape) for one in wanted]
    assert [one.dtype for one in made] == [one.dtype for one in wanted]
    if ordered:
        assert [one.is_contiguous() for one in made] == [one.is_contiguous() for one in wanted]
    assert all(one.is_meta for one in made)


UNARY = [
    *(torch.abs, torch.exp, torch.relu, functional.gelu, functional.silu, Tensor.sigmoid),
    *(functional.relu, functional.leaky_relu, functional.hardswish, torch.neg, Tensor.sqrt),
    *(functional.softplus, functional.mish, functional.elu, functional.dropout, Tensor.square),
]
BINARY = [
    *(torch.add, torch.sub, torch.mul, torch.div, Tensor.pow, torch.maximum, torch.minimum),
    *(torch.eq, torch.lt, Tensor.ge, Tensor.__rsub__),
]


@settings(deadline=None)  # first calls load code
@given(shaped(), st.sampled_from(UNARY), st.sampled_from([torch.float32, torch.float64]))
def test_number_by_number(x, function, dtype):
    agrees(function, x.to(dtype))


@settings(deadline=None)  # first calls load code
@given(shaped(), shaped(), st.sampled_from(BINARY), st.booleans())
def test_two_tensors_broadcast(x, y, function, other_type):
    agrees(function, x, y.to(torch.int64) if other_type else y)


@pytest.mark.parametrize(
    ("shape", "strides", "other"),
    [
        ((2, 1, 1), (1, 2, 2), (1, 3)),
        ((1, 1, 1, 3), (1, 3, 1, 1), (2, 3)),
        ((1, 3, 1), (1, 1, 1), (3, 1, 1)),
    ],
)
def test_axes_of_length_1_have_strides_that_count(shape, strides, other):
    agrees(torch.add, torch.ones(shape).as_strided(shape, strides), tensor(*other))


@settings(deadline=None)  # first calls load code
@given(shaped(), st.sampled_from(BINARY))
def test_a_tensor_and_a_number(x, function):
    if function not in (torch.maximum, torch.minimum):  # these take tensors only
        agrees(function, x, 2.0)


@settings(deadline=None)  # first calls load code
@given(shaped(), st.integers(-5, 5), st.booleans(), st.data())
def test_reductions(x, dim, keepdim, data):
    function = data.draw(st.sampled_from([torch.mean, torch.sum, torch.amax, Tensor.mean]))
    agrees(function, x, dim, keepdim=keepdim)
    agrees(function, x)
    dims = data.draw(st.lists(st.integers(-x.dim(), x.dim() - 1), unique_by=lambda d: d % x.dim()))
    agrees(function, x, dims, keepdim)
    agrees(data.draw(st.sampled_from([torch.max, torch.argmax, torch.logsumexp])), x, dim)
    agrees(torch.softmax, x, dim)
    agrees(functional.log_softmax, x, dim)


@settings(deadline=None)  # first calls load code
@given(shaped(), st.data())
def test_views(x, data):
    dims = st.integers(-5, 5)
    agrees(Tensor.flatten, x, data.draw(dims), data.draw(dims))
    agrees(Tensor.transpose, x, data.draw(dims), data.draw(dims))
    agrees(torch.movedim, x, data.draw(dims), data.draw(dims))
    agrees(Tensor.permute, x, data.draw(st.permutations(range(x.dim()))))
    agrees(Tensor.unsqueeze, x, data.draw(dims))
    agrees(Tensor.squeeze, x, data.draw(dims))
    agrees(Tensor.squeeze, x)
    agrees(Tensor.reshape, x, data.draw(st.sampled_from([(-1,), (-1, 2), (2, -1), (1, -1, 1)])))
    agrees(Tensor.view, x, -1)
    agrees(Tensor.expand, x, *(3,) * data.draw(st.integers(1, 5)))
    agrees(Tensor.chunk, x, data.draw(st.integers(1, 4)), data.draw(dims))
    agrees(Tensor.split, x, data.draw(st.integers(1, 4)), data.draw(dims))
    agrees(torch.split, x, data.draw(st.integers(1, 4)), dim=data.draw(dims))
    agrees(Tensor.unbind, x, data.draw(dims))
    agrees(Tensor.select, x, data.draw(dims), data.draw(dims))
    agrees(Tensor.narrow, x, data.draw(dims), data.draw(dims), data.draw(st.integers(0, 3)))
    agrees(torch.flip, x, [data.draw(dims)])
    agrees(Tensor.repeat, x, *(2,) * data.draw(st.integers(0, 5)))


INDEX = st.one_of(
    st.integers(-4, 4),
    st.slices(4).filter(lambda one: one.step is None or one.step > 0),
    st.none(),
    st.just(Ellipsis),
    st.lists(st.integers(-1, 0), min_size=1, max_size=2),
)


def disagree_on_order(x: Tensor, index: Any) -> bool:
    """Return whether torch itself has another order in memory on meta than on a CPU."""
    orders = {outcome(lambda one=one: one[index].is_contiguous()) for one in (x, on_meta(x))}
    return orders == {True, False}


@settings(deadline=None)  # first calls load code
@given(shaped(), st.lists(INDEX, max_size=4))
def test_indexing(x, index):
    if index.count(Ellipsis) < 2:  # two are an error of their own, found by torch
        for given_index in (tuple(index), *(index if len(index) == 1 else ())):
            differ = disagree_on_order(x, given_index)
            if differ:  # with a list, where an axis of length 1 leaves the order open
                assert any(isinstance(one, list) for one in index)
                assert 1 in (*x.shape, *x[given_index].shape)
            agrees(Tensor.__getitem__, x, given_index, ordered=not differ)


@settings(deadline=None)  # first calls load code
@given(st.lists(shaped(2, 3), min_size=1, max_size=3), st.integers(-4, 4))
def test_joining(tensors, dim):
    agrees(torch.cat, tensors, dim)
    agrees(torch.stack, tensors, dim)


@settings(deadline=None)  # first calls load code
@given(shaped(), shaped())
def test_products(x, y):
    agrees(torch.matmul, x, y)
    agrees(functional.linear, x, y)
    agrees(torch.bmm, x, y)
    agrees(torch.mm, x, y)
    agrees(torch.addmm, x, x, y)
    agrees(torch.baddbmm, x, x, y)


@settings(deadline=None)  # first calls load code
@given(
    st.sampled_from(
        [
            *("ij,jk->ik", "bij,bjk->bik", "ij,ij->", "ij,ij->ij", "i,j->ij", "bhid,bhjd->bhij"),
            *("ij,jk", "ij,k->jk", "nchw,oc->nohw", "ii,ij->j", "b...i,ij->b...j", "ij,jk,kl->il"),
        ]
    ),
    st.dictionaries(st.sampled_from("bhijkdncowl"), LENGTHS),
    st.booleans(),
)
def test_einsum(equation, sizes, one):
    terms = equation.partition("->")[0].split(",")
    operands = [tensor(*(sizes.get(label, 2) for label in term if label != ".")) for term in terms]
    if one:
        operands[0] = operands[0][..., :1]
    agrees(torch.einsum, equation, *operands)


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_windows(data):
    axes = data.draw(st.integers(1, 3))
    size = data.draw(st.lists(st.integers(1, 9), min_size=axes, max_size=axes))
    batch = data.draw(st.sampled_from([(), (2,)]))
    # in float32, torch lets some empty outputs of transposed convolutions through
    x = tensor(*batch, 4, *size, dtype=torch.float64)
    kernel, stride = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    padding, dilation = data.draw(st.integers(0, 2)), data.draw(st.integers(1, 2))
    groups = data.draw(st.sampled_from([1, 2, 4]))
    conv = getattr(functional, f"conv{axes}d")
    weight = tensor(8, 4 // groups, *(kernel,) * axes, dtype=x.dtype)
    agrees(conv, x, weight, None, stride, padding, dilation, groups)
    if kernel % 2:  # torch warns of the others
        agrees(conv, x, weight, stride=stride, padding="same", groups=groups)
    transposed = getattr(functional, f"conv_transpose{axes}d")
    weight = tensor(4, 3, *(kernel,) * axes, dtype=x.dtype)
    agrees(transposed, x, weight, None, stride, padding, data.draw(st.integers(0, 2)), groups)
    ceil = data.draw(st.booleans())
    agrees(getattr(functional, f"max_pool{axes}d"), x, kernel, stride, padding, dilation, ceil)
    agrees(getattr(functional, f"avg_pool{axes}d"), x, kernel, stride, padding, ceil)
    agrees(getattr(functional, f"adaptive_avg_pool{axes}d"), x, kernel)
    agrees(functional.interpolate, x, scale_factor=data.draw(st.sampled_from([2, 0.5, 1.7])))
    agrees(functional.pad, x, (padding, kernel))


@settings(deadline=None)  # first calls load code
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_attention(heads, queries, keys, width):
    query, key = tensor(2, heads, queries, width), tensor(2, heads, keys, width)
    agrees(functional.scaled_dot_product_attention, query, key, key)
    agrees(functional.scaled_dot_product_attention, query, key, key, is_causal=queries == keys)


@settings(deadline=None)  # first calls load code
@given(st.integers(1, 4), st.integers(1, 4))
def test_normalization(channels, groups):
    x, ones = tensor(2, 4, 5), tensor(channels)
    agrees(functional.batch_norm, x, ones, ones)
    agrees(functional.batch_norm, x, None, None, training=True)
    agrees(functional.group_norm, x, groups)
    agrees(functional.layer_norm, x, (channels,))
    agrees(functional.instance_norm, x)
    agrees(functional.prelu, x, ones)
    agrees(functional.glu, x, 1)
    agrees(functional.embedding, torch.zeros(3, 2, dtype=torch.int64), tensor(channels, groups))
    agrees(functional.pixel_shuffle, tensor(1, channels * groups, 3, 3), groups)


def test_a_function_stands_in_one_table_only():
    tables = [set(RULES), set(CONVERSIONS), BOOKKEEPING, NEED_DATA]
    for place, table in enumerate(tables):
        for other in tables[place + 1 :]:
            assert not table & other
    assert set(RULES) | set(CONVERSIONS) | {Tensor.unfold, torch.diagonal, Tensor.diagonal} >= VIEWS


def test_a_stand_in_takes_no_memory():
    large = stand_in((1 << 20, 1 << 20), torch.float64, None)
    assert large.is_meta
    assert large.numel() == 1 << 40
