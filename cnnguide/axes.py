"""What the axes of a tensor are: which are channels, which are positions, and what those see.

A trace hangs an `Axes` on each tensor. Every operation leads it on: a window widens the
fields, a permutation moves the axes, a matrix product mixes all that lies along one axis.
Where an axis can't be followed any further, the reason stands in `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import repeat
from math import prod
from typing import NamedTuple

from cnnguide.language import message
from cnnguide.receptive import ReceptiveField, Scatter, Step, Window

__all__ = ["Axes", "Shape", "join", "lost"]

Shape = tuple[int, ...]
_PRISTINE = ReceptiveField()


class Axes(NamedTuple):
    """What is known of one tensor's axes.

    There are no fields until the first windowed operation, a convolution or a pooling: what it
    reads is the grid on which they are measured.
    """

    source: int
    """Which of the model's inputs it comes from."""
    channel: int | None = None
    """The axis of the channels; None where that is not known."""
    fields: tuple[ReceptiveField, ...] = ()
    """What one position sees, for each axis of the grid."""
    dims: tuple[int | None, ...] = ()
    """Which axis of the tensor moves along each axis of the grid; None where none does."""
    grid: Shape = ()
    """Positions of the grid along each of its axes."""
    lengths: Shape = ()
    """Positions that the feature map last had along each axis of the grid."""
    scattered: bool = False
    """Whether an axis of the tensor stands for several axes of the grid, as after flattening."""
    unknown: str = ""
    """Why the fields are not known; empty where they are."""

    def windowed(self, shape: Shape, output: Shape, axes: int, step: Step, mixes: bool) -> Axes:
        """Return the axes behind a window that slides over the last axes.

        Parameters
        ----------
        shape, output : tuple of int
            Shapes before and after.
        axes : int
            Over how many axes the window slides.
        step : Step
            What it does along each.
        mixes : bool
            Whether it sums over the channels, the axis in front of these.

        Returns
        -------
        Axes
            The output's axes.
        """
        rank = len(shape)
        last = _last(rank, axes)
        channel = rank - axes - 1
        if self.unknown:
            return self._replace(channel=channel)
        if not self.fields:
            fields, grid = (_PRISTINE,) * axes, shape[rank - axes :]
            return Axes(self.source, channel, step(fields), last, grid, output[rank - axes :])
        if self.dims == last and not self.scattered:
            return Axes(
                self.source, channel, step(self.fields), last, self.grid, output[rank - axes :]
            )
        met = self.mixed(channel) if mixes and channel >= 0 else self
        if len(met.fields) < axes:
            met = met._with_missing(last, shape)
        if met.scattered and any(dim in last for dim in met.dims):
            why = message("the window slides over axes that were merged before")
            return met.lost(why)._replace(channel=channel)
        along = [met.dims.index(dim) if dim in met.dims else None for dim in last]
        stepped = step(tuple(_PRISTINE if at is None else met.fields[at] for at in along))
        fields_now, lengths = list(met.fields), list(met.lengths)
        for at, dim, field in zip(along, last, stepped, strict=True):
            if at is not None:
                fields_now[at], lengths[at] = field, output[dim]
        return met._replace(channel=channel, fields=tuple(fields_now), lengths=tuple(lengths))

    def mixed(self, dim: int) -> Axes:
        """Return the axes behind an operation that lets all along one axis meet.

        Parameters
        ----------
        dim : int
            The axis, from the front.

        Returns
        -------
        Axes
            All that this axis stood for is seen by every position.
        """
        if dim not in self.dims:
            return self
        return self._replace(
            fields=tuple(
                field.whole(length) if at == dim else field
                for field, at, length in zip(self.fields, self.dims, self.lengths, strict=True)
            ),
            dims=tuple(None if at == dim else at for at in self.dims),
        )._settled()

    def moved(self, places: Sequence[int | None]) -> Axes:
        """Return the axes behind a permutation, or where axes are put in or taken out.

        Parameters
        ----------
        places : sequence of int or None
            Where each axis goes; None for one of length 1 that goes.

        Returns
        -------
        Axes
            The same in other places.
        """
        gone = [dim for dim, place in enumerate(places) if place is None]
        met = self
        for dim in gone:
            met = met.mixed(dim)
        return met._replace(
            channel=None if met.channel is None else places[met.channel],
            dims=tuple(None if dim is None else places[dim] for dim in met.dims),
        )

    def reduced(self, dims: Iterable[int], rank: int, keep: bool) -> Axes:
        """Return the axes behind a sum, a mean or a maximum over some axes.

        Parameters
        ----------
        dims : iterable of int
            The axes, from the front.
        rank : int
            How many axes there are.
        keep : bool
            Whether they stay, with length 1.

        Returns
        -------
        Axes
            The output's axes.
        """
        met = self
        over = set(dims)
        for dim in over:
            met = met.mixed(dim)
        if met.channel in over:
            met = met._replace(channel=None)
        if keep:
            return met
        kept = [dim for dim in range(rank) if dim not in over]
        return met.moved([kept.index(dim) if dim in kept else None for dim in range(rank)])

    def reshaped(self, before: Shape, after: Shape) -> Axes:
        """Return the axes behind a view or a reshape.

        Parameters
        ----------
        before, after : tuple of int
            The shapes.

        Returns
        -------
        Axes
            Axes that stay whole are followed; merged ones are `scattered`; a merged
            one that is parted as it was before is itself again.
        """
        places: list[int | None] = [None] * len(before)
        parted: dict[int, int] = {}  # axes of the grid that have one of their own again
        met, scattered, why = self, False, ""
        for old, new in _groups(before, after):
            here = [at for at, dim in enumerate(met.dims) if dim in old]
            others = [dim for dim in old if dim not in met.dims and dim != met.channel]
            if here and len(old) > 1 and others:
                why = message("a spatial axis was merged with another one")
            if len(new) == 1:
                for dim in old:
                    places[dim] = new[0]
                scattered |= bool(here) and len(old) > 1
                if met.channel in old and len(old) > 1:
                    met = met._replace(channel=None)
            elif [met.lengths[at] for at in here] == [after[dim] for dim in new] and len(old) == 1:
                places[old[0]] = new[0]
                parted = dict(zip(here, new, strict=True))
            else:
                if here:
                    why = why or message("its spatial axes were cut up by a reshape")
                if met.channel in old:
                    met = met._replace(channel=None)
        if why:
            return met.lost(why).moved(places)
        scattered |= met.scattered and not parted
        met = met.moved(places)
        dims = tuple(parted.get(at, dim) for at, dim in enumerate(met.dims))
        return met._replace(dims=dims, scattered=scattered)._settled()

    def sliced(self, dim: int, start: int, step: int, length: int) -> Axes:
        """Return the axes behind ``x[..., start::step, ...]`` along one axis.

        Parameters
        ----------
        dim : int
            The axis, from the front.
        start, step : int
            The first index, and the step between indices.
        length : int
            How many are taken.

        Returns
        -------
        Axes
            The output's axes.
        """
        if not self.walks(dim):
            return self
        if self.scattered:
            return self.lost(message("a part of its merged axes was taken"))
        at = self.dims.index(dim)
        fields, lengths = list(self.fields), list(self.lengths)
        fields[at] = fields[at].window(1, step, -start)
        lengths[at] = length
        return self._replace(fields=tuple(fields), lengths=tuple(lengths))

    def padded(self, shape: Shape, padding: Shape) -> Axes:
        """Return the axes behind a padding, of whichever axes.

        Parameters
        ----------
        shape : tuple of int
            The shape before.
        padding : tuple of int
            Pixels before and after, in pairs, the last axis first; negative ones cut.

        Returns
        -------
        Axes
            The output's axes: only what moves over the grid is shifted, channels are not.
        """
        pairs = zip(padding[::2], padding[1::2], strict=True)
        met = self
        for dim, (before, after) in zip(reversed(range(len(shape))), pairs, strict=False):
            if (before or after) and dim in met.dims and met.scattered:
                return met.lost(message("its merged axes were padded"))
            if before or after:
                met = met.sliced(dim, -before, 1, shape[dim] + before + after)
        return met

    def unfolded(self, shape: Shape, window: Window) -> Axes:
        """Return the axes behind an unfold: windows as channels, their places in one row.

        Parameters
        ----------
        shape : tuple of int
            The shape before, (N, C, H, W) or without N.
        window : Window
            Which windows.

        Returns
        -------
        Axes
            The output's axes.
        """
        apart = *shape[:-2], *_places(shape[-2:], window)
        met = self.windowed(shape, apart, 2, window, mixes=False)
        return met.reshaped(apart, (*shape[:-2], prod(apart[-2:])))

    def folded(self, shape: Shape, output: Shape, scatter: Scatter) -> Axes:
        """Return the axes behind a fold: windows in a row, added up where they overlap.

        Parameters
        ----------
        shape, output : tuple of int
            The shapes before and after.
        scatter : Scatter
            Which windows.

        Returns
        -------
        Axes
            The output's axes.
        """
        apart = *shape[:-1], *_places(output[-2:], scatter)
        return self.reshaped(shape, apart).windowed(apart, output, 2, scatter, mixes=False)

    def walks(self, dim: int) -> bool:
        """Return whether fields move along an axis.

        Parameters
        ----------
        dim : int
            The axis, from the front.

        Returns
        -------
        bool
            Not along channels, nor where every position sees the same.
        """
        return any(
            field.advance for field, at in zip(self.fields, self.dims, strict=True) if at == dim
        )

    def lost(self, why: str) -> Axes:
        """Return the axes where the fields can't be followed.

        Parameters
        ----------
        why : str
            The reason, in the current language.

        Returns
        -------
        Axes
            No fields, but the reason; or the same, where there were no fields to lose.
        """
        if self.unknown or not self.fields:
            return self
        return Axes(self.source, self.channel, grid=self.grid, unknown=why)

    def _settled(self) -> Axes:
        """Return the same, not scattered where nothing is any longer."""
        walking = [dim for dim in self.dims if dim is not None]
        return self if walking or not self.scattered else self._replace(scattered=False)

    def _with_missing(self, last: Shape, shape: Shape) -> Axes:
        """Return the same with axes of the grid that no window had touched before."""
        every: list[tuple[int | None, ReceptiveField, int, int]] = [
            *zip(self.dims, self.fields, self.grid, self.lengths, strict=True),
            *((dim, _PRISTINE, shape[dim], shape[dim]) for dim in last if dim not in self.dims),
        ]
        every.sort(key=lambda axis: -1 if axis[0] is None else axis[0])
        dims, fields, grid, lengths = zip(*every, strict=True)
        return self._replace(dims=dims, fields=fields, grid=grid, lengths=lengths)


