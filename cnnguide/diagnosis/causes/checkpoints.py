"""Checkpoints that do not fit the model they are loaded into: names, shapes, wrappings."""

from __future__ import annotations

import ast
import copy
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from cnnguide.axes import Shape
from cnnguide.diagnosis.failure import Failure, Finding, marked_shape, titled
from cnnguide.diagnosis.phrases import code_fix, failing_call, name_in, setting_fix, value_of
from cnnguide.diagnosis.repairs import (
    Built,
    Fix,
    Replaced,
    Wrapped,
    altered,
    layer_code,
    settings_of,
)
from cnnguide.diagnosis.witness import own_frames
from cnnguide.language import message

__all__ = ["explain"]

Layers = dict[str, dict[str, Shape]]
"""The layers with entries in a state: the shape of each entry by its last name."""

_FEW = 12  # layers whose settings are named one by one
_HEADS = 2  # layers that may be left out, and trained anew
_WRAPPERS = ("module.", "_orig_mod.")  # DataParallel's and torch.compile's


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a state that can't be loaded into a model or an optimizer."""
    for frame, _ in own_frames(failure.error.__traceback__):
        if frame.f_code.co_name != "load_state_dict":
            continue
        home, owner = frame.f_globals.get("__name__"), frame.f_locals.get("self")
        if home == "torch.nn.modules.module" and isinstance(owner, nn.Module):
            yield from _Loading(failure, frame, owner).findings()
            return
        if home == "torch.optim.optimizer" and isinstance(owner, torch.optim.Optimizer):
            yield from _optimizer(failure, frame, owner)
            return
    yield from _state_as_model(failure)


@dataclass(frozen=True)
class _Otherwise:
    """Load something else than what was given, or into something else."""

    kind: type[Any]
    """The class of what is loaded into: others are loaded as before."""
    change: Callable[[Any], Any]
    name: str
    """What the state is called once it is changed."""
    loose: bool = False
    """Whether entries may be missing or left over."""
    inner: str = ""
    """The part of the model that is loaded into instead of the whole."""

    def __call__(self, original: Any) -> Any:
        def load_state_dict(owner: Any, state_dict: Any, *args: Any, **kwargs: Any) -> Any:
            if type(owner) is not self.kind:
                return original(owner, state_dict, *args, **kwargs)
            given = self.change(state_dict)
            if self.loose:
                args, kwargs = args[1:], kwargs | {"strict": False}
            if self.inner:
                return owner.get_submodule(self.inner).load_state_dict(given, *args, **kwargs)
            return original(owner, given, *args, **kwargs)

        return load_state_dict


