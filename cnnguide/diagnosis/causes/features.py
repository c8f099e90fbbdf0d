"""Features at a Linear layer: what is left of an image once it is flattened."""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt, prod

from torch import Tensor, nn

from cnnguide.axes import Shape
from cnnguide.diagnosis.failure import Failure, Finding, marked_shape
from cnnguide.diagnosis.phrases import (
    code_fix,
    input_fix,
    insert_before,
    setting_fix,
    wrap_fix,
)
from cnnguide.diagnosis.repairs import Fix
from cnnguide.diagnosis.witness import Call, Patch
from cnnguide.language import message

__all__ = ["explain"]

_FLATTENERS = ("flatten", "Flatten", "view", "reshape")


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a Linear layer whose input has another number of features."""
    if isinstance(failure.layer, nn.RNNBase):
        yield from _recurrent(failure, failure.layer)
    if failure.kind != "linear":
        return
    x, weight = failure.argument(0, "input"), failure.argument(1, "weight")
    if not (isinstance(x, Tensor) and isinstance(weight, Tensor)) or x.dtype != weight.dtype:
        return
    if x.dim() and x.shape[-1] == weight.shape[1]:
        return
    yield from _Linear(failure, x, int(weight.shape[1])).findings()


def _recurrent(failure: Failure, layer: nn.RNNBase) -> Iterator[Finding]:
    """Explain a recurrent layer whose steps have another number of features."""
    x = next(iter(failure.given), None)
    if x is None or x.dim() not in (2, 3) or x.shape[-1] == layer.input_size:
        return
    came = int(x.shape[-1])
    yield Finding(
        "feature-mismatch",
        failure.name,
        message(
            "{layer} wants {wanted} features, but {came} come.",
            layer=failure.title,
            wanted=layer.input_size,
            came=came,
        ),
        message(
            "A recurrent layer reads a sequence step by step, and the last axis holds the numbers "
            "of one step: input_size of them."
        ),
        marked_shape((*"NL", layer.input_size)[3 - x.dim() :], -1),
        marked_shape(tuple(x.shape), -1),
        [
            setting_fix(
                failure,
                f"{failure.name}.input_size",
                came,
                message("{came} features come at each step", came=came),
            )
        ],
    )


class _Linear:
    """What comes to a Linear layer, and what came before it was flattened."""

    def __init__(self, failure: Failure, x: Tensor, wanted: int) -> None:
        self.failure = failure
        self.shape: Shape = tuple(x.shape)
        self.wanted = wanted
        self.came = self.shape[-1] if self.shape else 1
        self.title = failure.title
        self.name = failure.name
        history = failure.history(x)
        self.flattener = next((one for one in history if one.kind in _FLATTENERS), None)
        if self.flattener is not None and len(self.flattener.output) > 2:
            self.flattener = None
        self.maps: Shape = () if self.flattener is None else self.flattener.input
        self.source = failure.source(x)
        self.position = failure.position(x)

    def finding(self, cause: str, what: str, why: str, fixes: list[Fix]) -> Finding:
        return Finding(
            cause,
            self.name,
            what,
            why,
            marked_shape(("N", self.wanted), 1),
            marked_shape(self.shape, -1) if self.shape else "()",
            fixes,
        )

    def findings(self) -> Iterator[Finding]:
        if len(self.shape) >= 3:
            yield from self.not_flattened()
            yield from self.exchanged()
        if self.flattener is not None:
            yield from self.flattened_too_far()
            yield from self.flattened()
        else:
            yield from self.other_features()

    # ---- what was forgotten ----

    def not_flattened(self) -> Iterator[Finding]:
        """Explain feature maps that go into a Linear as they are."""
        shape = self.shape
        spatial = len(shape) - 2
        channels, area = shape[1], prod(shape[2:])
        flat = channels * area
        if spatial not in (1, 2, 3):
            return
        pool = getattr(nn, f"AdaptiveAvgPool{spatial}d")
        fixes = []
        flatten = self.before(
            "x = torch.flatten(x, 1)",
            message("{shape} becomes (N, {flat})", shape=shape, flat=flat),
            nn.Flatten(1),
        )
        pooled = self.before(
            f"x = torch.flatten(nn.AdaptiveAvgPool{spatial}d(1)(x), 1)",
            message("the mean of each channel, then one number a channel"),
            pool(1),
            nn.Flatten(1),
        )
        if flat == self.wanted:
            fixes = [flatten]
        elif channels == self.wanted:
            fixes = [pooled]
        elif self.position is None or spatial > 1:
            square = self.square(channels, spatial)
            if square:
                fixes = [self.adaptive(square, spatial, flatten=True)]
        if not fixes:
            return
        yield self.finding(
            "missing-flatten",
            message(
                "{layer} wants {wanted} features, but feature maps {shape} come that nobody "
                "flattened.",
                layer=self.title,
                wanted=self.wanted,
                shape=shape,
            ),
            message(
                "A Linear layer reads the last axis only: here the {came} numbers of one row. "
                "All numbers of a sample have to stand on one axis before it.",
                came=self.came,
            ),
            fixes,
        )

    def exchanged(self) -> Iterator[Finding]:
        """Explain (N, F, L) where (N, L, F) is wanted."""
        shape = self.shape
        if self.wanted not in shape[1:-1] or len(shape) > 4:
            return
        axis = len(shape) - 1 - shape[::-1].index(self.wanted)
        order = [at for at in range(len(shape)) if at != axis] + [axis]
        yield self.finding(
            "features-on-another-axis",
            message(
                "{layer} wants {wanted} features on the last axis, but they stand on axis {axis}.",
                layer=self.title,
                wanted=self.wanted,
                axis=axis,
            ),
            message("A Linear layer reads the last axis only, and leaves all others as they are."),
            [self.turned("permute", tuple(order), message("the features go last"))],
        )

    def turned(self, op: str, args: tuple[object, ...], why: str) -> Fix:
        if self.position is not None:
            return input_fix(self.failure, self.position, op, args, why)
        return insert_before(self.failure, op, args, why)

    def before(self, code: str, why: str, *layers: nn.Module) -> Fix:
        """Put layers before this one, in code and for the trial."""
        if self.name is not None:
            return wrap_fix(self.failure, self.name, code, why, *layers)

        def change(func: object, args: tuple[object, ...], options: dict[str, object]) -> object:
            value = nn.Sequential(*layers)(args[0])
            return func(value, *args[1:], **options)  # type: ignore[operator]  # torch's linear

        return code_fix(self.failure.where, code, why, self.failure.patched(change))

    # ---- flattened ----

    def flattened_too_far(self) -> Iterator[Finding]:
        """Explain a flatten that took the batch axis with it, or left the channels apart."""
        call, maps = self.flattener, self.maps
        assert call is not None
        if len(call.output) == 1 and len(maps) >= 2:
            fix = self.flatten_from_one(call)
            yield self.finding(
                "batch-axis-flattened",
                message(
                    "Everything was flattened into one axis of {came} numbers, the batch "
                    "with it; {layer} wants {wanted} for each sample.",
                    came=self.came,
                    layer=self.title,
                    wanted=self.wanted,
                ),
                message(
                    "torch.flatten(x) begins at axis 0, that of the batch. nn.Flatten() and "
                    "torch.flatten(x, 1) begin at axis 1."
                ),
                [fix] if fix else [],
            )
            return
        whole = prod(maps[1:])
        if len(maps) >= 3 and self.wanted == whole and self.came != whole:
            fix = self.flatten_from_one(call)
            yield self.finding(
                "wrong-flatten",
                message(
                    "{maps} was flattened to {shape}, which is not a row of {wanted} a sample.",
                    maps=maps,
                    shape=call.output,
                    wanted=self.wanted,
                ),
                message(
                    "What belongs to one sample has to stand in one row: flatten from axis 1 on, "
                    "and leave axis 0, the batch, alone."
                ),
                [fix] if fix else [],
            )

    def flatten_from_one(self, call: Call) -> Fix | None:
        why = message("axis 0, the batch, stays")
        if call.layer is not None:
            return setting_fix(self.failure, f"{call.name}.start_dim", 1, why)
        if call.place is None:
            return None
        patch = Patch(call.kind, call.place, lambda func, args, options: args[0].flatten(1))
        return code_fix(call.name or None, "x = torch.flatten(x, 1)", why, patch)

    def flattened(self) -> Iterator[Finding]:
        """Explain maps of another size than the Linear was made for."""
        maps = self.maps
        if len(maps) < 3 or prod(maps[1:]) != self.came:
            yield from self.other_features()
            return
        spatial = len(maps) - 2
        channels, area = maps[1], maps[2:]
        product = " × ".join(map(str, maps[1:]))
        settings = self.own_settings(
            message(
                "{product} = {came} numbers come for each sample", product=product, came=self.came
            )
        )
        square = self.square(channels, spatial)
        what = message(
            "{layer} wants {wanted} features, but {came} come.",
            layer=self.title,
            wanted=self.wanted,
            came=self.came,
        )
        if square:
            made_for = " × ".join(map(str, (channels, *square)))
            why = message(
                "The feature maps before it are {maps}, flattened {product} = {came}. The layer "
                "was made for {made_for} = {wanted}: for maps of another size, so for an image "
                "of another size, or with another number of poolings before.",
                maps=maps,
                product=product,
                came=self.came,
                made_for=made_for,
                wanted=self.wanted,
            )
        else:
            why = message(
                "The feature maps before it are {maps}, flattened {product} = {came}; with "
                "{channels} channels, {wanted} can't be.",
                maps=maps,
                product=product,
                came=self.came,
                channels=channels,
                wanted=self.wanted,
            )
        fixes = list(settings)
        cause = "flatten-size"
        if square:
            adaptive = self.adaptive(square, spatial)
            if set(square) == {1}:
                cause = "missing-pooling"
                fixes.insert(0, adaptive)
            else:
                fixes.append(adaptive)
                resized = self.resized(spatial)
                pooled = self.pooled(area, square, spatial)
                fixes += [one for one in (resized, pooled) if one]
        yield self.finding(cause, what, why, fixes)

    def square(self, channels: int, spatial: int) -> Shape:
        """Return the size of the maps that the layer was made for, if it is a square or a cube."""
        if not channels or self.wanted % channels:
            return ()
        area = self.wanted // channels
        if spatial == 1:
            return (area,)
        side = isqrt(area) if spatial == 2 else round(area ** (1 / 3))
        if side**spatial == area:
            return (side,) * spatial
        return ()

    def adaptive(self, square: Shape, spatial: int, flatten: bool = False) -> Fix:
        size = square[0]
        layers = [getattr(nn, f"AdaptiveAvgPool{spatial}d")(size)]
        code = f"nn.AdaptiveAvgPool{spatial}d({size})"
        why = message(
            "pools maps of any size to {size}: the sturdier repair, the model then takes images "
            "of any size",
            size="×".join(map(str, square)),
        )
        call = self.flattener
        if flatten or call is None:
            return self.before(f"x = torch.flatten({code}(x), 1)", why, *layers, nn.Flatten(1))
        where = message("before it is flattened")
        if call.layer is not None:
            return wrap_fix(self.failure, call.name, f"x = {code}(x)", why, *layers)
        patch = Patch(
            call.kind,
            call.place,
            lambda func, args, options: layers[0](args[0]).flatten(1),
        )
        return code_fix(self.name, f"x = {code}(x)  # {where}", why, patch)

    def resized(self, spatial: int) -> Fix | None:
        """Find the image size that the model was made for, by trying sizes."""
        given = self.failure.first_input()
        if given is None or given[1].dim() != spatial + 2 or spatial == 3:
            return None
        position, x = given
        if not x.is_floating_point():
            return None
        now = max(x.shape[2:])
        for size in self.sizes(now):
            fix = input_fix(
                self.failure,
                position,
                "interpolate",
                ((size,) * spatial,),
                message("the model was made for inputs of this size"),
            )
            if self.failure.runs(fix):
                return fix
        return None

    def sizes(self, now: int) -> list[int]:
        """Return sizes of images that the model may have been made for, the likely first."""
        maps = self.maps[2:]
        factor = now / max(maps)
        side = self.square(self.maps[1], len(maps))[0]
        guesses = [*_USUAL, round(side * factor), round((side + 1) * factor), now * 2, now // 2]
        near = [one for one in dict.fromkeys(guesses) if 0.5 < one / max(side * factor, 1) < 2]
        return sorted(near, key=lambda one: (one not in _USUAL, abs(one - side * factor)))[:6]

    def pooled(self, area: Shape, square: Shape, spatial: int) -> Fix | None:
        """Suggest one pooling more, where maps are twice as large as wanted."""
        if any(one // 2 != side for one, side in zip(area, square, strict=True)):
            return None
        code = f"nn.MaxPool{spatial}d(2)"
        layer = getattr(nn, f"MaxPool{spatial}d")(2)
        why = message("halves the maps once more: was one forgotten?")
        call = self.flattener
        assert call is not None
        where = message("before it is flattened")
        if call.layer is not None:
            return wrap_fix(self.failure, call.name, f"x = {code}(x)", why, layer)
        patch = Patch(call.kind, call.place, lambda func, args, options: layer(args[0]).flatten(1))
        return code_fix(self.name, f"x = {code}(x)  # {where}", why, patch)

    # ---- from one Linear to the next ----

    def own_settings(self, why: str) -> list[Fix]:
        call = self.flattener
        mixed = call is not None and call.input[:1] != call.output[:1]  # rows of several samples
        if self.name is None or mixed:
            return []
        return [setting_fix(self.failure, f"{self.name}.in_features", self.came, why)]

    def other_features(self) -> Iterator[Finding]:
        source = self.source
        fixes = self.own_settings(message("{came} features come for each sample", came=self.came))
        if source is not None and source.kind == "Linear":
            fixes.append(
                setting_fix(
                    self.failure,
                    f"{source.name}.out_features",
                    self.wanted,
                    message("or let {name} make as many as are wanted", name=source.name),
                )
            )
        if self.position is not None and len(self.shape) >= 3:
            flat = prod(self.shape[1:])
            fixes = [
                input_fix(
                    self.failure,
                    self.position,
                    "flatten",
                    (1,),
                    message("{shape} becomes (N, {flat})", shape=self.shape, flat=flat),
                ),
                *fixes,
            ]
        yield self.finding(
            "feature-mismatch",
            message(
                "{layer} wants {wanted} features, but {came} come.",
                layer=self.title,
                wanted=self.wanted,
                came=self.came,
            ),
            message(
                "A Linear layer multiplies the last axis by its weight of shape "
                "(out_features, in_features): that axis has to be as long as in_features."
            ),
            fixes,
        )


_USUAL = (224, 32, 28, 64, 227, 299, 256, 96, 128, 48, 16)