def lost(why: str, *marks: Axes | None) -> Axes | None:
    """Return the axes of what was made from these by an operation that nobody can follow.

    Parameters
    ----------
    why : str
        The reason, in the current language.
    *marks : Axes or None
        What went in; None for what does not come from the model's input.

    Returns
    -------
    Axes or None
        None where nothing of it comes from the input.
    """
    known = [mark for mark in marks if mark is not None]
    if not known:
        return None
    most = max(known, key=lambda mark: bool(mark.fields or mark.unknown))
    return most.lost(why)._replace(channel=None)


def join(parts: Sequence[tuple[Axes | None, Shape]], rank: int) -> Axes | None:
    """Return the axes of a sum, a product or a concatenation of tensors.

    Parameters
    ----------
    parts : sequence of (Axes or None, tuple of int)
        Each tensor's axes and shape, to be broadcast against each other; None for one that
        does not come from the model's input.
    rank : int
        How many axes the output has.

    Returns
    -------
    Axes or None
        The output's axes; None where nothing of it comes from the input.
    """
    marks = [
        (_shifted(mark, rank - len(shape)), (1,) * (rank - len(shape)) + shape)
        for mark, shape in parts
        if mark is not None
    ]
    if not marks:
        return None
    first = marks[0][0]
    if all(mark is first or mark == first for mark, _ in marks):
        return first
    channels = {mark.channel for mark, _ in marks if mark.channel is not None}
    leader = max(
        (mark for mark, _ in marks), key=lambda mark: (bool(mark.unknown), len(mark.fields))
    )
    if leader.fields:
        leader = _joined(leader, marks)
    return leader._replace(channel=channels.pop() if len(channels) == 1 else None)