class _Loading:
    """A model, and a state that does not go into it."""

    def __init__(self, failure: Failure, frame: FrameType, module: nn.Module) -> None:
        self.failure = failure
        self.module = module
        self.given = frame.f_locals.get("state_dict")
        self.strict = frame.f_locals.get("strict", True) is True
        self.missing: list[str] = list(frame.f_locals.get("missing_keys", ()))
        self.unexpected: list[str] = list(frame.f_locals.get("unexpected_keys", ()))
        self.messages = [str(one) for one in frame.f_locals.get("error_msgs", ())]

    # ---- what both hold ----

    @cached_property
    def own(self) -> dict[str, Shape]:
        """The shapes that the model has, by name."""
        try:
            return _shapes(self.module.state_dict(keep_vars=True))
        except Exception:  # a state_dict of somebody's own
            return _shapes({**dict(self.module.named_parameters())})

    @cached_property
    def stored(self) -> dict[str, Shape]:
        """The shapes in the state, by name."""
        return _shapes(self.given) if isinstance(self.given, Mapping) else {}

    @cached_property
    def clashing(self) -> list[str]:
        """The names whose shapes differ, as torch found them."""
        return [
            name
            for name in self.own
            if name in self.stored
            and any(one.startswith(f"size mismatch for {name}:") for one in self.messages)
        ]

    @property
    def from_a_state_dict(self) -> bool:
        """Whether state_dict() made the state: it notes the versions of layers."""
        return getattr(self.given, "_metadata", None) is not None

    @property
    def matched(self) -> int:
        """How many entries have a name that the model knows."""
        return sum(name in self.own for name in self.stored)

    # ---- how it is written ----

    @cached_property
    def call(self) -> ast.Call | None:
        found = failing_call(self.failure, "load_state_dict")
        return None if found is None else found[1]

    @cached_property
    def model_code(self) -> str:
        """How the line names the model."""
        if self.call is not None and isinstance(self.call.func, ast.Attribute):
            return _written(self.call.func.value)
        return "model"

    @cached_property
    def state_code(self) -> str:
        """How the line names the state."""
        earlier = [
            one.change.name
            for one in self.failure.attempt.built
            if isinstance(one, Replaced) and isinstance(one.change, _Otherwise)
        ]
        if earlier:
            return earlier[-1]
        if self.call is not None:
            given = [*self.call.args, *(one.value for one in self.call.keywords)]
            if given:
                return _written(given[0])
        return "state"

    @property
    def state_name(self) -> str:
        """A name for the state once it is changed."""
        return self.state_code if self.state_code.isidentifier() else "state"

    def prefix(self) -> str:
        """Return the name of what is loaded into, within the models that were called."""
        return name_in(self.failure, self.module) or ""

    def full(self, name: str) -> str:
        return ".".join(filter(None, (self.prefix(), name)))

    def otherwise(
        self,
        change: Callable[[Any], Any],
        name: str | None = None,
        loose: bool = False,
        inner: str = "",
    ) -> Replaced:
        how = _Otherwise(type(self.module), change, name or self.state_name, loose, inner)
        return Replaced(nn.Module, "load_state_dict", how)

    def loads(self, code: str, loose: bool = False) -> str:
        """Write the line that loads a state."""
        strict = ", strict=False" if loose else ""
        return f"{self.model_code}.load_state_dict({code}{strict})"

    def renamed(
        self, code: str, change: Callable[[str], str | None], why: str, loose: bool = False
    ) -> Fix:
        """Change the names in the state; those that become None are left out."""

        def changed(state: Any) -> Any:
            named = {name: change(name) for name in state}
            return {new: state[name] for name, new in named.items() if new is not None}

        line = f"{self.state_name} = {code}"
        if loose:
            line = self.loads(code, loose=True)
        elif not self.state_code.isidentifier():
            line += "  # " + message("then {line}", line=self.loads(self.state_name))
        return code_fix(None, line, why, self.otherwise(changed, loose=loose))

    def finding(
        self, cause: str, layer: str | None, what: str, why: str, fixes: list[Fix], **more: str
    ) -> Finding:
        return Finding(cause, layer, what, why, fixes=fixes, **more)

    # ---- what can be wrong ----

    def findings(self) -> Iterator[Finding]:
        if not isinstance(self.given, Mapping):
            yield self.no_state()
            return
        steps = (
            self.wrapped,
            self.of_an_optimizer,
            self.arrays,
            self.prefixed,
            self.for_a_part,
            self.other_names,
            self.other_entries,
        )
        # what comes later would only hide what is wrong first
        yield from next(filter(None, (list(step()) for step in steps)), [])

    def other_entries(self) -> Iterator[Finding]:
        """Explain layers that were made otherwise; else those that one of the two lacks."""
        found = [*self.other_settings(), *self.other_shapes()]
        yield from found or self.left_over()

    # ---- no state at all ----

    def no_state(self) -> Finding:
        given, code = self.given, self.state_code
        what = message(
            "load_state_dict wants a state dict, the table of a model's tensors by name; it was "
            "given a value of type {kind}.",
            kind=type(given).__name__,
        )
        why = message(
            "model.state_dict() makes such a table, and torch.load reads one from a file."
        )
        fixes: list[Fix] = []
        if isinstance(given, nn.Module):
            what = message(
                "load_state_dict was given a whole model ({kind}), not its state dict.",
                kind=type(given).__name__,
            )
            fixes = [
                code_fix(
                    None,
                    self.loads(f"{code}.state_dict()"),
                    message("the table of its tensors"),
                    self.otherwise(lambda one: one.state_dict(), f"{code}.state_dict()"),
                )
            ]
        elif callable(given):
            fixes = [
                code_fix(
                    None,
                    self.loads(f"{code}()"),
                    message("the parentheses call it: without them it is the method itself"),
                    self.otherwise(lambda one: one(), f"{code}()"),
                )
            ]
        elif isinstance(given, str | os.PathLike):
            fixes = [self.read(code)]
        elif isinstance(given, tuple | list):
            fixes = self.among(given, code)
        return self.finding("not-a-state-dict", None, what, why, fixes)

    def read(self, code: str) -> Fix:
        """Read the file whose name was given."""
        how = []
        if os.path.isfile(self.given):  # type: ignore[arg-type]  # a path, as was just seen
            how = [
                self.otherwise(lambda path: torch.load(path, map_location="cpu", weights_only=True))
            ]
        return code_fix(
            None,
            self.loads(f'torch.load({code}, map_location="cpu", weights_only=True)'),
            message("this is the name of a file: torch.load reads it"),
            *how,
        )

    def among(self, given: Any, code: str) -> list[Fix]:
        """Choose the state in a tuple or a list."""
        for at, one in enumerate(given):
            if isinstance(one, Mapping) and any(name in self.own for name in one):
                how = self.otherwise(lambda several, at=at: several[at], f"{code}[{at}]")  # type: ignore[misc]  # the default binds it now
                line = self.loads(f"{code}[{at}]")
                return [code_fix(None, line, message("the state is one of several things"), how)]
        return []

    # ---- the state within something else ----

    def wrapped(self) -> Iterator[Finding]:
        """Explain a checkpoint that holds the state under a name, with other things."""
        if self.matched:
            return
        path = self.inner_state(self.given, 3)
        if not path:
            return
        inner = _at(self.given, path)
        code = self.state_code + "".join(f"[{key!r}]" for key in path).replace("'", '"')
        if isinstance(inner, nn.Module):
            code += ".state_dict()"
        yield self.finding(
            "wrapped-checkpoint",
            None,
            message(
                "What was given is a whole checkpoint, not the state dict: it holds {names}.",
                names=", ".join(map(str, [*(self.given or ())][:6])),
            ),
            message(
                'The model\'s tensors are one level deeper, under "{key}". The other entries '
                "belong to the training: the epoch, the optimizer and so on.",
                key=path[-1],
            ),
            [
                code_fix(
                    None,
                    self.loads(code),
                    message("the state dict within the checkpoint"),
                    self.otherwise(lambda state: _state_at(state, path), code),
                )
            ],
        )

    def inner_state(self, value: Any, depth: int) -> tuple[Any, ...]:
        """Return under which names the state stands; empty where there is none."""
        best: tuple[int, tuple[Any, ...]] = (0, ())
        for key, one in value.items() if isinstance(value, Mapping) else ():
            state = one.state_dict() if isinstance(one, nn.Module) else one
            if not isinstance(state, Mapping) or "param_groups" in state:
                continue
            score = _likeness(state, self.own)
            if score > best[0]:
                best = score, (key,)
            elif depth > 1:
                deeper = self.inner_state(one, depth - 1)
                score = _likeness(_at(one, deeper), self.own) if deeper else 0
                if score > best[0]:
                    best = score, (key, *deeper)
        return best[1]

    def of_an_optimizer(self) -> Iterator[Finding]:
        """Explain the state of an optimizer that is given to a model."""
        assert isinstance(self.given, Mapping)
        if self.matched or "param_groups" not in self.given:
            return
        yield self.finding(
            "state-of-an-optimizer",
            None,
            message("This is the state of an optimizer, not of a model."),
            message(
                "An optimizer's state holds param_groups and its own running means. The model's "
                "state holds weights by the names of layers."
            ),
            [
                Fix(
                    "constraint",
                    None,
                    code=self.loads("model_state"),
                    why=message("give the model its own state, and this one to the optimizer"),
                )
            ],
        )

    def arrays(self) -> Iterator[Finding]:
        """Explain a state of numpy arrays."""
        assert isinstance(self.given, Mapping)
        others = [
            name
            for name, one in self.given.items()
            if name in self.own and not isinstance(one, Tensor) and hasattr(one, "__array__")
        ]
        if not others:
            return

        def changed(state: Any) -> Any:
            return {name: torch.as_tensor(one) for name, one in state.items()}

        code = (
            f"{self.state_name} = {{k: torch.as_tensor(v) for k, v in {self.state_code}.items()}}"
        )
        yield self.finding(
            "checkpoint-of-arrays",
            None,
            message("The checkpoint holds numpy arrays where tensors are wanted."),
            message("load_state_dict copies tensors only."),
            [code_fix(None, code, message("each array becomes a tensor"), self.otherwise(changed))],
        )

    # ---- prefixes ----

    def prefixed(self) -> Iterator[Finding]:
        """Explain names that all begin with the same word: module., model. …"""
        found = self.superfluous()
        if found is None:
            return
        word, anywhere = found
        all_have = all(word in name if anywhere else name.startswith(word) for name in self.stored)
        if anywhere:
            code = f'{{k.replace("{word}", ""): v for k, v in {self.state_code}.items()}}'
        elif all_have:
            code = f'{{k.removeprefix("{word}"): v for k, v in {self.state_code}.items()}}'
        else:
            code = (
                f'{{k.removeprefix("{word}"): v for k, v in {self.state_code}.items() '
                f'if k.startswith("{word}")}}'
            )

        def change(name: str) -> str | None:
            if anywhere:
                return name.replace(word, "")
            return name.removeprefix(word) if name.startswith(word) else None

        first = next(name for name in self.stored if word in name)
        yield self.finding(
            "checkpoint-prefix",
            None,
            message(
                'The names in the checkpoint begin with "{word}", those of the model do not: '
                '"{stored}" is its "{own}".',
                word=word,
                stored=first,
                own=change(first) or first,
            )
            if not anywhere
            else message(
                'The names in the checkpoint hold "{word}", those of the model do not: '
                '"{stored}" is its "{own}".',
                word=word,
                stored=first,
                own=change(first) or first,
            ),
            _origin(word),
            [self.renamed(code, change, message("takes the prefix off each name"))],
        )

    def superfluous(self) -> tuple[str, bool] | None:
        """Return the word that stands in the state's names only, and whether in mid-name."""
        counts = Counter(
            name[: at + 1]
            for name in self.stored
            for at, letter in enumerate(name)
            if letter == "." and self.agree(name[at + 1 :], name)
        )
        word, count = max(counts.items(), key=lambda one: one[1], default=("", 0))
        for one in _WRAPPERS:
            inside = sum(
                one in name and self.agree(name.replace(one, ""), name) for name in self.stored
            )
            if inside > count:
                return (one, True) if inside > self.matched else None
        if count > self.matched and 2 * count >= min(len(self.own), len(self.stored)):
            return word, False
        return None

    def agree(self, own: str, stored: str) -> bool:
        """Return whether an entry of the model is like one of the state."""
        ours, theirs = self.own.get(own), self.stored.get(stored)
        return ours is not None and ours == theirs

    def for_a_part(self) -> Iterator[Finding]:
        """Explain a state that belongs to a part of the model: model.module, model.backbone."""
        counts = Counter(
            name[: at + 1]
            for name in self.own
            for at, letter in enumerate(name)
            if letter == "." and self.agree(name, name[at + 1 :])
        )
        word, count = max(counts.items(), key=lambda one: one[1], default=("", 0))
        if count <= self.matched or 2 * count < len(self.stored):
            return
        part, whole = word[:-1], all(name.startswith(word) for name in self.own)
        line = f"{self.model_code}.{part}.load_state_dict({self.state_code})"
        fixes = [
            code_fix(
                None,
                line,
                message("loads it into the part that it belongs to"),
                self.otherwise(lambda state: state, inner=part),
            )
        ]
        if whole:
            code = f'{{"{word}" + k: v for k, v in {self.state_code}.items()}}'
            why = message("puts the prefix before each name")
            fixes.append(self.renamed(code, lambda name: word + name, why))
        yield self.finding(
            "checkpoint-of-a-part",
            None,
            message(
                'The names in the checkpoint lack "{word}", with which those of the model begin.',
                word=word,
            ),
            message(
                "The checkpoint was saved from what is {model}.{part} here: the same tensors, one "
                "level higher.",
                model=self.model_code,
                part=part,
            ),
            fixes,
        )

    # ---- other names ----

    def other_names(self) -> Iterator[Finding]:
        """Explain layers that have the same shapes under other names."""
        if not (self.missing and self.unexpected):
            return
        own, stored = _layers(self.own), _layers(self.stored)
        same = {name for name in stored if stored[name] == own.get(name)}
        ours = {name: one for name, one in own.items() if name not in same}
        theirs = {name: one for name, one in stored.items() if name not in same}
        pairs = _aligned(theirs, ours)
        if not pairs or all(old == new for old, new in pairs.items()):
            return
        left = [name for name in ours if name not in pairs.values()]
        fix = self.renaming(pairs, bool(left))
        moved = [(old, new) for old, new in pairs.items() if old != new]
        why = message(
            "A name is made of attributes and of places in an nn.Sequential. A layer that was "
            "renamed, or put in before others, changes the names after it, though the weights "
            "are the same."
        )
        if left:
            why = message(
                "A name is made of attributes and of places in an nn.Sequential: a layer that is "
                "put in moves those after it. New in the model and not in the checkpoint: "
                "{layers}; they begin with random numbers and have to be trained.",
                layers=_listed(left),
            )
        yield self.finding(
            "renamed-layers",
            self.full(moved[0][1]) if len(moved) == 1 else None,
            message(
                'The checkpoint has "{old}" where the model has "{new}": the same shapes under '
                "another name.",
                old=moved[0][0],
                new=moved[0][1],
            )
            if len(moved) == 1
            else message(
                "The same shapes have other names in the checkpoint and in the model ({count} "
                'layers): "{old}" is now "{new}".',
                count=len(moved),
                old=moved[0][0],
                new=moved[0][1],
            ),
            why,
            [fix] if fix else [],
        )

    def renaming(self, pairs: dict[str, str], loose: bool) -> Fix | None:
        """Write how the names are changed."""
        wanted = {
            name: f"{pairs[layer]}.{last}" if pairs.get(layer) else name
            for name in self.stored
            for layer, _, last in [name.rpartition(".")]
        }
        why = message("gives the entries the names that the model has")
        for rule in _rules(pairs):
            if all(_replaced(name, rule) == new for name, new in wanted.items()):
                steps = "".join(f'.replace("{old}", "{new}")' for old, new in rule)
                code = f"{{k{steps}: v for k, v in {self.state_code}.items()}}"
                return self.renamed(
                    code,
                    lambda name, rule=rule: _replaced(name, rule),  # type: ignore[misc]  # binds it now
                    why,
                    loose,
                )
        if list(self.own.values()) == list(self.stored.values()):
            code = f"dict(zip({self.model_code}.state_dict(), {self.state_code}.values()))"
            why = message(
                "takes the tensors in order: number, order and shapes agree, only the names don't"
            )
            names = dict(zip(self.stored, self.own, strict=True))
            return self.renamed(code, names.get, why)
        return None

    # ---- settings ----

    def other_settings(self) -> Iterator[Finding]:
        """Explain biases and the like that one of the two has and the other has not."""
        missing, unexpected = _grouped(self.missing), _grouped(self.unexpected)
        if not self.from_a_state_dict and set().union(*missing.values()) <= _STATISTICS:
            return  # rather a checkpoint of the parameters only
        changes: list[tuple[str, nn.Module, dict[str, Any]]] = []
        for path in dict.fromkeys([*missing, *unexpected]):
            layer = self.part(path)
            if layer is None or self.other_layer(path, missing, unexpected):
                continue
            found = _switch(layer, missing.get(path, set()), unexpected.get(path, set()))
            if found:
                changes.append((path, layer, found))
        yield from self.reparametrized(missing, unexpected)
        if not changes or len(changes) > _FEW:
            return
        path, layer, settings = changes[0]
        setting, value = next(iter(settings.items()))
        lacks = bool(missing.get(path))
        entries = ", ".join(sorted(missing.get(path) or unexpected[path]))
        what = (
            message(
                "{layer} has {entries}, but the checkpoint has none for it.",
                layer=self.title(path, layer),
                entries=entries,
            )
            if lacks
            else message(
                "The checkpoint has {entries} for {layer}, the model has not.",
                layer=self.title(path, layer),
                entries=entries,
            )
        )
        why = message(
            "The layer was made with {setting}={value} when the checkpoint was saved.",
            setting=setting,
            value=value,
        )
        if setting == "bias" and isinstance(layer, nn.modules.conv._ConvNd):
            why = message(
                "The layer was made with bias={value} when the checkpoint was saved. Often a "
                "convolution before a BatchNorm has no bias: it would be subtracted again.",
                value=value,
            )
        fixes = self.settings_fixes(changes, message("as the layer was when it was saved"))
        yield self.finding("layer-made-otherwise", self.full(path), what, why, fixes)

    def other_layer(
        self, path: str, missing: dict[str, set[str]], unexpected: dict[str, set[str]]
    ) -> bool:
        """Return whether all entries of a layer are missing: it is not the same layer."""
        if isinstance(self.part(path), nn.modules.instancenorm._InstanceNorm):
            return False  # all that it has is there by its setting affine
        own = {name.rpartition(".")[2] for name in self.own if name.rpartition(".")[0] == path}
        return bool(own) and missing.get(path, set()) >= own - {"num_batches_tracked"}

    def reparametrized(
        self, missing: dict[str, set[str]], unexpected: dict[str, set[str]]
    ) -> Iterator[Finding]:
        """Explain weights that the checkpoint has under spectral_norm or weight_norm."""
        for wrapper, names in _REPARAMETRIZED.items():
            layers = [path for path, one in unexpected.items() if names <= one]
            layers = [path for path in layers if "weight" in missing.get(path, ())]
            if not layers:
                continue
            full = [self.full(path) for path in layers]
            how = [Wrapped(name, _Reparametrized(wrapper)) for name in full]
            first = _place(self.model_code, layers[0])
            code = f"{first} = nn.utils.{wrapper}({first})"
            yield self.finding(
                "reparametrized-checkpoint",
                full[0],
                message(
                    "The checkpoint holds {names} for {layer}: there the layer was under "
                    "nn.utils.{wrapper}.",
                    names=", ".join(sorted(names)),
                    layer=full[0],
                    wrapper=wrapper,
                ),
                message(
                    "nn.utils.{wrapper} puts others in the place of the weight, and makes the "
                    "weight from them at each call.",
                    wrapper=wrapper,
                ),
                [
                    code_fix(
                        full[0],
                        code,
                        message(
                            "the model as it was saved; so for: {layers}", layers=_listed(full)
                        ),
                        *how,
                    )
                ],
            )

    def part(self, path: str) -> nn.Module | None:
        try:
            return self.module.get_submodule(path)
        except AttributeError:
            return None

    def title(self, path: str, layer: nn.Module) -> str:
        name = self.full(path)
        return titled(name, type(layer).__name__)

    def settings_fixes(
        self, changes: list[tuple[str, nn.Module, dict[str, Any]]], why: str
    ) -> list[Fix]:
        """Return the first change of a setting, with those that are needed after it."""
        fixes = [self.remade(path, layer, settings, why) for path, layer, settings in changes]
        first, *rest = fixes
        return [_followed(first, rest)]

    def remade(self, path: str, layer: nn.Module, changed: dict[str, Any], why: str) -> Fix:
        """Make a layer with other settings, wherever the model is made."""
        name = self.full(path)
        setting, value = next(iter(changed.items()))
        fix = setting_fix(self.failure, f"{name}.{setting}" if name else setting, value, why)
        settings = settings_of(layer)
        code = layer_code(layer, settings | changed)
        if path:
            code = f"self.{path} = {code}" if path.isidentifier() else f"{code}  # {name}"
        how: Any = Built(type(layer), settings, changed)  # the model is made within the call
        if name_in(self.failure, self.module) is not None:
            if len(changed) == 1:
                return fix
            how = Wrapped(name, lambda old: altered(old, changed, light=False))
        return Fix("set_attribute", fix.target, value, code=code, why=why, how=(how,))

    # ---- shapes ----

    def other_shapes(self) -> Iterator[Finding]:
        """Explain layers whose weights have other shapes in the checkpoint."""
        if not self.clashing:
            return
        grouped = _grouped(self.clashing)
        paths = list(grouped)
        path = paths[0]
        names = [one.rpartition(".")[2] for one in self.clashing if one.rpartition(".")[0] == path]
        last = "weight" if "weight" in names else names[0]
        entry = f"{path}.{last}" if path else last
        own, stored = self.own[entry], self.stored[entry]
        layer = self.part(path)
        if layer is None:
            return
        marks = [at for at, (one, two) in enumerate(zip(own, stored, strict=False)) if one != two]
        fixes, why = self.shape_fixes(grouped)
        if len(paths) <= _HEADS:
            fixes += self.adapted(path, layer, entry) or self.left_out(paths)
        what = (
            message(
                "{layer} has a {entry} of shape {own}, but the checkpoint's is {stored}.",
                layer=self.title(path, layer),
                entry=last,
                own=own,
                stored=stored,
            )
            if len(paths) == 1
            else message(
                "Several layers have other shapes in the checkpoint: {layers}. The first is "
                "{layer}: its {entry} is {own} here, {stored} in the checkpoint.",
                layers=_listed([self.full(one) for one in paths]),
                layer=self.title(path, layer),
                entry=last,
                own=own,
                stored=stored,
            )
        )
        yield self.finding(
            "checkpoint-shape",
            self.full(path) or None,
            what,
            why,
            fixes,
            expected=marked_shape(own, *marks),
            actual=marked_shape(stored, *marks),
        )

    def shape_fixes(self, grouped: dict[str, set[str]]) -> tuple[list[Fix], str]:
        """Return the settings that the checkpoint's shapes speak of, and what they mean."""
        choices: list[tuple[str, nn.Module, list[dict[str, Any]]]] = []
        for path, names in grouped.items():
            layer = self.part(path)
            if layer is None:
                return [], ""
            stored = {one: self.stored[f"{path}.{one}" if path else one] for one in names}
            choices.append((path, layer, self.settings(path, layer, stored)))
        if not all(found for _, _, found in choices) or len(choices) > _FEW:
            return self.parameters(choices) or self.rebuilt(choices), message(
                "Weights can be copied only where the shapes are the same. The checkpoint comes "
                "from a model that was made otherwise: with another width, other sizes or other "
                "layers."
            )
        first = [(path, layer, found[0]) for path, layer, found in choices]
        fixes = self.settings_fixes(first, message("the setting that the checkpoint was made with"))
        path, layer, found = choices[0]
        for other in found[1:]:
            fixes += self.settings_fixes(
                [(path, layer, other), *first[1:]],
                message("the other setting that makes a weight of this shape"),
            )
        return fixes, _shape_why(layer, found[0], self.is_head(path))

    def rebuilt(self, choices: list[tuple[str, nn.Module, list[dict[str, Any]]]]) -> list[Fix]:
        """Name what the model would have to be."""
        parts = [
            f"{self.full(path)}: " + ", ".join(f"{key}={value!r}" for key, value in one[0].items())
            for path, _, one in choices
            if one
        ]
        if not parts:
            return []
        code = "; ".join(parts[:_FEW]) + (" …" if len(parts) > _FEW else "")
        why = message("make the model as it was when the checkpoint was saved")
        return [Fix("constraint", None, code=code, why=why)]

    def parameters(self, choices: list[tuple[str, nn.Module, list[dict[str, Any]]]]) -> list[Fix]:
        """Give a module's own parameter the shape that it has in the checkpoint."""
        path, layer, _ = choices[0]
        entry = next((one for one in self.clashing if one.rpartition(".")[0] == path), "")
        last = entry.rpartition(".")[2]
        if len(choices) > 1 or type(layer).__module__.startswith("torch.nn."):
            return []
        code = f"self.{last} = nn.Parameter(torch.zeros{self.stored[entry]})"
        why = message("the shape that it has in the checkpoint")
        return [code_fix(self.full(path) or None, code, why)]

    def is_head(self, path: str) -> bool:
        """Return whether a layer is the last with a weight."""
        weights = [name for name, shape in self.own.items() if len(shape) > 1]
        return len(weights) > 1 and weights[-1].rpartition(".")[0] == path

    def is_first(self, path: str) -> bool:
        """Return whether a layer is the first with a weight."""
        weights = [name for name, shape in self.own.items() if len(shape) > 1]
        return bool(weights) and weights[0].rpartition(".")[0] == path

    def settings(
        self, path: str, layer: nn.Module, stored: dict[str, Shape]
    ) -> list[dict[str, Any]]:
        """Return the settings that make a layer's tensors so: several where it is not sure."""
        if isinstance(layer, nn.modules.conv._ConvNd):
            return _convolution(layer, stored, self.is_first(path))
        found = _settings_from(layer, stored)
        return [found] if found else []

    # ---- what is done to the state ----

    def adapted(self, path: str, layer: nn.Module, entry: str) -> list[Fix]:
        """Fit the first weights to another number of colours, or a Linear to a 1 × 1 kernel."""
        own, stored = self.own[entry], self.stored[entry]
        name = self.state_name
        if prod(own) == prod(stored) and _squeezed(own) == _squeezed(stored):
            code = f'{name}["{entry}"] = {name}["{entry}"].reshape({own})'
            why = message("the same numbers, with axes of length 1 more or fewer")
            return [self.exchanged(path, code, entry, lambda one: one.reshape(own), why)]
        plain = isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) and layer.groups == 1
        if not plain or not self.is_first(path) or len(own) != len(stored):
            return []
        if own[0] != stored[0] or own[2:] != stored[2:]:
            return []
        if own[1] == 1 and stored[1] in (3, 4):
            code = f'{name}["{entry}"] = {name}["{entry}"].sum(1, keepdim=True)'
            why = message(
                "or keep the trained filters for grey images: a grey pixel is red = green = blue, "
                "so their weights add up"
            )
            return [self.exchanged(path, code, entry, lambda one: one.sum(1, keepdim=True), why)]
        if stored[1] == 1 and own[1] in (3, 4):
            count, ones = own[1], ", 1" * (len(own) - 2)
            code = f'{name}["{entry}"] = {name}["{entry}"].repeat(1, {count}{ones}) / {count}'
            why = message(
                "or keep the trained filters for colours: each channel gets the same weights, "
                "divided by {count}",
                count=count,
            )
            times = (1, count, *[1] * (len(own) - 2))
            return [self.exchanged(path, code, entry, lambda one: one.repeat(times) / count, why)]
        return []

    def exchanged(
        self, path: str, code: str, entry: str, change: Callable[[Tensor], Tensor], why: str
    ) -> Fix:
        """Exchange one entry of the state."""

        def changed(state: Any) -> Any:
            return dict(state) | {entry: change(state[entry])}

        return code_fix(self.full(path) or None, code, why, self.otherwise(changed))

    def left_out(self, paths: list[str]) -> list[Fix]:
        """Load all but a few layers, and train these anew."""
        others = [one for one in self.stored if one in self.own and one not in self.clashing]
        begins = tuple(f"{path}." for path in paths)
        if not all(paths) or all(one.startswith(begins) for one in others):
            return []
        if any(map(self.is_first, paths)):  # on random first filters the others are of no use
            return []
        test = f'"{begins[0]}"' if len(begins) == 1 else str(begins).replace("'", '"')
        code = f"{{k: v for k, v in {self.state_code}.items() if not k.startswith({test})}}"

        def changed(state: Any) -> Any:
            return {name: one for name, one in state.items() if not name.startswith(begins)}

        return [
            code_fix(
                self.full(paths[0]),
                self.loads(code, loose=True),
                message(
                    "or keep the model as it is: load all but {layers}, which begins anew and has "
                    "to be trained",
                    layers=_listed([self.full(path) for path in paths]),
                ),
                self.otherwise(changed, loose=True),
            )
        ]

    # ---- what else is left ----

    def left_over(self) -> Iterator[Finding]:
        """Explain entries that only one of the two has."""
        missing, unexpected = list(_grouped(self.missing)), list(_grouped(self.unexpected))
        if self.clashing or not (missing or unexpected):
            return
        if not self.matched or (missing and unexpected):
            yield self.strange(missing, unexpected)
        elif unexpected:
            yield self.more_in_the_checkpoint(unexpected)
        elif {one.rpartition(".")[2] for one in self.missing} <= _STATISTICS:
            yield self.without_buffers(missing)
        else:
            yield self.fewer_in_the_checkpoint(missing)

    def strange(self, missing: list[str], unexpected: list[str]) -> Finding:
        what = message(
            "The checkpoint belongs to another model: of {count} names in it, the model knows "
            "{matched}.",
            count=len(self.stored),
            matched=self.matched,
        )
        why = message(
            "Only the model has: {missing}. Only the checkpoint has: {unexpected}. With "
            "strict=False all of these would be passed over without a word, and the model would "
            "compute with random numbers there.",
            missing=_listed(missing) or "–",
            unexpected=_listed(unexpected) or "–",
        )
        if not self.stored:
            what = message("The state dict holds no tensors.")
        fix = Fix(
            "constraint",
            None,
            code=f"{self.model_code}.state_dict().keys() == {self.state_code}.keys()",
            why=message("make the model from the class and the settings that it was saved with"),
        )
        return self.finding("checkpoint-of-another-model", None, what, why, [fix])

    def more_in_the_checkpoint(self, layers: list[str]) -> Finding:
        names = list(_layers(self.stored))
        at_the_end = names[-len(layers) :] == layers
        code = _made_from(layers[0], _layers(self.stored)[layers[0]])
        added = code_fix(
            self.full(layers[0]) or None,
            code,
            message("put the layers of the checkpoint back into the model"),
        )
        passed_over = code_fix(
            None,
            self.loads(self.state_code, loose=True),
            message("if they are not needed: all layers of the model get their weights"),
            self.otherwise(lambda state: state, loose=True),
        )
        why = message(
            "Either the model lacks these layers, or they were taken away on purpose: then "
            "strict=False passes over their entries."
        )
        if not at_the_end:
            why = message(
                "They stand among the others, which were trained to work with them: without them "
                "the model would load, but compute something else."
            )
        return self.finding(
            "unexpected-layers",
            self.full(layers[0]) if len(layers) == 1 else None,
            message(
                "The checkpoint has layers that the model has not: {layers}.",
                layers=_listed(layers),
            ),
            why,
            [passed_over] if at_the_end else [added],
        )

    def without_buffers(self, layers: list[str]) -> Finding:
        return self.finding(
            "checkpoint-without-buffers",
            self.full(layers[0]) or None,
            message(
                "The checkpoint has the parameters only: the running means and variances of "
                "{layers} are missing.",
                layers=_listed([self.full(one) for one in layers]),
            ),
            message(
                "A BatchNorm keeps these as buffers, which are no parameters but belong to the "
                "model all the same: without them it gives other results in evaluation. "
                "state_dict() holds both, named_parameters() doesn't."
            ),
            [
                code_fix(
                    None,
                    "torch.save(model.state_dict(), path)",
                    message("save the whole state where the model was trained, then load that"),
                )
            ],
        )

    def fewer_in_the_checkpoint(self, missing: list[str]) -> Finding:
        what = message(
            "The checkpoint lacks layers that the model has: {layers}.",
            layers=_listed([self.full(one) for one in missing]),
        )
        return self.finding(
            "checkpoint-lacks-layers",
            self.full(missing[0]) if len(missing) == 1 and missing[0] else None,
            what,
            message(
                "They were put in after it was saved, or it is the checkpoint of another model. "
                "With strict=False they keep the random numbers that they begin with, and have to "
                "be trained before the model is of use."
            ),
            [
                code_fix(
                    None,
                    self.loads(self.state_code, loose=True),
                    message("if they are new: loads all others, then train these"),
                    self.otherwise(lambda state: state, loose=True),
                )
            ],
        )


