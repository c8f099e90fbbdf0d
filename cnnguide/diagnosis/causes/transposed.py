"""Transposed convolutions: paddings and sizes of the output, and weights the other way round."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from math import prod
from typing import Any

from torch import Tensor, nn

from cnnguide.arithmetic import conv_transpose_output_size
from cnnguide.diagnosis.failure import Failure, Finding, marked_shape
from cnnguide.diagnosis.phrases import (
    axes_of,
    call_fix,
    code_fix,
    failing_call,
    letters,
    line_with,
    locals_of,
    per_axis,
    plain,
    set_argument,
    setting_fix,
)
from cnnguide.diagnosis.repairs import Fix, Wrapped
from cnnguide.language import message
from cnnguide.recorder import module_names

__all__ = ["explain"]


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a transposed convolution: its paddings, the size asked for, its weight's layout."""
    layer = failure.layer
    kind = failure.kind or ("" if layer is None else type(layer).__name__)
    if "conv_transpose" not in failure.kind and "ConvTranspose" not in type(layer).__name__:
        return
    axes = axes_of(kind) or axes_of(type(layer).__name__)
    if not axes:
        return
    found = _Transposed(failure, axes)
    yield from found.word()
    yield from found.output_padding()
    yield from found.requested()
    yield from found.nothing_left()
    yield from found.weight_turned()


