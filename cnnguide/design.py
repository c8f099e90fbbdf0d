"""Advice on a model's channel plan: each hint with its number, its reason and its source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from math import prod
from typing import Any

from torch import nn

from cnnguide.arguments import is_several, type_error, value_error, whole_number
from cnnguide.axes import Shape
from cnnguide.explain import plain_markdown
from cnnguide.language import message
from cnnguide.recorder import Row
from cnnguide.trace import Trace, TraceError, trace

__all__ = ["Advice", "Hint", "advise"]


@dataclass(frozen=True, slots=True)
class Hint:
    """One piece of advice."""

    rule: str
    """Which rule gave it; a stable name such as ``"one-linear"``."""
    layer: str
    """The dotted name of the layer that it is about; empty for the whole model."""
    finding: str
    """What was found, with its number, in the current language."""
    reason: str
    """Why that matters, and what to do."""
    source: str
    """Where the rule comes from, with its address."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What `advise` has to say on a model. It has a length and can be iterated over."""

    model: str
    """The model's class."""
    hints: tuple[Hint, ...]
    """In the order of the rules; none where no rule finds anything."""

    def __len__(self) -> int:
        return len(self.hints)

    def __iter__(self) -> Iterator[Hint]:
        return iter(self.hints)

    def __str__(self) -> str:
        if not self.hints:
            return self._nothing()
        return "\n\n".join(
            f"{number}. {hint.finding}\n   {hint.reason}\n   {_source(hint)}"
            for number, hint in enumerate(self.hints, start=1)
        )

    def _repr_html_(self) -> str:
        if not self.hints:
            return f"<p>{escape(self._nothing())}</p>"
        items = (
            f"<li><strong>{escape(hint.finding)}</strong><br>{escape(hint.reason)}<br>"
            f"<small>{escape(_source(hint))}</small></li>"
            for hint in self.hints
        )
        return f"<ol>{''.join(items)}</ol>"

    def to_markdown(self) -> str:
        """Return the hints as a numbered Markdown list, in the language they were made in.

        Returns
        -------
        str
            One entry for each hint.

        See Also
        --------
        to_dict : The same as plain data.
        """
        if not self.hints:
            return self._nothing()
        return "\n".join(
            f"{number}. **{plain_markdown(hint.finding)}** {plain_markdown(hint.reason)} "
            f"{_source(hint)}"
            for number, hint in enumerate(self.hints, start=1)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the hints as plain data.

        Returns
        -------
        dict
            The model's class, and a dict for each hint.

        See Also
        --------
        to_markdown : The same as text.
        """
        return asdict(self)

    def _nothing(self) -> str:
        return message("{model}: no rule has anything to say", model=self.model)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the rules read."""

    found: Trace
    size: Shape  # of the input, channels first
    object_size: Shape  # in pixels

    @property
    def windows(self) -> list[Row]:
        return [row for row in self.found if row.kernel_size is not None]

    @property
    def convolutions(self) -> list[Row]:
        return [row for row in self.windows if row.weight_shape is not None]

    @property
    def widest(self) -> tuple[int, Shape] | None:
        """Which row's windows see most of the input, and how much; those of branches see less."""
        seen = [
            (at, tuple(field.size for field in row.receptive_field))
            for at, row in enumerate(self.found)
            if row.kernel_size is not None
            and not _is_global(row)
            and row.receptive_field
            and len(row.receptive_field) == len(self.object_size)
        ]
        return max(seen, key=lambda one: (prod(one[1]), one[0]), default=None)

    @property
    def joined(self) -> bool:
        """Whether attention or recurrence brings together what windows see apart."""
        behind = self.found[self.widest[0] + 1 :] if self.widest else ()
        for row in behind:
            sizes = [field.size for field in row.receptive_field or ()]
            if len(sizes) == len(self.object_size) and not _smaller(sizes, self.object_size):
                return bool(row.macs) and not _is_linear(row)  # and a pooling has none
        return False


def advise(
    model: nn.Module, input_size: Sequence[int], object_size: Sequence[int] | None = None
) -> Advice:
    """Give advice on a model's channels and sizes, each hint with reason, number and source.

    The rules are habits of networks that work, and arithmetic; they are no laws. Where none
    of them applies, nothing is said.

    Parameters
    ----------
    model : torch.nn.Module
        The model. It is left as it was.
    input_size : sequence of int
        The size of a batch, (N, C, H, W) or with 1 or 3 spatial axes.
    object_size : sequence of int, optional
        The size of what is to be recognized, in pixels, one number a spatial axis; without
        it, the whole image.

    Returns
    -------
    Advice
        The hints, in the current language.

    Raises
    ------
    TypeError
        If `model` is no module, or a size no sequence of whole numbers.
    ValueError
        If a size has too few or too many numbers, or one below 1.
    TraceError
        If the model fails on this input for another reason than its channels, or a size that
        does not divide.

    See Also
    --------
    trace : The sizes that the rules read.

    Examples
    --------
    >>> from torch import nn
    >>> from cnnguide import advise
    >>> model = nn.Sequential(nn.Conv2d(3, 64, 3), nn.Flatten(), nn.Linear(64 * 30 * 30, 10))
    >>> [hint.rule for hint in advise(model, (1, 3, 32, 32))]
    ['one-linear', 'receptive-field']
    """
    if not isinstance(model, nn.Module):
        raise type_error(
            "model must be a torch.nn.Module such as nn.Sequential(…), got {value!r}: "
            "make the model first, and give its input's size after it",
            value=model,
        )
    size = _size("input_size", input_size)
    if not 3 <= len(size) <= 5:
        raise value_error(
            "input_size is {size}: give (N, C, H, W), or as many as the model wants, with 1 to 3 "
            "spatial axes",
            size=size,
        )
    wanted = size[2:] if object_size is None else _size("object_size", object_size)
    if len(wanted) != len(size) - 2:
        raise value_error(
            "object_size is {size}: give {axes} numbers, one for each spatial axis",
            size=wanted,
            axes=len(size) - 2,
        )
    hints = [*_groups(model)]
    try:
        found = trace(model, size)
    except TraceError as error:
        hints += _other_channels(model, error, size)
        hints += _unlike_sizes(model, error)
        if not hints:
            raise
        return Advice(type(model).__name__, tuple(hints))
    plan = _Plan(found, size, wanted)
    for rule in _RULES:
        hints += rule(plan)
    return Advice(type(model).__name__, tuple(hints))


def _size(name: str, value: object) -> Shape:
    if not is_several(value):
        raise type_error(
            "{name} must be a list or tuple such as (1, 3, 224, 224), got {value!r}",
            name=name,
            value=value,
        )
    return tuple(whole_number(f"{name}[{place}]", one) for place, one in enumerate(value))


# Before the model runs


def _groups(model: nn.Module) -> Iterator[Hint]:
    for name, layer in model.named_modules():
        groups = getattr(layer, "groups", None) or getattr(layer, "num_groups", None)
        if not isinstance(groups, int) or groups < 1:
            continue
        for setting in ("in_channels", "out_channels", "num_channels"):
            channels = getattr(layer, setting, None)
            if isinstance(channels, int) and channels % groups:
                yield Hint(
                    "groups",
                    name,
                    message(
                        "{name}: {setting} is {channels}, which {groups} groups do not divide",
                        name=_place(name, type(layer).__name__),
                        setting=setting,
                        channels=channels,
                        groups=groups,
                    ),
                    message(
                        "Each group gets the same number of channels: choose {less} or {more} "
                        "channels, or other groups.",
                        less=channels // groups * groups or groups,
                        more=(channels // groups + 1) * groups,
                    ),
                    _documentation(layer),
                )


def _other_channels(model: nn.Module, error: TraceError, size: Shape) -> Iterator[Hint]:
    layer = dict(model.named_modules()).get(error.name)
    settings = ("in_channels", "num_features", "num_channels")  # of BatchNorm and GroupNorm, too
    expected = next((getattr(layer, name) for name in settings if hasattr(layer, name)), None)
    kernel = getattr(layer, "kernel_size", ())  # counted from the end: a sample has no batch axis
    channels = size[-len(kernel) - 1] if isinstance(kernel, tuple) and kernel else size[1]
    first = not any(row.weight_shape is not None for row in error.rows)
    if not first or not isinstance(expected, int) or expected == channels:
        return
    if size[-1] == expected:
        reason = message(
            "{size} has {expected} channels in the last place, but PyTorch wants them in the "
            "second: bring them there with x.movedim(-1, 1).",
            size=size,
            expected=expected,
        )
    else:
        reason = message(
            "The data decides how many channels the first layer reads; for images: 1 if they are "
            "grey, 3 if they are RGB. Make it {kind}({channels}, …), or bring the data to "
            "{expected} channels.",
            kind=error.type,
            channels=channels,
            expected=expected,
        )
    yield Hint(
        "input-channels",
        error.name,
        message(
            "{name} reads {expected} channels, but the data has {channels}",
            name=_place(error.name, error.type),
            expected=expected,
            channels=channels,
        ),
        reason,
        _documentation(layer),
    )


def _documentation(layer: nn.Module | None) -> str:
    """Return where PyTorch describes a layer; a subclass is what it was made from."""
    kinds = (kind.__name__ for kind in type(layer).__mro__ if kind in vars(nn).values())
    name = next((kind for kind in kinds if kind != "Module"), "Conv2d")
    return f"PyTorch, torch.nn.{name}, " + (
        f"https://docs.pytorch.org/docs/stable/generated/torch.nn.{name}.html"
    )


def _unlike_sizes(model: nn.Module, error: TraceError) -> Iterator[Hint]:
    """Where maps are joined that lost pixels on their ways, and now differ in size."""
    place = dict(model.named_modules()).get(error.name)
    if type(place).__module__.startswith("torch."):  # a layer fails for what it is itself
        return
    fails = message("The model fails: {error}.", error=str(error).partition("\n")[0])
    for hint in _unread_pixels(error.rows):
        yield replace(hint, reason=f"{fails} {hint.reason}")


# From the sizes on the way

_JUMP = 4  # times as many channels
_EARLY = 4  # times smaller, within two steps
_LITTLE = 16  # pixels along the longer side: fewer are little, for layers that follow
_SHARE = 0.5  # of all parameters
_TILE = 8  # channels that tensor cores work on at a time


def _jumps(plan: _Plan) -> Iterator[Hint]:
    for row in plan.convolutions:
        before, after = row.in_channels, row.out_channels
        kernel = row.kernel_size or ()
        # to one position a convolution is a linear layer: so a generator unfolds its vector
        spatial = max(kernel) > 1 and max(row.input_shape[-len(kernel) :]) > 1
        wide = before is not None and before >= _TILE and row.groups == 1
        if before and after and wide and spatial and after > _JUMP * before:
            yield Hint(
                "jump",
                row.name,
                message(
                    "{name} goes from {before} to {after} channels at once, {times:g} times "
                    "as many",
                    name=_place(row.name, row.type),
                    before=before,
                    after=after,
                    times=round(after / before, 2),
                ),
                message(
                    "Its {params:,} parameters grow with the product of both numbers. "
                    "Networks that work double the channels where they halve the size: "
                    "widen in steps, or with a 1×1 convolution.",
                    params=row.params,
                ),
                "K. Simonyan and A. Zisserman, 2015, https://arxiv.org/abs/1409.1556",
            )


def _unread_pixels(rows: Iterable[Row]) -> Iterator[Hint]:
    for row in rows:
        lost = _unread(row)
        if any(lost):
            yield Hint(
                "size-does-not-divide",
                row.name,
                message(
                    "{name} never reads the last {lost} of {size} pixels along its axes",
                    name=_place(row.name, row.type),
                    lost=_times(lost),
                    size=_times(row.input_shape[-len(lost) :]),
                ),
                message(
                    "The windows do not fit into the size evenly, and what remains at the edge is "
                    "dropped. Choose an input size that divides, pad, or use ceil_mode.",
                ),
                "V. Dumoulin and F. Visin, 2016, https://arxiv.org/abs/1603.07285",
            )


def _unread(row: Row) -> Shape:
    """Return how many pixels at the end of each axis no window reaches."""
    kernel, strides, padding = row.kernel_size, row.stride, row.padding
    if kernel is None or strides is None or row.type.startswith(("ConvTranspose", "conv_transp")):
        return ()
    axes = len(kernel)
    sizes, counts = row.input_shape[-axes:], row.output_shape[-axes:]
    dilations = row.dilation or (1,) * axes
    pads = padding if isinstance(padding, tuple) and len(padding) == axes else (0,) * axes
    if isinstance(padding, str) or "Unpool" in row.type or row.type in ("Fold", "Unfold"):
        return ()
    unread = []
    for size, count, tap, stride, pad, dilation in zip(
        sizes, counts, kernel, strides, pads, dilations, strict=True
    ):
        span = dilation * (tap - 1) + 1
        end = (count - 1) * stride + span - pad  # behind the last window
        # where windows leave gaps between them, pixels are passed over on purpose
        unread.append(max(size - end, 0) if span >= stride else 0)
    return tuple(unread)


def _one_linear(plan: _Plan) -> Iterator[Hint]:
    total, rows = plan.found.params, plan.found.rows
    first = next((at for at, row in enumerate(rows) if row.kernel_size is not None), len(rows))
    for at, row in enumerate(rows[first:], start=first):
        if not _is_linear(row) or not total:
            continue
        sizes = _flattened(rows[first:at], row.input_shape)
        share = row.params / total
        if share > _SHARE and max(sizes, default=1) > 1:
            yield Hint(
                "one-linear",
                row.name,
                message(
                    "{name} holds {share:.0%} of all parameters: {params:,} of {total:,}",
                    name=_place(row.name, row.type),
                    share=share,
                    params=row.params,
                    total=total,
                ),
                message(
                    "It has a weight for each of {positions} positions of each channel, and fits "
                    "one image size only. nn.AdaptiveAvgPool{axes}d(1) before it leaves one number "
                    "a channel.",
                    positions=_times(sizes),
                    axes=len(sizes),
                ),
                "M. Lin, Q. Chen and S. Yan, 2014, https://arxiv.org/abs/1312.4400",
            )


def _flattened(rows: Sequence[Row], shape: Shape) -> Shape:
    """Return the positions of the map that was flattened to a shape; none if none was."""
    for row in reversed(rows):
        if row.output_shape != shape:
            break
        if row.input_shape != shape:  # not an activation or a dropout in between
            as_many = prod(row.input_shape) == prod(shape)  # pooling and averaging leave fewer
            return row.input_shape[2:] if as_many else ()
    return ()


def _small_field(plan: _Plan) -> Iterator[Hint]:
    if plan.widest is None or plan.joined:
        return
    at, seen = plan.widest
    if _smaller(seen, plan.object_size):
        last = plan.found[at]
        yield Hint(
            "receptive-field",
            last.name,
            message(
                "at {name} one position sees {seen} pixels, less than an object of {wanted}",
                name=_place(last.name, last.type),
                seen=_times(seen),
                wanted=_times(plan.object_size),
            ),
            message(
                "What lies further apart meets only behind the last convolution. More layers, a "
                "stride or a dilation widen the field."
            ),
            "A. Araujo, W. Norris and J. Sim, 2019, https://doi.org/10.23915/distill.00021",
        )


def _early_downsampling(plan: _Plan) -> Iterator[Hint]:
    sizes, first = plan.size[2:], _steps(plan)[:2]
    if not first or plan.joined:
        return
    row = first[-1]
    left = row.output_shape[-len(sizes) :]
    strides = [field.stride for field in row.receptive_field or ()]
    early = len(strides) == len(sizes) and min(strides) >= _EARLY
    if early and max(left) < _LITTLE:
        yield Hint(
            "early-downsampling",
            row.name,
            message(
                "{name}: {before} pixels are down to {after} already",
                name=_place(row.name, row.type),
                before=_times(sizes),
                after=_times(left),
            ),
            message(
                "Little is left for the layers that follow. Networks for images of 32×32 begin "
                "with 3×3 convolutions of stride 1 and halve the size later."
            ),
            "K. He, X. Zhang, S. Ren and J. Sun, 2016, section 4.2, "
            "https://arxiv.org/abs/1512.03385",
        )


def _steps(plan: _Plan) -> list[Row]:
    """Return the windows that slide; of poolings one behind the other, the last alone."""
    steps: list[Row] = []
    for row in plan.windows:
        if _is_global(row):
            continue
        if steps and not (row.weight_shape or steps[-1].weight_shape):
            steps.pop()
        steps.append(row)
    return steps


def _odd_widths(plan: _Plan) -> Iterator[Hint]:
    ends = {id(row) for row in _last_ones(plan)}
    inner = [row for row in plan.convolutions if id(row) not in ends]
    odd = [row for row in inner if row.out_channels and row.out_channels % _TILE]
    if odd:
        names = message(", ").join(
            message("{name} ({type})", name=row.name or row.type, type=row.out_channels)
            for row in odd[:5]
        )
        yield Hint(
            "multiple-of-8",
            odd[0].name,
            message(
                "{count} of {all} convolutions have a number of output channels that 8 does not "
                "divide: {names}",
                count=len(odd),
                all=len(plan.convolutions),
                names=names + (" …" if len(odd) > 5 else ""),
            ),
            message(
                "On GPUs with tensor cores, half precision is fastest where channels are "
                "multiples of 8; elsewhere it does not matter."
            ),
            "NVIDIA, Convolutional Layers User's Guide, "
            "https://docs.nvidia.com/deeplearning/performance/dl-performance-convolutional/",
        )


_RULES: tuple[Callable[[_Plan], Iterator[Hint]], ...] = (
    _jumps,
    lambda plan: _unread_pixels(plan.found),
    _one_linear,
    _small_field,
    _early_downsampling,
    _odd_widths,
)


def _last_ones(plan: _Plan) -> Iterator[Row]:
    """Yield the convolutions that are as wide as there are classes, colours or boxes' edges."""
    for shape in plan.found.output_shapes:
        yield from [row for row in plan.convolutions if row.output_shape == shape][-1:]
    if not any(map(_is_linear, plan.found)):  # pooling may follow
        yield from plan.convolutions[-1:]


def _is_linear(row: Row) -> bool:
    """Return whether it is a linear layer; subclasses may have any name."""
    return bool(row.macs) and row.kernel_size is None and len(row.weight_shape or ()) == 2


def _is_global(row: Row) -> bool:
    """Return whether it is a pooling whose one window takes the whole map."""
    kernel = row.kernel_size or ()
    before, after = row.input_shape[-len(kernel) :], row.output_shape[-len(kernel) :]
    return row.weight_shape is None and max(after) == 1 < max(before)


def _source(hint: Hint) -> str:
    return message("Source: {source}", source=hint.source)


def _place(name: str, kind: str) -> str:
    """Return a layer's name and class: a name may be a mere number."""
    return message("{name} ({type})", name=name, type=kind) if name else kind


def _smaller(sizes: Sequence[int], wanted: Sequence[int]) -> bool:
    """Return whether a size falls short along an axis."""
    return any(size < least for size, least in zip(sizes, wanted, strict=True))


def _times(numbers: Sequence[int]) -> str:
    return "×".join(map(str, numbers))