@dataclass(frozen=True)
class _Reparametrized:
    """Put a copy of a layer under spectral_norm or weight_norm."""

    wrapper: str

    def __call__(self, layer: nn.Module) -> nn.Module:
        made: nn.Module = getattr(nn.utils, self.wrapper)(copy.deepcopy(layer))
        return made


_STATISTICS = {"running_mean", "running_var", "num_batches_tracked"}
_REPARAMETRIZED = {
    "spectral_norm": {"weight_orig", "weight_u"},
    "weight_norm": {"weight_g", "weight_v"},
}


# ---- names and shapes ----


def _shapes(state: Mapping[Any, Any]) -> dict[str, Shape]:
    """Return the shapes of the tensors in a state."""
    return {
        str(name): tuple(one.shape)
        for name, one in state.items()
        if not nn.parameter.is_lazy(one) and hasattr(one, "shape")
    }


def _layers(shapes: Mapping[str, Shape]) -> Layers:
    found: Layers = {}
    for name, shape in shapes.items():
        path, _, last = name.rpartition(".")
        found.setdefault(path, {})[last] = shape
    return found


def _grouped(names: list[str]) -> dict[str, set[str]]:
    """Return the entries of each layer by their last names."""
    found: dict[str, set[str]] = {}
    for name in names:
        path, _, last = name.rpartition(".")
        found.setdefault(path, set()).add(last)
    return found