class _Transposed:
    """A transposed convolution that failed, with its settings."""

    def __init__(self, failure: Failure, axes: int) -> None:
        self.failure = failure
        self.axes = axes
        self.layer = failure.layer
        self.name = failure.name
        self.title = failure.title
        self.x = self.first()
        self.kernel = self.setting("kernel_size", None)
        self.stride = self.setting("stride", 3) or (1,) * axes
        self.padding = self.setting("padding", 4)
        self.extra = self.setting("output_padding", 5)
        self.dilation = self.setting("dilation", 7) or (1,) * axes

    def first(self) -> Tensor | None:
        given = self.failure.given if self.layer is not None else self.failure.tensors
        return given[0] if given else None

    def raw(self, name: str, position: int | None) -> Any:
        """Return a setting as it was given."""
        if self.layer is not None:
            return getattr(self.layer, name, None)
        if position is None:
            weight = self.failure.argument(1, "weight")
            return tuple(weight.shape[2:]) if isinstance(weight, Tensor) else None
        default = 1 if name in ("stride", "dilation") else 0
        return self.failure.argument(position, name, default)

    def setting(self, name: str, position: int | None) -> tuple[int, ...] | None:
        return per_axis(self.raw(name, position), self.axes)

    def fix(self, name: str, position: int, value: tuple[int, ...], why: str) -> Fix:
        """Give a setting another value, of the layer or in the line that calls the function."""
        one = plain(value)
        if self.name is not None:
            return setting_fix(self.failure, f"{self.name}.{name}".lstrip("."), one, why)
        kind = f"conv_transpose{self.axes}d"
        return call_fix(self.failure, None, position, name, one, why, kind)

    def spans(self) -> tuple[int, ...]:
        kernel = self.kernel or (1,) * self.axes
        return tuple(
            step * (taps - 1) + 1 for step, taps in zip(self.dilation, kernel, strict=True)
        )

    # ---- a word as padding ----

    def word(self) -> Iterator[Finding]:
        given = self.raw("padding", 4)
        words = given if isinstance(given, tuple | list) else (given,)
        if not any(isinstance(one, str) for one in words) or self.kernel is None:
            return
        word = given if isinstance(given, str) else "".join(map(str, given))
        usual = self.usual_padding()
        if word.lower() == "valid":
            usual = (0,) * self.axes
        rest = self.exact_extra(usual)
        fixes = [self.fix("padding", 4, usual, self.told(usual, rest))]
        yield Finding(
            "padding-word",
            self.name,
            message(
                "{layer} does not take the padding {word}: transposed convolutions take numbers "
                "only.",
                layer=self.title,
                word=repr(word),
            ),
            message(
                "Here padding does not add anything: it cuts that many pixels off each side of the "
                "output. With padding {padding} a kernel of {kernel} and stride {stride} give an "
                "output as large as the input times the stride, as 'same' does in Keras.",
                padding=plain(usual),
                kernel=plain(self.kernel),
                stride=plain(self.stride),
            )
            if rest is not None and not any(rest)
            else message(
                "Here padding does not add anything: it cuts that many pixels off each side of the "
                "output."
            ),
            f"padding=[{plain(usual)}]",
            f"padding=[{word!r}]",
            fixes,
        )

    def usual_padding(self) -> tuple[int, ...]:
        """Return what makes the output as large as the input times the stride, or nearly."""
        return tuple(
            max(0, (span - step + 1) // 2)
            for span, step in zip(self.spans(), self.stride, strict=True)
        )

    def exact_extra(self, padding: tuple[int, ...]) -> tuple[int, ...] | None:
        """Return the output_padding with which the output is exactly stride times the input."""
        rows = zip(self.stride, self.spans(), padding, self.dilation, strict=True)
        found = []
        for step, span, pad, dilated in rows:
            extra = step - span + 2 * pad
            if not 0 <= extra < max(step, dilated):
                return None
            found.append(extra)
        return tuple(found)

    def told(self, padding: tuple[int, ...], rest: tuple[int, ...] | None) -> str:
        if rest is not None and any(rest):
            return message(
                "with output_padding={extra} as well, the output is exactly {stride} times as "
                "large as the input",
                extra=plain(rest),
                stride=plain(self.stride),
            )
        if rest is None:
            return message("that many pixels off each side of the output")
        if set(self.stride) == {1}:
            return message("the output is as large as the input")
        return message(
            "the output is {stride} times as large as the input", stride=plain(self.stride)
        )

    # ---- output_padding ----

    def output_padding(self) -> Iterator[Finding]:
        if self.extra is None or min(self.extra) < 0 or "output padding" not in self.failure.text:
            return
        most = tuple(map(max, self.stride, self.dilation))
        if all(one < limit for one, limit in zip(self.extra, most, strict=True)):
            return
        yield Finding(
            "output-padding-too-large",
            self.name,
            message(
                "{layer} has output_padding={extra}, but stride {stride} and dilation {dilation}: "
                "output_padding has to be smaller than the stride or the dilation.",
                layer=self.title,
                extra=plain(self.extra),
                stride=plain(self.stride),
                dilation=plain(self.dilation),
            ),
            message(
                "With a stride of 2, say, inputs of two sizes become maps of one size, so the way "
                "back has two answers; output_padding chooses between them. There are as many "
                "answers as the stride says, and output_padding is counted from 0. With stride 1 "
                "there is nothing to choose."
            ),
            f"output_padding < [{plain(most)}]",
            f"output_padding=[{plain(self.extra)}]",
            self.of_output_padding(most),
        )

    def of_output_padding(self, most: tuple[int, ...]) -> list[Fix]:
        assert self.extra is not None
        stride = tuple(
            max(step, extra + 1) for step, extra in zip(self.stride, self.extra, strict=True)
        )
        larger = self.fix(
            "stride",
            3,
            stride,
            message("the layer then enlarges its maps {stride} times", stride=plain(stride)),
        )
        exact = None if self.padding is None else self.exact_extra(self.padding)
        limit = tuple(min(extra, one - 1) for extra, one in zip(self.extra, most, strict=True))
        values = [exact or (0,) * self.axes, limit]
        smaller = [
            self.fix("output_padding", 5, one, self.told_extra(one, exact))
            for one in dict.fromkeys(values)
        ]
        if self.stride_was_forgotten(stride):
            return [larger, *smaller]
        return [*smaller, larger] if set(self.stride) == {1} else smaller

    def told_extra(self, value: tuple[int, ...], exact: tuple[int, ...] | None) -> str:
        if value == exact and set(self.stride) != {1}:
            return message(
                "the output is {stride} times as large as the input", stride=plain(self.stride)
            )
        if not any(value):
            return message("nothing is added to the output")
        return message("the largest that is possible here")

    def stride_was_forgotten(self, stride: tuple[int, ...]) -> bool:
        """Return whether a larger stride brings the maps back to the input's size."""
        if self.x is None or set(self.stride) != {1} or self.x.dim() < self.axes + 1:
            return False
        position = self.failure.origin(self.x)
        value = next((one for name, one in self.failure.inputs if name == position), None)
        if value is None or value.dim() != self.x.dim():
            return False
        still = prod(self.strides_to_come())
        missing = value.shape[-1] / max(1, int(self.x.shape[-1])) / still
        return missing > (1 + stride[-1]) / 2

    def strides_to_come(self) -> list[int]:
        """Return what the transposed convolutions enlarge that were not called yet."""
        called = {id(call.layer) for call in self.failure.said.calls}
        found = []
        for root in self.failure.said.roots.values():
            for _, module in module_names(root):
                waiting = id(module) not in called and module is not self.layer
                if waiting and type(module).__name__.startswith("ConvTranspose"):
                    found.append((per_axis(getattr(module, "stride", 1), self.axes) or (1,))[-1])
        return found

    # ---- a size that was asked for ----

    def requested(self) -> Iterator[Finding]:
        asked = self.asked()
        if asked is None or self.x is None or self.layer is None or self.kernel is None:
            return
        if self.padding is None or self.x.dim() not in (self.axes + 1, self.axes + 2):
            return
        size = tuple(map(int, self.x.shape[-self.axes :]))
        try:
            least = tuple(
                map(
                    int,
                    conv_transpose_output_size(
                        size, self.kernel, self.stride, self.padding, 0, self.dilation
                    ),
                )
            )
        except ValueError:
            return
        most = tuple(one + step - 1 for one, step in zip(least, self.stride, strict=True))
        wanted = asked[-self.axes :] if len(asked) in (self.axes, self.x.dim()) else None
        if wanted is not None and all(
            low <= one <= high for low, one, high in zip(least, wanted, most, strict=True)
        ):
            return
        yield self.unreachable(asked, size, least, most, wanted)

    def asked(self) -> tuple[int, ...] | None:
        """Return the output_size that the layer was called with."""
        if self.failure.said.outer is None:
            return None
        args, options = self.failure.said.outer
        value = args[1] if len(args) > 1 else options.get("output_size")
        if isinstance(value, int):
            return (value,)
        if isinstance(value, tuple | list) and all(isinstance(one, int) for one in value):
            return tuple(value)
        return None

    def unreachable(
        self,
        asked: tuple[int, ...],
        size: tuple[int, ...],
        least: tuple[int, ...],
        most: tuple[int, ...],
        wanted: tuple[int, ...] | None,
    ) -> Finding:
        if wanted is None:
            what = message(
                "{layer} was asked for output_size={asked}, numbers: {count}; it takes one for "
                "each of the axes {letters}.",
                layer=self.title,
                asked=plain(asked) if len(asked) == 1 else asked,
                count=len(asked),
                letters=", ".join(letters(self.axes)),
            )
        else:
            what = message(
                "{layer} was asked for maps of {wanted}, but from {size} it can make {least} to "
                "{most} only.",
                layer=self.title,
                wanted=_times(wanted),
                size=_times(size),
                least=_times(least),
                most=_times(most),
            )
        return Finding(
            "output-size-out-of-reach",
            self.name,
            what,
            message(
                "Kernel {kernel}, stride {stride} and padding {padding} fix the size: (input − 1) "
                "· stride − 2 · padding + kernel is {least}. output_size can add less than one "
                "stride to that, no more.",
                kernel=plain(self.spans()),
                stride=plain(self.stride),
                padding=plain(self.padding or (0,)),
                least=_times(least),
            ),
            f"output_size=[{_range(least, most)}]",
            f"output_size=[{asked}]",
            self.of_size(least, most, wanted),
        )

    def of_size(
        self, least: tuple[int, ...], most: tuple[int, ...], wanted: tuple[int, ...] | None
    ) -> list[Fix]:
        fixes = []
        name = self.reachable_name(least, most)
        if name:
            size = tuple(locals_of(self.failure)[name].shape[-self.axes :])
            source = f"{name}.shape[{-self.axes}:]"
            why = message("the size of {name}, which can be reached", name=name)
            fixes.append(self.sized(size, source, why))
        fixes.append(
            Fix(
                "constraint",
                "output_size",
                None,
                code=f"output_size={most}",
                why=message(
                    "of such an input this layer can make sizes from {least} to {most}",
                    least=least,
                    most=most,
                ),
            )
        )
        if wanted is not None:
            fixes += self.other_stride(wanted)
        elif not name:
            fixes = self.completed(least, most) + fixes
        return fixes

    def completed(self, least: tuple[int, ...], most: tuple[int, ...]) -> list[Fix]:
        """Write one number for each axis, where that is what was meant."""
        asked = self.asked() or ()
        size = asked * self.axes if len(asked) == 1 else asked[-self.axes :]
        if len(size) != self.axes:
            return []
        if not all(low <= one <= high for low, one, high in zip(least, size, most, strict=True)):
            return []
        return [self.sized(size, repr(size), message("one number for each axis"))]

    def reachable_name(self, least: tuple[int, ...], most: tuple[int, ...]) -> str:
        """Return what the code calls a tensor whose size can be reached: the one that was meant."""
        assert self.x is not None
        found = []
        made = getattr(self.layer, "out_channels", None)
        for name, one in locals_of(self.failure).items():
            if not isinstance(one, Tensor) or one.dim() != self.x.dim():
                continue
            size = one.shape[-self.axes :]
            if all(low <= n <= high for low, n, high in zip(least, size, most, strict=True)):
                found.append((one.shape[-self.axes - 1] != made, name))
        return min(found)[1] if found else ""

    def sized(self, size: tuple[int, ...], source: str, why: str) -> Fix:
        layer = (self.name or "").rpartition(".")[2]
        code = f"output_size={source}"
        found = failing_call(self.failure, layer)
        if found is not None:
            statement, call = found
            set_argument(call, 1, "output_size", ast.parse(source, mode="eval").body)
            code = line_with(statement, call)
        return code_fix(
            self.name,
            code,
            why,
            Wrapped(self.name or "", lambda old: _Sized(old, size)),
        )

    def other_stride(self, wanted: tuple[int, ...]) -> list[Fix]:
        """Return a stride with which the size that was asked for can be reached."""
        if self.x is None or self.kernel is None or self.padding is None:
            return []
        size = tuple(map(int, self.x.shape[-self.axes :]))
        for step in range(1, 17):
            try:
                least = conv_transpose_output_size(
                    size, self.kernel, (step,) * self.axes, self.padding, 0, self.dilation
                )
            except ValueError:
                continue
            rows = zip(least, wanted, strict=True)
            if all(low <= one < low + step for low, one in rows):
                why = message("the layer then enlarges its maps {stride} times", stride=step)
                return [self.fix("stride", 3, (step,) * self.axes, why)]
        return []

    # ---- nothing left ----

    def nothing_left(self) -> Iterator[Finding]:
        if self.x is None or self.kernel is None or self.padding is None:
            return
        if self.x.dim() not in (self.axes + 1, self.axes + 2):
            return
        size = tuple(map(int, self.x.shape[-self.axes :]))
        extra = self.extra or (0,) * self.axes
        rows = zip(size, self.stride, self.spans(), self.padding, extra, strict=True)
        made = tuple((n - 1) * s + span - 2 * pad + more for n, s, span, pad, more in rows)
        if min(made) > 0 or min(size) < 1:
            return
        usual = tuple(map(min, self.usual_padding(), self.padding))
        fixes = [
            self.fix("padding", 4, one, self.told(one, self.exact_extra(one)))
            for one in dict.fromkeys([usual, (0,) * self.axes])
        ]
        yield Finding(
            "transposed-padding-too-large",
            self.name,
            message(
                "{layer} cuts {padding} off each side of its output: nothing is left of it.",
                layer=self.title,
                padding=plain(self.padding),
            ),
            message(
                "In a transposed convolution padding does not add anything: it cuts that many "
                "pixels off each side. The output would be (input − 1) · stride − 2 · padding + "
                "kernel: {made}.",
                made=_times(made),
            ),
            f"padding=[{plain(usual)}]",
            f"padding=[{plain(self.padding)}]",
            fixes,
        )

    # ---- a weight the other way round ----

    def weight_turned(self) -> Iterator[Finding]:
        """Explain a function's weight that is laid out as that of a plain convolution."""
        weight, x = self.failure.argument(1, "weight"), self.x
        groups = self.failure.argument(6, "groups", 1)
        if self.layer is not None or not isinstance(weight, Tensor) or x is None or groups != 1:
            return
        if weight.dim() != self.axes + 2 or x.dim() not in (self.axes + 1, self.axes + 2):
            return
        came = x.shape[-self.axes - 1]
        if weight.shape[0] == came or weight.shape[1] != came:
            return
        code = "weight = weight.transpose(0, 1)"
        found = failing_call(self.failure, self.failure.kind)
        if found is not None:
            statement, call = found
            held = next((one.value for one in call.keywords if one.arg == "weight"), None)
            held = held or (call.args[1] if len(call.args) > 1 else None)
            if held is not None:
                source = f"({ast.unparse(held)}).transpose(0, 1)"
                if ast.unparse(held).endswith(".transpose(0, 1)"):  # it was turned once too often
                    source = ast.unparse(held).removesuffix(".transpose(0, 1)")
                turned = ast.parse(source, mode="eval").body
                set_argument(call, 1, "weight", turned)
                code = line_with(statement, call)

        def change(func: Any, args: Any, options: Any) -> Any:
            if len(args) > 1:
                return func(args[0], args[1].transpose(0, 1), *args[2:], **options)
            return func(*args, **{**options, "weight": weight.transpose(0, 1)})

        there = (came, weight.shape[0], *weight.shape[2:])
        yield Finding(
            "transposed-weight-layout",
            None,
            message(
                "{layer} wants a weight for {came} input channels on axis 0, but the weight is "
                "{shape}: the two channel axes are exchanged.",
                layer=self.title,
                came=came,
                shape=tuple(weight.shape),
            ),
            message(
                "The weight of a convolution is (out_channels, in_channels, …); that of a "
                "transposed convolution, which goes the other way, is (in_channels, out_channels, "
                "…)."
            ),
            marked_shape(there, 0, 1),
            marked_shape(tuple(weight.shape), 0, 1),
            [
                code_fix(
                    None,
                    code,
                    message("the two channel axes change places; or make the weight so"),
                    self.failure.patched(change),
                )
            ],
        )


class _Sized(nn.Module):
    """A transposed convolution that is asked for another size."""

    def __init__(self, layer: nn.Module, size: tuple[int, ...]) -> None:
        super().__init__()
        self.layer = layer
        self.size = size

    def forward(self, x: Tensor, output_size: Any = None) -> Any:
        return self.layer(x, output_size=self.size)


def _times(size: Any) -> str:
    return " × ".join(map(str, size))


def _range(least: tuple[int, ...], most: tuple[int, ...]) -> str:
    return ", ".join(
        str(low) if low == high else f"{low}–{high}" for low, high in zip(least, most, strict=True)
    )
