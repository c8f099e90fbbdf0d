"""Receptive fields: which part of the input one position of a feature map sees.

Along one axis the field of position 0, 1, 2 … moves on evenly, or, behind a
transposed convolution or an interpolation, in a pattern that repeats. Either is
kept exactly, on a grid without borders: where a field reaches into the padding
it counts the pixels that would be there. A field goes from its first pixel to
its last; a dilated kernel skips some between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, gcd, inf, lcm
from typing import NamedTuple

from cnnguide.arguments import value_error, whole_number

__all__ = ["ReceptiveField", "Resize", "Scatter", "Step", "Window"]

_MODES = ("nearest", "nearest-exact", "linear", "cubic", "area")
_LONGEST_PERIOD = 4096  # positions: after those a scale of three digits has repeated


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """What of the input the positions of one axis see.

    A new one is the input itself: each position sees its own pixel.

    References
    ----------
    A. Araujo, W. Norris and J. Sim, "Computing receptive fields of convolutional
    neural networks", Distill, 2019,
    `doi:10.23915/distill.00021 <https://doi.org/10.23915/distill.00021>`_.

    Examples
    --------
    >>> from cnnguide.receptive import ReceptiveField
    >>> seen = ReceptiveField().window(kernel_size=3, padding=1).window(kernel_size=2, stride=2)
    >>> seen.size, seen.stride, seen.start
    (4, 2, -1)
    """

    low: tuple[int | None, ...] = (0,)
    """First pixel seen by positions 0, 1, … of one period; None where a position sees nothing."""
    high: tuple[int | None, ...] = (0,)
    """Last pixel seen by the same positions."""
    advance: int = 1
    """How many pixels further the next period lies, at least 0."""

    @property
    def size(self) -> int:
        """How many pixels wide the field is, at its widest position; 0 if all see nothing."""
        return max(
            (
                last - first + 1
                for first, last in zip(self.low, self.high, strict=True)
                if first is not None and last is not None
            ),
            default=0,
        )

    @property
    def stride(self) -> int | Fraction:
        """How many pixels the field moves from one position to the next, on average.

        It is below 1 where a transposed convolution or an interpolation has made the map larger
        than the input, and 0 where all positions see the same.
        """
        stride = Fraction(self.advance, len(self.low))
        return stride.numerator if stride.denominator == 1 else stride

    @property
    def start(self) -> int:
        """The first pixel that position 0 sees; negative where that is in the padding.

        Where position 0 sees nothing, it is that of the first position that does; 0 if none does.
        """
        return next((first for first in self.low if first is not None), 0)

    def at(self, position: int) -> tuple[int, int] | None:
        """Return the first and the last pixel that one position sees.

        Parameters
        ----------
        position : int
            The position along the axis; any whole number.

        Returns
        -------
        tuple of int or None
            First and last pixel; None where the position sees nothing.

        Raises
        ------
        TypeError
            If `position` is no whole number.

        Examples
        --------
        >>> from cnnguide.receptive import ReceptiveField
        >>> ReceptiveField().window(kernel_size=3, stride=2).at(5)
        (10, 12)
        """
        return self._at(whole_number("position", position, minimum=None))

    def window(
        self, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
    ) -> ReceptiveField:
        """Return the field behind a convolution or a pooling.

        Parameters
        ----------
        kernel_size : int
            Taps of the kernel, at least 1.
        stride : int
            Pixels from one window to the next, at least 1.
        padding : int
            Pixels added before the first one; below 0 if some are cut off there.
        dilation : int
            Pixels from one tap to the next, at least 1.

        Returns
        -------
        ReceptiveField
            What the positions of the output see.

        Raises
        ------
        TypeError
            If an argument is no whole number.
        ValueError
            If one is below its least.

        See Also
        --------
        scatter : The same for a transposed convolution.
        """
        kernel_size, stride, padding, dilation = _checked(kernel_size, stride, padding, dilation)
        period = len(self.low)
        if period == 1 and self.low[0] is not None and self.high[0] is not None:
            step = self.advance
            return ReceptiveField(
                (self.low[0] - padding * step,),
                (self.high[0] + (dilation * (kernel_size - 1) - padding) * step,),
                step * stride,
            )
        outputs = period // gcd(period, stride)
        taps = range(0, dilation * kernel_size, dilation)
        return self._joined(
            [[position * stride - padding + tap for tap in taps] for position in range(outputs)],
            self.advance * (outputs * stride // period),
        )

    def scatter(
        self, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
    ) -> ReceptiveField:
        """Return the field behind a transposed convolution.

        Input position i reaches the output positions i · stride − padding + tap · dilation;
        read backwards, that says what an output position sees.

        Parameters
        ----------
        kernel_size : int
            Taps of the kernel, at least 1.
        stride : int
            Output pixels from one input position's reach to the next's, at least 1.
        padding : int
            Output pixels cut off at the front; below 0 if some are added there.
        dilation : int
            Output pixels from one tap to the next, at least 1.

        Returns
        -------
        ReceptiveField
            What the positions of the output see.

        Raises
        ------
        TypeError
            If an argument is no whole number.
        ValueError
            If one is below its least.

        See Also
        --------
        window : The same for a convolution.
        """
        kernel_size, stride, padding, dilation = _checked(kernel_size, stride, padding, dilation)
        taps = range(0, dilation * kernel_size, dilation)
        reached_from = [
            [
                (position + padding - tap) // stride
                for tap in taps
                if not (position + padding - tap) % stride
            ]
            for position in range(len(self.low) * stride)
        ]
        return self._joined(reached_from, self.advance)

    def resize(
        self,
        input_size: int,
        output_size: int,
        mode: str,
        align_corners: bool = False,
        scale: float | None = None,
    ) -> ReceptiveField:
        """Return the field behind an interpolation or an adaptive pooling.

        Parameters
        ----------
        input_size, output_size : int
            Positions before and after, at least 1.
        mode : str
            ``"nearest"``, ``"nearest-exact"``, ``"linear"``, ``"cubic"`` or ``"area"``, which
            is adaptive pooling.
        align_corners : bool
            Whether first and last positions lie on each other, for linear and cubic.
        scale : float, optional
            Output positions per input position, above 0, where they are not
            `output_size` / `input_size`; taken as the nearest fraction with a denominator up
            to a million.

        Returns
        -------
        ReceptiveField
            What the positions of the output see. A pooling to one position is global: its field
            does not move.

        Raises
        ------
        TypeError
            If a size is no whole number.
        ValueError
            If a size or `scale` is too small, or `mode` is none of these.

        See Also
        --------
        window : The field behind a window that is the same everywhere.

        Notes
        -----
        Coordinates are exact fractions here, and rounded in torch. Where one is a whole number,
        torch's nearest pixel may be the one before, which depends on dtype, number of axes and
        memory format; and a linear neighbour, not seen here, may weigh in with 1e-16.

        A pattern that repeats only after more positions than 4096 and than the axis has is cut
        there: `stride` is then the nearest fraction.

        References
        ----------
        `torch.nn.functional.interpolate
        <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html>`_,
        `torch.nn.AdaptiveAvgPool1d
        <https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool1d.html>`_.
        """
        before = whole_number("input_size", input_size)
        after = whole_number("output_size", output_size)
        if mode not in _MODES:
            raise value_error(
                "mode is {mode!r}: choose one of {choices}", mode=mode, choices=_MODES
            )
        if scale is not None and not 0 < scale < inf:
            raise value_error("scale is {scale}: it must be above 0, and finite", scale=scale)
        if mode == "area" and after == 1:
            return self.whole(before)
        aligned = align_corners and mode in ("linear", "cubic")
        if aligned:
            ratio = Fraction(before - 1, max(after - 1, 1))
        elif scale is None or mode == "area" or (mode == "linear" and after == before):
            ratio = Fraction(before, after)  # torch's linear modes copy what keeps its size
        else:
            ratio = 1 / (Fraction(scale).limit_denominator(1_000_000) or Fraction(scale))
        period = len(self.low)
        outputs = ratio.denominator * (period // gcd(period, ratio.numerator))  # until it repeats
        speed = ratio * self.advance / period
        longest = max(after, _LONGEST_PERIOD)
        if outputs > longest:  # all positions of the axis, and a speed that is nearly right
            speed = speed.limit_denominator(longest)
            outputs = speed.denominator * ceil(longest / speed.denominator)
        seen = [_sources(position, ratio, mode, aligned) for position in range(outputs)]
        return self._joined(seen, int(speed * outputs))

    def whole(self, positions: int) -> ReceptiveField:
        """Return the field of what sees all positions at once, as a global pooling does.

        Parameters
        ----------
        positions : int
            How many positions the axis has, at least 1.

        Returns
        -------
        ReceptiveField
            A field that does not move: its stride is 0.

        Raises
        ------
        TypeError
            If `positions` is no whole number.
        ValueError
            If `positions` is below 1.

        See Also
        --------
        window : The field behind a window.
        """
        count = whole_number("positions", positions)
        # the pattern only moves on: the ends of the first and the last period hold all
        ends = {*range(min(count, len(self.low))), *range(max(count - len(self.low), 0), count)}
        return self._joined([ends], 0)

    def union(self, other: ReceptiveField, positions: int) -> ReceptiveField | None:
        """Return the field of what sees two branches, as a sum or a concatenation does.

        Parameters
        ----------
        other : ReceptiveField
            The other branch's field.
        positions : int
            How many positions the axis has, at least 1.

        Returns
        -------
        ReceptiveField or None
            What the positions see of both; where one of the two does not move, what all
            positions see together. None where both move, at different speeds, and there are
            several positions: they have no common pattern.

        Raises
        ------
        TypeError
            If `positions` is no whole number.
        ValueError
            If `positions` is below 1.

        See Also
        --------
        whole : A field that does not move.
        """
        count = whole_number("positions", positions)
        if self == other:
            return self
        together = self.advance * len(other.low) == other.advance * len(self.low)
        if not self.advance or not other.advance or (count == 1 and not together):
            one, two = self.whole(count), other.whole(count)
        elif together:
            one, two = self, other
        else:
            return None
        period = lcm(len(one.low), len(two.low))
        pairs = [_hull([one._at(place), two._at(place)]) for place in range(period)]
        return _field(pairs, one.advance * (period // len(one.low)))

    def _at(self, position: int) -> tuple[int, int] | None:
        periods, phase = divmod(position, len(self.low))
        first, last = self.low[phase], self.high[phase]
        if first is None or last is None:
            return None
        return first + periods * self.advance, last + periods * self.advance

    def _joined(self, seen: Iterable[Iterable[int]], advance: int) -> ReceptiveField:
        """Return the field of outputs that each see several of these positions."""
        return _field([_hull(map(self._at, positions)) for positions in seen], advance)


class Window(NamedTuple):
    """A convolution or a pooling, as its output sees its input; one number an axis.

    See Also
    --------
    ReceptiveField.window : What it does along one axis.
    """

    kernel_size: tuple[int, ...]
    """Taps of the kernel."""
    stride: tuple[int, ...]
    """Pixels from one window to the next."""
    padding: tuple[int, ...]
    """Pixels added before the first one."""
    dilation: tuple[int, ...]
    """Pixels from one tap to the next."""

    def __call__(self, fields: tuple[ReceptiveField, ...]) -> tuple[ReceptiveField, ...]:
        return _each_axis(ReceptiveField.window, fields, list(zip(*self, strict=True)))


class Scatter(NamedTuple):
    """A transposed convolution, as its output sees its input; one number an axis.

    See Also
    --------
    ReceptiveField.scatter : What it does along one axis.
    """

    kernel_size: tuple[int, ...]
    """Taps of the kernel."""
    stride: tuple[int, ...]
    """Output pixels from one input position's reach to the next's."""
    padding: tuple[int, ...]
    """Output pixels cut off at the front."""
    dilation: tuple[int, ...]
    """Output pixels from one tap to the next."""

    def __call__(self, fields: tuple[ReceptiveField, ...]) -> tuple[ReceptiveField, ...]:
        return _each_axis(ReceptiveField.scatter, fields, list(zip(*self, strict=True)))


class Resize(NamedTuple):
    """An interpolation or an adaptive pooling, as its output sees its input.

    See Also
    --------
    ReceptiveField.resize : What it does along one axis.
    """

    input_size: tuple[int, ...]
    """Positions before, one number an axis."""
    output_size: tuple[int, ...]
    """Positions after."""
    mode: str
    """``"nearest"``, ``"nearest-exact"``, ``"linear"``, ``"cubic"`` or ``"area"``."""
    align_corners: bool = False
    """Whether first and last positions lie on each other."""
    scale: tuple[float, ...] | None = None
    """Output positions per input position, where they are not their quotient."""

    def __call__(self, fields: tuple[ReceptiveField, ...]) -> tuple[ReceptiveField, ...]:
        settings = []
        scales = self.scale or (None,) * len(fields)
        for before, after, scale in zip(self.input_size, self.output_size, scales, strict=True):
            # torch's nearest copies or doubles a map of two axes, whatever the scale
            exact = self.mode == "nearest" and len(fields) == 2 and after in (before, 2 * before)
            options = (self.mode, self.align_corners, None if exact else scale)
            settings.append((before, after, *options))
        return _each_axis(ReceptiveField.resize, fields, settings)


Step = Window | Scatter | Resize


def _each_axis(
    along: Callable[..., ReceptiveField],
    fields: tuple[ReceptiveField, ...],
    settings: Sequence[tuple[object, ...]],
) -> tuple[ReceptiveField, ...]:
    first = fields[0]
    if fields.count(first) == settings.count(settings[0]) == len(fields):
        return (along(first, *settings[0]),) * len(fields)  # a square: once serves all
    return tuple(along(field, *one) for field, one in zip(fields, settings, strict=True))


def _checked(
    kernel_size: int, stride: int, padding: int, dilation: int
) -> tuple[int, int, int, int]:
    return (
        whole_number("kernel_size", kernel_size),
        whole_number("stride", stride),
        whole_number("padding", padding, minimum=None),
        whole_number("dilation", dilation),
    )


def _field(pairs: Sequence[tuple[int, int] | None], advance: int) -> ReceptiveField:
    if not advance and len(set(pairs)) == 1:  # all positions see the same: one says it
        pairs = pairs[:1]
    return ReceptiveField(
        tuple(pair and pair[0] for pair in pairs),
        tuple(pair and pair[1] for pair in pairs),
        advance,
    )


def _hull(seen: Iterable[tuple[int, int] | None]) -> tuple[int, int] | None:
    found = [pair for pair in seen if pair is not None]
    if not found:
        return None
    return min(first for first, _ in found), max(last for _, last in found)


def _sources(position: int, ratio: Fraction, mode: str, aligned: bool) -> Iterable[int]:
    """Return the input positions that one position of a resized axis is made from."""
    over, under = ratio.numerator, ratio.denominator
    if mode == "area":
        return range(position * over // under, -(-(position + 1) * over // under))
    if mode == "nearest":
        return (position * over // under,)
    if mode == "nearest-exact":
        return ((2 * position + 1) * over // (2 * under),)
    if aligned:
        before, rest = divmod(position * over, under)
    else:  # pixels are areas: their centres lie at a half
        before, rest = divmod((2 * position + 1) * over - under, 2 * under)
    if not rest:  # on a pixel: its neighbours have weight 0
        return (before,)
    around = 0 if mode == "linear" else 1
    return range(before - around, before + 2 + around)