def _made_from(name: str, entries: dict[str, Shape]) -> str:
    """Write the layer that entries of a state belong to, as far as they tell."""
    weight = entries.get("weight", ())
    code = "..."
    if "running_mean" in entries:
        code = f"nn.BatchNorm2d({entries['running_mean'][0]})"
    elif len(weight) == 2:
        code = f"nn.Linear({weight[1]}, {weight[0]})"
    elif len(weight) > 2:
        kernel = weight[2] if len(set(weight[2:])) == 1 else weight[2:]
        code = f"nn.Conv{len(weight) - 2}d({weight[1]}, {weight[0]}, {kernel})"
    return f"self.{name} = {code}" if name.isidentifier() else f"{code}  # {name}"


def _place(model: str, path: str) -> str:
    """Write how a layer is reached: ``model.features[0]``."""
    steps = (f"[{one}]" if one.isdigit() else f".{one}" for one in path.split(".") if one)
    return model + "".join(steps)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _written(node: ast.AST) -> str:
    """Write an expression with the quotes that people use."""
    code = ast.unparse(node)
    return code if '"' in code else code.replace("'", '"')


def _squeezed(shape: Shape) -> Shape:
    return tuple(one for one in shape if one != 1)


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _state_at(value: Any, path: tuple[Any, ...]) -> Any:
    found = _at(value, path)
    return found.state_dict() if isinstance(found, nn.Module) else found