def _joined(leader: Axes, marks: Sequence[tuple[Axes, Shape]]) -> Axes:
    """Return the axes of several tensors, of which the leader has fields."""
    fresh = (_PRISTINE,) * len(leader.fields)
    seeing = []
    for mark, shape in marks:
        if mark.fields:
            seeing.append((mark, shape))
        elif _lies_on(shape, leader):  # the input itself, or an image beside it
            grid = leader.grid
            seeing.append(
                (mark._replace(fields=fresh, dims=leader.dims, grid=grid, lengths=grid), shape)
            )
        elif mark.source == leader.source and not _sees_all(leader):
            return leader.lost(message("it meets the input in another size"))
    if any(mark.grid != leader.grid for mark, _ in seeing):
        return leader.lost(message("two inputs meet, which have no common grid"))
    along = [
        _union(
            [
                (mark.fields[axis], mark.dims[axis], mark.lengths[axis], shape)
                for mark, shape in seeing
            ]
        )
        for axis in range(len(leader.fields))
    ]
    known = [found for found in along if found is not None]
    if len(known) < len(along):
        return leader.lost(message("its branches move over the input at different speeds"))
    fields, dims, lengths = zip(*known, strict=True)
    scattered = any(mark.scattered for mark, _ in seeing)
    return Axes(leader.source, None, fields, dims, leader.grid, lengths, scattered)._settled()


