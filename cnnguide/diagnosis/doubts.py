"""What runs, but is probably wrong."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from cnnguide.axes import Shape
from cnnguide.diagnosis.compared import broadcast_shape
from cnnguide.diagnosis.failure import titled
from cnnguide.diagnosis.repairs import Attempt
from cnnguide.diagnosis.report import Doubt
from cnnguide.diagnosis.witness import Call, Seen, Testimony, watch
from cnnguide.language import message
from cnnguide.recorder import is_layer, module_names

__all__ = ["doubts"]

_Within = tuple[tuple[str, nn.Module], ...]


def doubts(attempt: Attempt) -> tuple[Testimony, tuple[Doubt, ...]]:
    """Run a call once, and return what was seen of it with what looks wrong."""
    said = watch(attempt.target, attempt.args, attempt.kwargs, begin=_looked_at)
    if said.error is not None:
        return said, ()
    way = _Way(said)
    found = [*way.broadcasts(), *way.softmaxes(), *way.narrow_branches()]
    found += [*way.dead_activations(), *way.forgotten_modes()]
    return said, tuple(_once(found))


def _once(found: list[Doubt]) -> list[Doubt]:
    """Leave out what is said of a layer again: a step may run a model twice."""
    first: dict[tuple[str, str | None], Doubt] = {}
    for doubt in found:
        first.setdefault((doubt.cause, doubt.layer), doubt)
    return list(first.values())


# ---- what has to be looked at while it runs ----


def _looked_at(call: Call, tensors: tuple[Tensor, ...], within: _Within) -> None:
    """Note what is not to be known afterwards: modes, and what a ReLU is about to overwrite."""
    call.extras["within"] = within
    if call.layer is not None:
        call.extras["training"] = call.layer.training
        call.extras["outer training"] = within[0][1].training
    if call.kind in _RELUS and tensors:
        call.extras["dead"] = _all_below_zero(tensors[0])


_RELUS = ("ReLU", "relu", "ReLU6", "relu6")


def _all_below_zero(x: Tensor) -> bool:
    """Return whether there is no number above 0, but at least one below."""
    if x.is_meta or not x.is_floating_point() or not x.numel() or x.layout is not torch.strided:
        return False
    try:
        numbers = x.detach()
        if numbers.max() > 0 or numbers.min() == 0:
            return False
        return not _is_constant(numbers)
    except (RuntimeError, NotImplementedError):  # numbers that can't be read, as in vmap
        return False


def _is_constant(x: Tensor) -> bool:
    """Return whether all pixels of all samples are the same: zeros went in, and biases came out."""
    if x.dim() < 3 and x.shape[0] < 2:
        return False
    rows = x.transpose(0, 1).flatten(1) if x.dim() > 1 else x[None]
    return bool((rows == rows[:, :1]).all())


# ---- what was seen ----

# Losses that compare number by number and stretch one of the two if they can
_COMPARING = {
    *("MSELoss", "mse_loss", "L1Loss", "l1_loss", "SmoothL1Loss", "smooth_l1_loss"),
    *("HuberLoss", "huber_loss", "PoissonNLLLoss", "poisson_nll_loss"),
}
_CROSS_ENTROPY = {"CrossEntropyLoss", "cross_entropy"}
_LOSSES = {
    *_COMPARING,
    *_CROSS_ENTROPY,
    *("NLLLoss", "nll_loss", "BCELoss", "binary_cross_entropy", "BCEWithLogitsLoss"),
    *("binary_cross_entropy_with_logits", "KLDivLoss", "kl_div", "CTCLoss", "ctc_loss"),
    *("GaussianNLLLoss", "gaussian_nll_loss", "SoftMarginLoss", "soft_margin_loss"),
    *("TripletMarginLoss", "triplet_margin_loss", "CosineEmbeddingLoss", "cosine_embedding_loss"),
    *("MarginRankingLoss", "margin_ranking_loss", "HingeEmbeddingLoss", "hinge_embedding_loss"),
    *("MultiLabelSoftMarginLoss", "multilabel_soft_margin_loss", "MultiMarginLoss"),
    *("multi_margin_loss", "MultiLabelMarginLoss", "multilabel_margin_loss"),
    *("TripletMarginWithDistanceLoss", "triplet_margin_with_distance_loss"),
    *("AdaptiveLogSoftmaxWithLoss", "LinearCrossEntropyLoss"),
}
_SOFTMAXES = {"Softmax", "softmax", "Softmax2d"}
# What leaves probabilities what they are
_KEEPING = {
    *("view", "reshape", "flatten", "Flatten", "Unflatten", "unflatten", "permute", "transpose"),
    *("squeeze", "unsqueeze", "contiguous", "to", "float", "double", "clone", "detach", "T"),
    *("getitem", "movedim", "moveaxis", "swapaxes", "view_as", "reshape_as", "Identity", "mT"),
    *("Dropout", "dropout", "clamp", "clip", "type", "cpu", "cuda", "requires_grad", "select"),
    *("narrow", "index_select", "masked_select"),
}
_SUMS = {"add", "iadd", "radd", "sub", "isub", "rsub", "subtract"}
# What leaves the number of channels to the convolution before it
_PER_CHANNEL = {
    *("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "batch_norm", "SyncBatchNorm", "GroupNorm"),
    *("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "Identity", "Dropout", "Dropout1d"),
    *("Dropout2d", "Dropout3d", "dropout", "ReLU", "relu", "ReLU6", "relu6", "LeakyReLU", "GELU"),
    *("leaky_relu", "gelu", "SiLU", "silu", "ELU", "elu", "PReLU", "prelu", "Hardswish", "Mish"),
    *("Upsample", "interpolate", "MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d"),
    *("max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "contiguous", "clone", "to"),
}
# What lies between a layer with weights and its activation
_NEUTRAL = {
    *("Identity", "Dropout", "dropout", "Dropout1d", "Dropout2d", "Dropout3d", "contiguous"),
    *("to", "clone", "float", "view", "reshape", "flatten", "Flatten", "permute", "transpose"),
    *("squeeze", "unsqueeze", "MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d"),
    *("AvgPool3d", "max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d"),
    *("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "adaptive_avg_pool2d"),
    *("mean", "getitem"),
}
_NORMS = {
    *("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm", "GroupNorm", "LayerNorm"),
    *("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LocalResponseNorm", "RMSNorm"),
    *("batch_norm", "group_norm", "layer_norm", "instance_norm"),
}
_WEIGHTED = {
    *("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
    *("Linear", "Bilinear", "conv1d", "conv2d", "conv3d", "linear", "conv_transpose1d"),
    *("conv_transpose2d", "conv_transpose3d"),
}
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
FEW_CHANNELS = 4  # fewer are all below 0 now and then, by mere chance
FEW_UNITS = 8
FEW_PIXELS = 16


class _Way:
    """The calls on the way, and what looks wrong among them."""

    def __init__(self, said: Testimony) -> None:
        self.said = said
        self.calls = said.calls

    def maker(self, seen: Seen) -> Call | None:
        """Return the call that made a tensor."""
        if seen.maker is None or seen.maker < 0:
            return None
        return self.calls[seen.maker]

    def before(self, seen: Seen, kinds: set[str]) -> Call | None:
        """Return the call that a tensor comes from, beyond calls of these kinds."""
        call = self.maker(seen)
        while call is not None and call.kind in kinds and call.inputs:
            call = self.maker(call.inputs[0])
        return call

    # ---- (N, 1) against (N,) ----

    def broadcasts(self) -> Iterator[Doubt]:
        for call in self.calls:
            if call.kind not in _COMPARING or len(call.inputs) < 2:
                continue
            output, target = call.inputs[:2]
            if not _is_stretched(output.shape, target.shape) or self.is_meant(call):
                continue
            both = broadcast_shape(output.shape, target.shape)
            yield Doubt(
                "target-broadcast",
                _layer_name(call),
                message(
                    "{loss} compares an output {output} with a target {target}: both are "
                    "stretched to {both}, so that each output is compared with each target. Bring "
                    "both to one shape, with output.squeeze(1) or target.unsqueeze(1).",
                    loss=_title(call),
                    output=output.shape,
                    target=target.shape,
                    both=both,
                ),
            )
        yield from self.differences()

    def differences(self) -> Iterator[Doubt]:
        """Look at losses that are written by hand, such as ``((output - y) ** 2).mean()``."""
        for place, call in enumerate(self.calls):
            if call.kind not in ("sub", "rsub") or len(call.inputs) != 2:
                continue
            target, output = sorted(call.inputs, key=lambda one: len(one.shape))
            column = (*target.shape, 1)
            if len(target.shape) != 1 or output.shape != column or target.shape[0] < 2:
                continue
            source, given = self.before(output, _NEUTRAL), self.first(target)
            if source is None or source.kind not in _WEIGHTED or (given.maker or 0) >= 0:
                continue
            if not any(
                one.kind in ("pow", "square", "abs") and one.inputs[0].maker == place
                for one in self.calls
                if one.inputs
            ):
                continue
            yield Doubt(
                "target-broadcast",
                None,
                message(
                    "An output {output} minus a target {target} is {both}: both are stretched, so "
                    "that each output is compared with each target. Bring both to one shape, with "
                    "output.squeeze(1) or target.unsqueeze(1).",
                    output=output.shape,
                    target=target.shape,
                    both=call.output,
                ),
            )

    def first(self, seen: Seen) -> Seen:
        """Return what a tensor was before its type was changed."""
        call = self.maker(seen)
        while call is not None and call.kind in ("to", "float", "double", "type") and call.inputs:
            seen = call.inputs[0]
            call = self.maker(seen)
        return seen

    def is_meant(self, call: Call) -> bool:
        """Return whether all pairs are wanted: the loss of each is kept, one axis was added."""
        if not call.output:
            return False
        makers = [self.maker(one) for one in call.inputs[:2]]
        return any(one is not None and one.kind in ("unsqueeze", "getitem") for one in makers)

    # ---- softmax twice ----

    def softmaxes(self) -> Iterator[Doubt]:
        for call in self.calls:
            if call.kind not in _CROSS_ENTROPY or not call.inputs:
                continue
            scores = call.inputs[0]
            if not scores.dtype.is_floating_point and len(call.inputs) > 1:
                scores = call.inputs[1]  # the target was named first
            found = self.before(scores, _KEEPING)
            if found is None or found.kind not in _SOFTMAXES:
                continue
            yield Doubt(
                "softmax-before-cross-entropy",
                _layer_name(found),
                message(
                    "{softmax} comes before {loss}, which holds a softmax itself: it gets "
                    "probabilities where it wants logits. Its gradients become small, and it "
                    "learns slowly or not at all. Leave the softmax out while training; for "
                    "predictions, put it after the model.",
                    softmax=_title(found),
                    loss=_title(call),
                ),
            )

    # ---- one channel added to many ----

    def narrow_branches(self) -> Iterator[Doubt]:
        for place, call in enumerate(self.calls):
            if call.kind not in _SUMS or len(call.inputs) != 2:
                continue
            narrow, wide = sorted(call.inputs, key=lambda one: one.shape[1:2])
            if not _is_one_channel(narrow.shape, wide.shape) or wide.maker is None:
                continue
            source = self.before(narrow, _PER_CHANNEL)
            if source is None or not source.kind.lower().startswith("conv"):
                continue
            if self.is_centred(place, wide):
                continue
            yield Doubt(
                "one-channel-broadcast",
                source.name or None,
                message(
                    "{source} gives 1 channel, {narrow}, and it is added to {count} channels, "
                    "{wide}: the one is added to each of them. A shortcut needs as many channels "
                    "as what it is added to: out_channels={count}.",
                    source=_title(source),
                    narrow=narrow.shape,
                    wide=wide.shape,
                    count=wide.shape[1],
                ),
            )

    def is_centred(self, place: int, wide: Seen) -> bool:
        """Return whether a mean over the channels is taken: so one value is added on purpose."""
        makers = {place, wide.maker}
        made = self.maker(wide)
        makers |= {one.maker for one in made.inputs} if made is not None else set()
        return any(
            call.kind in ("mean", "amax", "max")
            and call.inputs
            and call.inputs[0].maker in makers
            and call.output[1:2] != call.input[1:2]
            for call in self.calls
        )

    # ---- nothing but zeros ----

    def dead_activations(self) -> Iterator[Doubt]:
        for call in self.calls:
            if not call.extras.get("dead") or not _is_large(call.input):
                continue
            source = self.fed_by(call)
            if source is None:
                continue
            layer = call.name if call.layer is not None else source.name
            yield Doubt(
                "dead-activation",
                layer or None,
                message(
                    "{relu} gives 0 everywhere, as all that {source} gives is 0 or below. What is "
                    "0 passes no gradient on: the layers before it do not learn. Look at the "
                    "weights and biases of {source}: a smaller learning rate, another "
                    "initialization or a normalization before the activation keep it alive.",
                    relu=_title(call),
                    source=_title(source),
                ),
            )
            return  # what comes after it sees nothing but its zeros

    def fed_by(self, call: Call) -> Call | None:
        """Return the layer with weights, or the norm, whose output an activation gets."""
        source = self.before(call.inputs[0], _NEUTRAL)
        if source is None:
            return None
        if source.kind in _WEIGHTED or source.kind in _NORMS:
            return source
        within = call.extras.get("within", ())
        if source.kind not in ("add", "iadd") or len(source.inputs) != 2 or not within:
            return None
        branches = [self.before(one, _NEUTRAL) for one in source.inputs]
        known = [one for one in branches if one and one.kind in _WEIGHTED | _NORMS]
        return known[0] if known and None not in branches else None

    # ---- training mode where nothing is trained ----

    def forgotten_modes(self) -> Iterator[Doubt]:
        if self.said.backward or any(call.kind in _LOSSES | {"grad"} for call in self.calls):
            return
        if self.is_loss(self.said.output):
            return
        acting = [call for call in self.calls if _acts_in_training(call)]
        if not acting or any(call.input[:1] != (1,) or len(call.input) < 2 for call in acting):
            return
        model = self.model_in_training(acting[0])
        if model is None or not self.gets_one_sample(acting[0], model):
            return
        first = acting[0]
        drops = isinstance(first.layer, _DROPOUTS)
        text = (
            message(
                "The model is in training mode and gets a single sample: {layer} drops numbers at "
                "random, so that the result differs each time. Call model.eval() before you "
                "predict.",
                layer=_title(first),
            )
            if drops
            else message(
                "The model is in training mode and gets a single sample: {layer} normalizes with "
                "the mean and the variance of this sample alone, and mixes them into those that it "
                "has learned. Call model.eval() before you predict.",
                layer=_title(first),
            )
        )
        yield Doubt("train-mode-one-sample", None, text)

    def is_loss(self, output: object) -> bool:
        """Return whether one number with a gradient comes out: a loss to be trained with."""
        return isinstance(output, Tensor) and output.dim() == 0 and output.requires_grad

    def model_in_training(self, call: Call) -> nn.Module | None:
        """Return the model that a layer is part of, if it is in training mode as a whole."""
        within: _Within = call.extras.get("within", ())
        outer = within[0][1] if within else None
        if outer is not None and outer is not call.layer:
            return outer if call.extras.get("outer training") else None
        for root in self.said.roots.values():
            if not is_layer(root) and any(one is call.layer for _, one in module_names(root)):
                return root if root.training else None
        return None

    def gets_one_sample(self, call: Call, model: nn.Module) -> bool:
        """Return whether it is a batch of one: not a time step of many samples, say."""
        for _, module in module_names(model):
            if getattr(module, "batch_first", True) is False:
                return False
        firsts = [one for one in self.calls if call.extras.get("within", ())[:1] == _outer(one)]
        first = firsts[0] if firsts else call
        return first.input[:1] == (1,)


def _outer(call: Call) -> _Within:
    within: _Within = call.extras.get("within", ())
    return within[:1]


def _acts_in_training(call: Call) -> bool:
    """Return whether a layer did what it does in training mode only."""
    layer = call.layer
    if not call.extras.get("training"):
        return False
    if isinstance(layer, _BATCH_NORMS):
        return layer.track_running_stats
    return isinstance(layer, _DROPOUTS) and layer.p > 0


def _is_stretched(output: Shape, target: Shape) -> bool:
    """Return whether two shapes of different ranks are both stretched to a third."""
    if len(output) == len(target) or not (output and target):
        return False
    both = broadcast_shape(output, target)
    if both is None:
        return False
    size = torch.Size(both).numel()
    larger = max(torch.Size(output).numel(), torch.Size(target).numel())
    return size > larger or (output[0] == target[0] > 1 and min(len(output), len(target)) == 1)


def _is_one_channel(narrow: Shape, wide: Shape) -> bool:
    """Return whether (N, 1, H, W) meets (N, C, H, W), with more than one pixel."""
    if len(narrow) != len(wide) or len(narrow) < 3:
        return False
    same = (narrow[0], *narrow[2:]) == (wide[0], *wide[2:])
    return same and narrow[1] == 1 < wide[1] and torch.Size(narrow[2:]).numel() > 1


def _is_large(shape: Shape) -> bool:
    """Return whether so many numbers can't all be below 0 by chance."""
    if len(shape) < 2:
        return False
    if len(shape) == 2:
        return shape[1] >= FEW_UNITS
    pixels = torch.Size(shape[2:]).numel()
    return shape[1] >= FEW_CHANNELS and pixels >= FEW_PIXELS


def _title(call: Call) -> str:
    """Name a call: ``conv1 (Conv2d)``, or the function."""
    if call.layer is None:
        return f"{call.kind}()"
    return titled(call.name, call.kind)


def _layer_name(call: Call) -> str | None:
    return (call.name or None) if call.layer is not None else None