def _likeness(state: Any, own: Mapping[str, Shape]) -> int:
    """Return how many names of a state end as names of the model do."""
    if not isinstance(state, Mapping):
        return 0
    names = [str(name) for name, one in state.items() if isinstance(one, Tensor)]
    direct = sum(name in own for name in names)
    if direct:
        return direct
    return sum(
        any(name[at + 1 :] in own for at, letter in enumerate(name) if letter == ".")
        for name in names
    )


def _origin(word: str) -> str:
    """Say where a prefix comes from."""
    if word == "module.":
        return message(
            "nn.DataParallel and DistributedDataParallel hold the model as their module, and so "
            'put "module." before each name. It was saved from there: model.module.state_dict() '
            "would have had the plain names."
        )
    if word == "_orig_mod.":
        return message(
            "torch.compile holds the model as its _orig_mod, and so puts that before each name. "
            "It was saved from the compiled model."
        )
    return message(
        "The checkpoint was saved from an object that held this model as its {name}, such as a "
        "LightningModule or a larger model.",
        name=word.rstrip("."),
    )


def _aligned(theirs: Layers, ours: Layers) -> dict[str, str]:
    """Return which layer of the checkpoint is which of the model; empty where some is none.

    Layers keep their order; those of the model that the checkpoint has not are passed over.
    """
    for alike in (_same_shapes, _same_ranks):
        pairs: dict[str, str] = {}
        waiting = iter(ours.items())
        for old, shapes in theirs.items():
            found = next((new for new, one in waiting if alike(shapes, one)), None)
            if found is None:
                break
            pairs[old] = found
        if len(pairs) == len(theirs) and (alike is _same_shapes or len(theirs) == len(ours)):
            return pairs
    return {}