def _lies_on(shape: Shape, leader: Axes) -> bool:
    """Return whether a tensor has the positions of the grid, where the leader has its own."""
    return all(
        dim is not None and shape[dim] == size
        for dim, size in zip(leader.dims, leader.grid, strict=True)
    )


def _sees_all(leader: Axes) -> bool:
    """Return whether every position sees the whole grid."""
    return all(
        not field.advance and first is not None and first <= 0 and last is not None and last >= end
        for field, size in zip(leader.fields, leader.grid, strict=True)
        for first, last, end in zip(field.low, field.high, repeat(size - 1))
    )


def _union(
    branches: Sequence[tuple[ReceptiveField, int | None, int, Shape]],
) -> tuple[ReceptiveField, int | None, int] | None:
    """Return field, axis and length of several branches along one axis of the grid."""
    walking = {
        dim
        for field, dim, _, shape in branches
        if dim is not None and shape[dim] > 1 and field.advance
    }
    dim = walking.pop() if len(walking) == 1 else None
    length = max(length for _, at, length, _ in branches if dim is None or at == dim)
    total = None
    for field, at, own, shape in branches:
        walks = dim is not None and at == dim and shape[dim] > 1
        here = field if walks or not field.advance else field.whole(own)
        total = here if total is None else total.union(here, length)
        if total is None:
            return None
    if dim is None:
        stays = [at for _, at, _, _ in branches if at is not None]
        dim = stays[0] if stays and not walking else None
    return (total, dim, length) if total else None


def _shifted(mark: Axes, by: int) -> Axes:
    if not by:
        return mark
    return mark._replace(
        channel=None if mark.channel is None else mark.channel + by,
        dims=tuple(None if dim is None else dim + by for dim in mark.dims),
    )


def _places(sizes: Shape, window: Window | Scatter) -> Shape:
    """Return how many windows lie along each axis of an image."""
    return tuple(
        (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        for size, kernel, stride, padding, dilation in zip(sizes, *window, strict=True)
    )


@cache
def _last(rank: int, axes: int) -> Shape:
    return tuple(range(rank - axes, rank))


def _groups(before: Shape, after: Shape) -> list[tuple[list[int], list[int]]]:
    """Return which axes of one shape hold the same numbers as which of another.

    Axes of length 1 belong to nothing.
    """
    old = [dim for dim, size in enumerate(before) if size != 1]
    new = [dim for dim, size in enumerate(after) if size != 1]
    groups: list[tuple[list[int], list[int]]] = []
    while old and new:
        olds, news = [old.pop(0)], [new.pop(0)]
        left, right = before[olds[0]], after[news[0]]
        while left != right:
            if left < right and old:
                olds.append(old.pop(0))
                left *= before[olds[-1]]
            elif new:
                news.append(new.pop(0))
                right *= after[news[-1]]
            else:
                break
        groups.append((olds, news))
    return groups