def _same_shapes(one: dict[str, Shape], other: dict[str, Shape]) -> bool:
    return _without_counts(one) == _without_counts(other)


def _same_ranks(one: dict[str, Shape], other: dict[str, Shape]) -> bool:
    return {name: len(shape) for name, shape in one.items()} == {
        name: len(shape) for name, shape in other.items()
    }


def _without_counts(shapes: dict[str, Shape]) -> dict[str, Shape]:
    return {name: shape for name, shape in shapes.items() if name != "num_batches_tracked"}


def _rules(pairs: dict[str, str]) -> Iterator[list[tuple[str, str]]]:
    """Yield ways to write a renaming as replacements, the shortest first."""
    cores = list(dict.fromkeys(_core(old, new) for old, new in pairs.items() if old != new))
    longer = [(f"{old}.", f"{new}.") for old, new in pairs.items() if old != new]
    for rules in (cores, longer):
        if 0 < len(rules) <= 3:
            yield rules
            yield rules[::-1]


def _core(old: str, new: str) -> tuple[str, str]:
    """Return what differs in two dotted names, with the dot after it."""
    before, after = old.split("."), new.split(".")
    while len(before) > 1 and len(after) > 1 and before[-1] == after[-1]:
        before.pop()
        after.pop()
    common = 0
    while common < min(len(before), len(after)) - 1 and before[common] == after[common]:
        common += 1
    # a place in an nn.Sequential says too little by itself
    while common and any(one[common].isdigit() for one in (before, after)):
        common -= 1
    return ".".join(before[common:]) + ".", ".".join(after[common:]) + "."


def _replaced(name: str, rule: list[tuple[str, str]]) -> str:
    for old, new in rule:
        name = name.replace(old, new)
    return name


def _followed(first: Fix, rest: list[Fix]) -> Fix:
    """Return a repair with those that are needed after it."""
    return Fix(
        first.kind,
        first.target,
        first.value,
        code=first.code,
        why=first.why,
        then=tuple(rest),
        how=first.how,
    )


# ---- what a shape says of a layer ----


def _switch(layer: nn.Module, missing: set[str], unexpected: set[str]) -> dict[str, Any]:
    """Return the setting that a layer had otherwise, told by the entries that one side lacks."""
    if missing and unexpected:
        return {}
    if isinstance(layer, nn.RNNBase):
        return _recurrent(layer, missing, unexpected)
    name = _switched(layer, missing or unexpected)
    return {name: not missing} if name else {}


def _switched(layer: nn.Module, changed: set[str]) -> str:
    """Return the setting that decides whether a layer has these entries."""
    plain = nn.modules.conv._ConvNd, nn.Linear, nn.Bilinear, nn.LayerNorm
    if changed == {"bias"} and isinstance(layer, plain):
        return "bias"
    if "running_mean" in changed and changed <= _STATISTICS:
        return "track_running_stats" if hasattr(layer, "track_running_stats") else ""
    if changed == {"weight", "bias"}:
        names = ("affine", "elementwise_affine")
        return next((name for name in names if hasattr(layer, name)), "")
    return ""


def _recurrent(layer: nn.RNNBase, missing: set[str], unexpected: set[str]) -> dict[str, Any]:
    """Return the setting of a recurrent layer that the entries speak of."""
    changed, lacks = missing or unexpected, bool(missing)
    if all(name.endswith("_reverse") for name in changed):
        return {"bidirectional": not lacks}
    if all(name.startswith("bias_") for name in changed):
        return {"bias": not lacks}
    numbers = {
        int(name.removesuffix("_reverse").rpartition("_l")[2])
        for name in changed
        if name.removesuffix("_reverse").rpartition("_l")[2].isdigit()
    }
    if not numbers:
        return {}
    return {"num_layers": min(numbers) if lacks else max(numbers) + 1}


def _convolution(
    layer: nn.modules.conv._ConvNd, stored: dict[str, Shape], first: bool
) -> list[dict[str, Any]]:
    """Return the settings of a convolution whose tensors have these shapes.

    A weight is (out_channels, in_channels / groups, kernel …); a transposed one has the first
    two the other way round: (in_channels, out_channels / groups, kernel …).
    """
    weight = stored.get("weight")
    if weight is None:
        bias = stored.get("bias", ())
        return [{"out_channels": bias[0]}] if len(bias) == 1 else []
    own = tuple(layer.weight.shape)
    if len(weight) != len(own):
        return []
    outer, inner = "out_channels", "in_channels"
    if layer.transposed:
        outer, inner = inner, outer
    sure: dict[str, Any] = {}
    if weight[0] != own[0]:
        sure[outer] = weight[0]
    if weight[2:] != own[2:]:
        sure["kernel_size"] = weight[2] if len(set(weight[2:])) == 1 else weight[2:]
    if weight[1] == own[1]:
        return [sure] if sure else []
    by_channels = sure | {inner: weight[1] * layer.groups}
    whole = int(getattr(layer, inner))
    groups = whole // weight[1] if weight[1] and whole % weight[1] == 0 else 0
    others = weight[0], whole
    if groups < 1 or groups == layer.groups or any(one % groups for one in others):
        return [by_channels]
    by_groups = sure | {"groups": groups}
    # the first layer of a model for images: rather colours than groups
    likely = layer.groups > 1 or not (first and whole <= _COLOURS)
    return [by_groups, by_channels] if likely else [by_channels, by_groups]


_COLOURS = 4


def _settings_from(layer: nn.Module, stored: dict[str, Shape]) -> dict[str, Any]:
    """Return the settings of a layer whose tensors have these shapes."""
    weight = stored.get("weight", stored.get("bias", ()))
    found: dict[str, Any] = {}
    if isinstance(layer, nn.Linear):
        if "weight" in stored and len(weight) == 2:
            found = {"out_features": weight[0], "in_features": weight[1]}
        elif len(weight) == 1:
            found = {"out_features": weight[0]}
    elif isinstance(layer, nn.modules.batchnorm._NormBase):
        several = [one for one in stored.values() if len(one) == 1]
        found = {"num_features": several[0][0]} if several else {}
    elif isinstance(layer, nn.GroupNorm) and len(weight) == 1:
        found = {"num_channels": weight[0]}
    elif isinstance(layer, nn.LayerNorm) and weight:
        found = {"normalized_shape": weight}
    elif isinstance(layer, nn.Embedding) and len(weight) == 2:
        found = {"num_embeddings": weight[0], "embedding_dim": weight[1]}
    elif isinstance(layer, nn.PReLU) and len(weight) == 1:
        found = {"num_parameters": weight[0]}
    elif isinstance(layer, nn.RNNBase):
        found = _recurrent_sizes(layer, stored)
    elif isinstance(layer, nn.MultiheadAttention) and "in_proj_weight" in stored:
        found = {"embed_dim": stored["in_proj_weight"][-1]}
    now = settings_of(layer) if found else {}
    return {name: value for name, value in found.items() if now.get(name) != value}


def _recurrent_sizes(layer: nn.RNNBase, stored: dict[str, Shape]) -> dict[str, Any]:
    gates = {"LSTM": 4, "GRU": 3}.get(layer.mode, 1)
    found: dict[str, Any] = {}
    inner, outer = stored.get("weight_hh_l0"), stored.get("weight_ih_l0")
    if inner is not None and not layer.proj_size:
        found["hidden_size"] = inner[0] // gates
    if outer is not None:
        found["input_size"] = outer[1]
    return found


def _shape_why(layer: nn.Module, settings: dict[str, Any], head: bool) -> str:
    """Say what the stored shape means."""
    told = ", ".join(f"{name}={value}" for name, value in settings.items())
    if isinstance(layer, nn.modules.conv._ConvTransposeNd):
        return message(
            "A transposed convolution's weight is (in_channels, out_channels / groups, kernel). "
            "The checkpoint's comes from a layer with {settings}.",
            settings=told,
        )
    if isinstance(layer, nn.modules.conv._ConvNd):
        return message(
            "A convolution's weight is (out_channels, in_channels / groups, kernel). The "
            "checkpoint's comes from a layer with {settings}.",
            settings=told,
        )
    if isinstance(layer, nn.Linear) and head and "out_features" in settings:
        return message(
            "The last layer has one row for each class. The checkpoint was trained on {stored} "
            "classes, the model is made for {own}: all other layers can be taken over, this one "
            "belongs to the classes.",
            stored=settings["out_features"],
            own=layer.out_features,
        )
    return message(
        "The checkpoint comes from a layer with {settings}: weights can be copied only where the "
        "shapes are the same.",
        settings=told,
    )


# ---- optimizers, and states taken for models ----


def _optimizer(failure: Failure, frame: FrameType, owner: Any) -> Iterator[Finding]:
    """Explain the state of an optimizer that can't be loaded."""
    given = frame.f_locals.get("state_dict")
    found = failing_call(failure, "load_state_dict")
    name, code = "optimizer", "state"
    if found is not None and isinstance(found[1].func, ast.Attribute) and found[1].args:
        name, code = _written(found[1].func.value), _written(found[1].args[0])
    why = message(
        "An optimizer's state speaks of parameters by their places in its list: the optimizer "
        "must have been made for the same parameters, in the same order and the same groups."
    )
    fixes: list[Fix] = []
    inside = [
        key
        for key, one in (given.items() if isinstance(given, Mapping) else ())
        if isinstance(one, Mapping) and "param_groups" in one
    ]
    if isinstance(given, Mapping) and "param_groups" not in given:
        what = message("What the optimizer was given is not the state of an optimizer.")
        if inside:
            line = f'{code}["{inside[0]}"]'
            how = _Otherwise(type(owner), lambda state: state[inside[0]], line)
            fixes = [
                code_fix(
                    None,
                    f"{name}.load_state_dict({line})",
                    message("the optimizer's state within the checkpoint"),
                    Replaced(torch.optim.Optimizer, "load_state_dict", how),
                )
            ]
    else:
        what = message(
            "The optimizer has parameters in other groups, or another number of them, than the "
            "one that was saved."
        )
    if not fixes:
        fixes = [
            Fix(
                "constraint",
                None,
                code=f"{name} = torch.optim.{type(owner).__name__}(model.parameters(), ...)",
                why=message("make the optimizer for the same parameters as when it was saved"),
            )
        ]
    yield Finding("optimizer-checkpoint", None, what, why, fixes=fixes)


def _state_as_model(failure: Failure) -> Iterator[Finding]:
    """Explain a state dict that is used as if it were the model."""
    value, name = _used(failure)
    if not isinstance(value, Mapping) or not value or isinstance(value, nn.ModuleDict):
        return
    tensors = [key for key, one in value.items() if isinstance(one, Tensor) and "." in str(key)]
    deeper = [one for one in value.values() if isinstance(one, Mapping)]
    if not tensors and not any(isinstance(one, Tensor) for part in deeper for one in part.values()):
        return
    code = name or "state"
    yield Finding(
        "state-used-as-model",
        None,
        message(
            "{name} is a state dict, the table of a model's tensors by name, not a model.",
            name=code,
        ),
        message(
            "torch.load gives back what was saved. model.state_dict() holds the weights, not how "
            "they are used: first make the model from its class, then load them."
        ),
        fixes=[
            code_fix(
                None,
                f"net.load_state_dict({code})",
                message("after net = …, made from the class that it was saved from"),
            )
        ],
    )


def _used(failure: Failure) -> tuple[Any, str]:
    """Return what was called, or asked for an attribute, and its name."""
    error = failure.error
    if isinstance(error, AttributeError) and isinstance(error.obj, Mapping):
        asked = error.name or ""
        if not hasattr(nn.Module, asked):
            return None, ""
        return error.obj, _name_of(failure, error.obj)
    if isinstance(error, TypeError) and "is not callable" in failure.text:
        found = failing_call(failure, *_names_of_states(failure))
        if found is not None:
            return value_of(failure, found[1].func), _written(found[1].func)
    return None, ""


def _names_of_states(failure: Failure) -> list[str]:
    frames = own_frames(failure.error.__traceback__)
    if not frames:
        return []
    names = frames[-1][0].f_globals | frames[-1][0].f_locals
    return [name for name, one in names.items() if isinstance(one, Mapping)]


def _name_of(failure: Failure, value: Any) -> str:
    frames = own_frames(failure.error.__traceback__)
    names = frames[-1][0].f_globals | frames[-1][0].f_locals if frames else {}
    return next((name for name, one in names.items() if one is value), "")
