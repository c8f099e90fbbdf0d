"""Gradients: a tensor that backward needs was written over, or is no single number."""

from __future__ import annotations

import ast
import copy
import linecache
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from cnnguide.axes import Shape
from cnnguide.diagnosis.expression import Expression
from cnnguide.diagnosis.failure import Failure, Finding, line_of, titled
from cnnguide.diagnosis.phrases import code_fix, setting_fix
from cnnguide.diagnosis.repairs import Fix, Wrapped
from cnnguide.diagnosis.witness import Call, Patch, Place, Seen
from cnnguide.language import message
from cnnguide.recorder import module_names

__all__ = ["explain"]

_OPTIMIZING = ("foreach", "addcdiv", "addcmul", "lerp")


def explain(failure: Failure) -> Iterator[Finding]:
    """Explain a failure of this group; yield nothing where it is none."""
    text = failure.text
    if "a leaf Variable that requires grad" in text or "a view of a leaf Variable" in text:
        yield _leaf(failure)
    elif isinstance(failure.error, AttributeError):
        yield from _plain_number(failure)
    elif failure.kind not in ("backward", "grad"):
        return
    elif "modified by an inplace operation" in text:
        yield from _written_over(failure)
    elif "backward through the graph a second time" in text:
        yield from _Twice(failure).findings()
    elif "only for scalar outputs" in text:
        yield _no_single_number(failure)
    elif "does not require grad" in text:
        yield from _no_graph(failure)
    elif "not have been used in the graph" in text:
        yield _not_used(failure)


def _root(failure: Failure) -> Tensor | None:
    """Return the tensor whose gradient was asked for: the loss."""
    return next(iter(failure.tensors), None)


def _name(failure: Failure) -> str:
    """Return what the code calls the loss."""
    node = Expression(failure).node
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "backward":
            owner = ast.unparse(node.func.value)
            if owner not in ("torch.autograd", "autograd"):
                simple = isinstance(
                    node.func.value, ast.Name | ast.Attribute | ast.Call | ast.Subscript
                )
                return owner if simple else f"({owner})"
        if node.args:
            return ast.unparse(node.args[0])
    return "loss"


# ---- written over ----


def _written_over(failure: Failure) -> Iterator[Finding]:
    """Explain a tensor that was changed in place after a layer kept it for its gradient."""
    shape, maker = _named_in(failure.text)
    writers = [one for one in failure.said.calls if one.writes and one.inputs]
    weights = [one for one in writers if _is_of_optimizer(one)]
    others = [one for one in writers if not _is_of_optimizer(one)]
    fitting = [one for one in others if _touches(one, shape)]
    chosen = [one for one in fitting if _made_by(failure, one, maker)] or fitting
    if not chosen and weights:
        yield _step_too_early(failure, shape)
        return
    for writer in _distinct(chosen)[:2]:
        yield _in_place(failure, writer, shape)
    if not chosen:
        yield _somewhere(failure, shape, maker)


def _named_in(text: str) -> tuple[Shape, str]:
    """Return the shape and the maker that torch names: only its words tell them."""
    shape = re.search(r"\[[\w.]*Tensor \[([\d, ]*)\]", text)
    maker = re.search(r"output \d+ of (\w+?)Backward", text)
    sizes = tuple(int(one) for one in shape[1].split(",") if one.strip()) if shape else ()
    return sizes, maker[1].lower() if maker else ""


def _touches(call: Call, shape: Shape) -> bool:
    written = call.input
    return written == shape or (call.kind == "setitem" and len(written) >= len(shape) > 0)


def _is_of_optimizer(call: Call) -> bool:
    line = line_of(call.place)
    return call.layer is None and (call.kind.startswith(_OPTIMIZING) or ".step(" in line)


def _previous(failure: Failure, seen: Seen) -> Call | None:
    """Return the call that made a tensor, before what was written into it."""
    while seen.maker is not None and seen.maker >= 0:
        call = failure.said.calls[seen.maker]
        if not call.writes or not call.inputs:
            return call
        seen = call.inputs[0]
    return None


def _made_by(failure: Failure, writer: Call, maker: str) -> bool:
    made = _previous(failure, writer.inputs[0])
    if made is None or not maker:
        return False
    kind = made.kind.lower().replace("_", "")
    return kind in maker or maker in kind or (maker, kind) in _SAME


_SAME = {
    ("nativebatchnorm", "batchnorm2d"),
    ("cudnnbatchnorm", "batchnorm2d"),
    ("addmm", "linear"),
    ("convolution", "conv2d"),
    ("hardtanh", "relu6"),
}


def _distinct(calls: list[Call]) -> list[Call]:
    """Leave out calls of the same layer, or on the same line."""
    found: dict[Any, Call] = {}
    for call in calls:
        found.setdefault(call.name if call.layer is not None else (call.kind, call.place), call)
    return list(found.values())


def _in_place(failure: Failure, writer: Call, shape: Shape) -> Finding:
    made = _previous(failure, writer.inputs[0])
    by = _told(made) if made is not None else message("a call before")
    why = message(
        "To find gradients, backward needs numbers of the forward pass: {by} keeps its result "
        "for that, or what came in. {writer} then wrote other numbers into the same tensor, and "
        "backward can't go on with wrong ones.",
        by=by,
        writer=_told(writer),
    )
    line = line_of(writer.place)
    fixes = []
    if writer.layer is not None and getattr(writer.layer, "inplace", False) is True:
        fixes.append(
            setting_fix(
                failure,
                f"{writer.name}.inplace",
                False,
                message("makes a new tensor, and leaves the old one as it is"),
            )
        )
        layer: str | None = writer.name
    else:
        fixes += _out_of_place(failure, writer, made)
        layer = None
    cloned = None if fixes else _cloned(writer, made)
    if cloned is not None:
        fixes.append(cloned)
    return Finding(
        "inplace-before-backward",
        layer,
        message(
            "backward needs a tensor {shape} that was changed in place, by {writer}.",
            shape=shape or writer.input,
            writer=_told(writer) if writer.layer is not None or not line else f"“{line}”",
        ),
        why,
        message("a tensor as {by} left it", by=by),
        message("changed in place by {writer}", writer=_told(writer)),
        fixes,
    )


def _told(call: Call) -> str:
    if call.layer is not None:
        return titled(call.name, call.kind)
    return f"{call.kind}()"


def _out_of_place(failure: Failure, writer: Call, made: Call | None) -> list[Fix]:
    """Write an operation in place as one that makes a new tensor."""
    line = line_of(writer.place)
    parsed = _parsed(line)
    how: Patch | Wrapped | None = Patch(writer.kind, writer.place, _without_writing(writer.kind))
    code, node = _sum_of(line), _call_on(parsed, writer.kind)
    if not code and node is not None and any(one.arg == "inplace" for one in node.keywords):
        code = re.sub(r",?\s*inplace\s*=\s*True", "", line)
        how = Patch(writer.kind, writer.place, _not_inplace)
    elif not code and node is not None:
        code = line.replace(f"{writer.kind}_(", f"{writer.kind}(")
        if isinstance(parsed, ast.Expr) and isinstance(node.func, ast.Attribute):
            # its result is not kept on this line, so the trial copies what is written into
            code = f"{ast.unparse(node.func.value)} = {code}"
            how = _clone_of(made)
    if not code or code == line or how is None or writer.place is None:
        return []
    why = message("makes a new tensor, and leaves the old one as it is")
    return [code_fix(writer.name or None, code, why, how)]


def _parsed(line: str) -> ast.stmt | None:
    try:
        return ast.parse(line).body[0]
    except (SyntaxError, IndexError, ValueError):
        return None


def _operator(operator: ast.operator) -> str:
    text = ast.unparse(ast.BinOp(ast.Name("x"), operator, ast.Name("y")))
    return text[1:-1].strip()


def _call_on(parsed: ast.stmt | None, kind: str) -> ast.Call | None:
    """Return the call of an operation in place in a statement."""
    for node in ast.walk(parsed) if parsed is not None else ():
        if isinstance(node, ast.Call):
            last = node.func
            name = last.attr if isinstance(last, ast.Attribute) else getattr(last, "id", "")
            if name in (kind, f"{kind}_"):
                return node
    return None


def _without_writing(kind: str) -> Any:
    """Return the operation that makes a new tensor."""

    def change(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        method = {"truediv": "div", "idiv": "div"}.get(kind, kind)
        if hasattr(Tensor, method):
            return getattr(args[0], method)(*args[1:], **options)
        return func(args[0].clone(), *args[1:], **options)

    return change


def _not_inplace(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    return func(*args, **options | {"inplace": False})


class _Cloning(nn.Module):
    """A layer whose output is copied."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.layer(*args, **kwargs).clone()


def _clone_of(made: Call | None) -> Patch | Wrapped | None:
    """Copy a tensor after the call that made it, so that what follows writes into the copy."""
    if made is None or len(made.outputs) != 1:
        return None
    if made.layer is not None:
        return Wrapped(made.name, _Cloning)
    if made.place is None:
        return None
    return Patch(made.kind, made.place, lambda func, args, options: func(*args, **options).clone())


def _cloned(writer: Call, made: Call | None) -> Fix | None:
    how = _clone_of(made)
    if how is None:
        return None
    where = writer.name if writer.layer is not None else line_of(writer.place)
    name = _target_of(line_of(writer.place))
    code = f"{name} = {name}.clone()  # " + message("before {layer}", layer=where)
    return code_fix(writer.name or None, code, message("what is changed then is a copy"), how)


def _target_of(line: str) -> str:
    """Return what a line that writes in place calls its tensor."""
    parsed = _parsed(line)
    target: ast.expr | None = None
    if isinstance(parsed, ast.AugAssign):
        target = parsed.target
    elif isinstance(parsed, ast.Assign):
        target = parsed.targets[0]
    elif isinstance(parsed, ast.Expr) and isinstance(parsed.value, ast.Call):
        owner = parsed.value.func
        target = owner.value if isinstance(owner, ast.Attribute) else None
    while isinstance(target, ast.Subscript):
        target = target.value
    return ast.unparse(target) if target is not None else "x"


def _step_too_early(failure: Failure, shape: Shape) -> Finding:
    """Explain an optimizer that changed the weights between a forward pass and its backward."""
    backward = _name(failure)
    step = next(
        (
            one.place
            for one in reversed(failure.said.calls)
            if one.writes and _is_of_optimizer(one) and ".step(" in line_of(one.place)
        ),
        None,
    )
    line = line_of(step) or "optimizer.step()"
    code = message("{step}  # after {backward}.backward()", step=line, backward=backward)
    why = message("all gradients first, then the step")
    again = message("or run the model once more after the step, and take the loss of that")
    return Finding(
        "weights-changed-before-backward",
        None,
        message(
            "{step} changed weights {shape} that {loss}.backward() still needs.",
            step=line,
            shape=shape,
            loss=backward,
        ),
        message(
            "The gradient of a layer's input is computed with its weights, those of the forward "
            "pass. The optimizer has written new ones over them."
        ),
        message("the weights of the forward pass"),
        message("weights that {step} changed", step=line),
        [
            code_fix(None, code, why),
            Fix(
                "constraint",
                None,
                code=message("forward, backward, step: in this order for each loss"),
                why=again,
            ),
        ],
    )


def _somewhere(failure: Failure, shape: Shape, maker: str) -> Finding:
    why = message(
        "To find gradients, backward needs numbers of the forward pass. Some operation in place, "
        "such as x += y, x[:, 0] = 0, x.relu_() or inplace=True, wrote others over them."
    )
    code = "torch.autograd.set_detect_anomaly(True)"
    help_ = message("torch then names the line of the forward pass whose tensor was changed")
    return Finding(
        "inplace-before-backward",
        None,
        message("backward needs a tensor {shape} that was changed in place.", shape=shape),
        why,
        "",
        "",
        [code_fix(None, code, help_)],
    )


# ---- twice ----


class _Twice:
    """A graph that a first backward has already used up."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        self.expression = Expression(failure)
        self.name = _name(failure)
        self.place = failure.place
        self.first = self.first_backward()

    def findings(self) -> Iterator[Finding]:
        state = self.state()
        if state is not None:
            yield state
            return
        carried = self.carried()
        if carried is not None and not self.in_a_loop and self.steps_between():
            yield self.detach(*carried)
        yield self.together()

    # ---- the code ----

    def statements(self) -> list[tuple[int, str]]:
        """Return the lines of the function with their numbers."""
        frame = self.expression.frame
        if frame is None:
            return []
        code = frame.f_code
        last = max((line for _, _, line in code.co_lines() if line), default=code.co_firstlineno)
        return [
            (line, linecache.getline(code.co_filename, line).strip())
            for line in range(code.co_firstlineno, last + 1)
        ]

    def first_backward(self) -> tuple[int, str] | None:
        """Return the line of the first backward: it was here, or above."""
        if self.place is None:
            return None
        before = [
            (number, line)
            for number, line in self.statements()
            if ".backward(" in line and number <= self.place.line
        ]
        return before[0] if before else None

    def steps_between(self) -> bool:
        """Return whether an optimizer worked between the two."""
        if self.first is None or self.place is None:
            return False
        if self.first[0] == self.place.line:
            return True
        return any(
            ".step(" in line or "zero_grad(" in line
            for number, line in self.statements()
            if self.first[0] < number < self.place.line
        )

    # ---- what was carried over ----

    def carried(self) -> tuple[str, Tensor] | None:
        """Return a tensor that was made before the first backward and used after it as well."""
        frame = self.expression.frame
        if frame is None:
            return None
        used = self.used_after()
        for name, value in frame.f_locals.items():
            if not isinstance(value, Tensor) or value.grad_fn is None:
                continue
            if value is _root(self.failure):
                continue
            maker = self.failure.seen(value).maker
            if maker is not None and maker in used:
                return name, value
        return None

    def used_after(self) -> set[int]:
        """Return the makers of tensors from before the first backward that were used after it."""
        boundary = self.boundary()
        return {
            one.maker
            for call in self.failure.said.calls[boundary:]
            for one in call.inputs
            if one.maker is not None and 0 <= one.maker < boundary
        }

    @property
    def in_a_loop(self) -> bool:
        """Whether it is one and the same line that ran twice."""
        return (
            self.first is not None and self.place is not None and self.first[0] == self.place.line
        )

    def boundary(self) -> int:
        """Return the number of the first call after the first backward, or after the last step."""
        calls = self.failure.said.calls
        if self.in_a_loop:
            steps = [at for at, one in enumerate(calls) if one.writes and _is_of_optimizer(one)]
            return steps[-1] + 1 if steps else len(calls)
        if self.first is None or self.place is None or self.expression.frame is None:
            return len(calls)
        begin = self.expression.frame.f_code.co_firstlineno
        for at, call in enumerate(calls):
            place = call.place
            if place is None or place.file != self.place.file or place.line <= self.first[0]:
                continue
            if begin <= place.line <= self.place.line:
                return self.begun(at)
        return len(calls)

    def begun(self, at: int) -> int:
        """Go back over the layers that ran just before, on the same line."""
        calls = self.failure.said.calls
        while at > 0 and calls[at - 1].layer is not None:
            at -= 1
        return at

    # ---- a state that is carried on ----

    def state(self) -> Finding | None:
        """Explain a state, as that of an LSTM, which still hangs on the step before."""
        frame, boundary = self.expression.frame, self.boundary()
        calls = self.failure.said.calls
        if frame is None or not self.in_a_loop:
            return None
        for call in calls[boundary:]:
            carried = [one for one in call.inputs if one.maker is not None]
            carried = [
                one
                for one in carried
                if 0 <= (one.maker or 0) < boundary and calls[one.maker or 0].layer is call.layer
            ]
            if not carried or call.layer is None:
                continue
            name, several = self.name_of_state(carried[0], call.layer)
            if name:
                return self.detached_state(name, several, call)
        return None

    def name_of_state(self, carried: Seen, layer: nn.Module) -> tuple[str, bool]:
        """Return what the code calls a state, and whether it is several tensors."""
        frame = self.expression.frame
        assert frame is not None
        for name, value in frame.f_locals.items():
            parts = list(value) if isinstance(value, tuple | list) else [value]
            for one in parts:
                if not isinstance(one, Tensor) or tuple(one.shape) != carried.shape:
                    continue
                maker = self.failure.seen(one).maker
                if maker is not None and maker >= 0 and self.made_by(maker, layer):
                    return name, isinstance(value, tuple | list)
        return "", False

    def made_by(self, maker: int, layer: nn.Module) -> bool:
        return self.failure.said.calls[maker].layer is layer

    def detached_state(self, name: str, several: bool, call: Call) -> Finding:
        code = f"{name} = {name}.detach()"
        if several:
            code = f"{name} = tuple(one.detach() for one in {name})"
        why = message(
            "{name} is carried on as plain numbers: each step has its own graph", name=name
        )
        return Finding(
            "graph-used-twice",
            None,
            message(
                "{loss}.backward() goes through {name} into the step before, whose backward is "
                "over.",
                loss=self.name,
                name=name,
            ),
            message(
                "A backward frees what it kept of the forward pass. {name} still hangs on the step "
                "that made it; detached after each step, its numbers go on, its history does not.",
                name=name,
            ),
            message("one backward through each part"),
            message("a second one through what made {name}", name=name),
            [code_fix(None, code, why, *self.all_detached(call))],
        )

    def all_detached(self, call: Call) -> list[Any]:
        """Return how that is tried; a model that stands alone in a function can't be exchanged."""
        if call.name in self.failure.said.roots:
            return []
        return [Wrapped(call.name, _AllDetached)]

    # ---- repairs ----

    def detach(self, name: str, tensor: Tensor) -> Finding:
        line, code = self.detached_line(name)
        fixes = [
            code_fix(
                None,
                code or f"{name} = {name}.detach()",
                message(
                    "{name} counts as plain numbers there: no gradient goes on into it", name=name
                ),
                *self.detaching(name, tensor, line),
            ),
            *self.retained(),
        ]
        return Finding(
            "graph-used-twice",
            None,
            message(
                "{loss}.backward() goes through {name} into a part that an earlier backward has "
                "already gone through.",
                loss=self.name,
                name=name,
            ),
            message(
                "A backward frees what it kept of the forward pass. {name} links both losses to "
                "the same part of the model. Where its gradient is not wanted, as in a "
                "discriminator's loss, or in a state carried on to the next step, it is detached.",
                name=name,
            ),
            message("one backward through each part"),
            message("a second one through what made {name}", name=name),
            fixes,
        )

    def detached_line(self, name: str) -> tuple[int, str]:
        """Return the line where a tensor is first given to a model, with the tensor detached."""
        pattern = re.compile(rf"(?<=[(,\s]){re.escape(name)}(?=[,)])")
        limit = self.first[0] if self.first else 0
        for number, line in self.statements():
            if number <= limit and pattern.search(line) and "def " not in line:
                return number, pattern.sub(f"{name}.detach()", line, count=1)
        return 0, ""

    def detaching(self, name: str, tensor: Tensor, line: int) -> list[Any]:
        """Return how that is tried: the first layer that gets the tensor gets it detached."""
        maker = self.failure.seen(tensor).maker
        for call in self.failure.said.calls:
            if any(one.maker == maker for one in call.inputs) and call.layer is not None:
                return self.detached_at(call)
        return []

    def detached_at(self, call: Call) -> list[Any]:
        if call.name in self.failure.said.roots:
            return []
        same = [one for one in self.failure.said.calls if one.layer is call.layer]
        turn = next(at for at, one in enumerate(same) if one is call)
        return [Wrapped(call.name, lambda layer: _Detached(layer, turn))]

    def together(self) -> Finding:
        fixes: list[Fix] = []
        if self.in_a_loop and self.boundary() == len(self.failure.said.calls):
            fixes += [*self.all_of_a_list(), *self.retained()]
        if not fixes and (self.in_a_loop or self.first is None):
            again = message("the model runs anew for each backward, as in each step of a loop")
            need = message("a forward pass before each {loss}.backward()", loss=self.name)
            fixes = [Fix("constraint", None, code=need, why=again)]
        elif not fixes and self.first is not None:
            if not self.steps_between():
                fixes += self.summed(self.first)
            fixes += self.retained()
        return Finding(
            "graph-used-twice",
            None,
            message(
                "{loss}.backward() goes through a graph that an earlier backward has already gone "
                "through.",
                loss=self.name,
            ),
            message(
                "A backward frees what it kept of the forward pass, to save memory. A second one "
                "through the same part finds nothing there. Losses that share a part are added, "
                "and have one backward together."
            ),
            message("one backward for each forward pass"),
            message("a second backward through the same forward pass"),
            fixes,
        )

    def summed(self, first: tuple[int, str]) -> list[Fix]:
        found = re.match(r"(.+)\.backward\(", first[1])
        if found is None or self.place is None:
            return []
        one, other = found[1], self.name
        if one == other:
            return [self.left_out()]
        held: list[Tensor] = []

        def wait(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
            held[:] = [args[0]]

        def both(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
            return func(args[0] + held[0], *args[1:], **options)

        kind = self.failure.kind
        return [
            code_fix(
                None,
                f"({one} + {other}).backward()",
                message("one backward for both: the gradients are the same, and it is faster"),
                Patch(kind, Place(self.place.file, first[0]), wait),
                Patch(kind, self.place, both),
            )
        ]

    def all_of_a_list(self) -> list[Fix]:
        """Add up the losses over which a loop goes."""
        assert self.place is not None
        for number, line in reversed(self.statements()):
            found = re.match(rf"for {re.escape(self.name)} in ([\w.]+):", line)
            if found is not None and number < self.place.line:
                why = message("one backward for all of them, without the loop")
                return [code_fix(None, f"sum({found[1]}).backward()", why)]
        return []

    def left_out(self) -> Fix:
        """Leave out a second backward of the same loss."""
        code = message("# leave out: {line}", line=self.failure.line)
        why = message("one backward of {loss} gives all its gradients", loss=self.name)
        patch = self.failure.patched(lambda func, args, options: None)
        return code_fix(None, code, why, patch)

    def retained(self) -> list[Fix]:
        """Keep the graph at the first backward."""
        if self.first is None or self.place is None:
            return []
        line = self.first[1]
        name = re.match(r"(.+)\.backward\(", line)
        source = name[1] if name else self.name

        def change(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
            return func(*args, **options | {"retain_graph": True})

        place = Place(self.place.file, self.first[0])
        return [
            code_fix(
                None,
                f"{source}.backward(retain_graph=True)",
                message("keeps the graph for the second one, at the cost of memory"),
                Patch(self.failure.kind, place, change),
            )
        ]


class _AllDetached(nn.Module):
    """A layer all of whose inputs come detached."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *args: Any) -> Any:
        return self.layer(*map(_detached, args))


def _detached(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(map(_detached, value))
    return value.detach() if isinstance(value, Tensor) else value


class _Detached(nn.Module):
    """A layer that gets its input detached at one of its calls."""

    def __init__(self, layer: nn.Module, turn: int) -> None:
        super().__init__()
        self.layer = layer
        self.turn = turn
        self.calls = 0

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        x = x.detach() if self.calls == self.turn else x
        self.calls += 1
        return self.layer(x, *args, **kwargs)


# ---- no single number ----


def _no_single_number(failure: Failure) -> Finding:
    loss = _root(failure)
    shape = tuple(loss.shape) if loss is not None else ()
    name = _name(failure)
    if failure.kind == "grad":
        return _no_single_output(failure, name, shape)

    def reduced(method: str) -> Any:
        def change(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
            return func(getattr(args[0], method)(), *args[1:], **options)

        return failure.patched(change)

    expression = Expression(failure)
    fixes = [
        code_fix(
            None,
            expression.line_with(f"{name}.{method}().backward()"),
            why,
            reduced(method),
        )
        for method, why in (
            ("mean", message("the mean over all numbers, whatever the size of the batch")),
            ("sum", message("or their sum: it grows with the batch")),
        )
    ]
    fixes += _reducing(failure, loss)
    return Finding(
        "loss-is-no-single-number",
        None,
        message(
            "{name}.backward() wants one number, but {name} has the shape {shape}.",
            name=name,
            shape=shape,
        ),
        message(
            "A gradient says how one number, the loss, changes with the weights. What has a "
            "number for each sample has to be made one number first."
        ),
        "()",
        str(shape),
        fixes,
    )


def _reducing(failure: Failure, loss: Tensor | None) -> list[Fix]:
    """Let the loss itself take the mean, where it was told not to."""
    if loss is None:
        return []
    for call in failure.history(loss)[:3]:
        if getattr(call.layer, "reduction", "") == "none":
            why = message("the loss itself takes the mean")
            return [setting_fix(failure, f"{call.name}.reduction", "mean", why)]
    return []


def _no_single_output(failure: Failure, name: str, shape: Shape) -> Finding:
    def ones(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        outputs = args[0] if args else options["outputs"]
        first = outputs[0] if isinstance(outputs, list | tuple) else outputs
        return func(*args, **options | {"grad_outputs": torch.ones_like(first)})

    def summed(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        outputs = args[0] if args else options["outputs"]
        first = outputs[0] if isinstance(outputs, list | tuple) else outputs
        if args:
            return func(first.sum(), *args[1:], **options)
        return func(**options | {"outputs": first.sum()})

    expression = Expression(failure)
    node = expression.node
    code, total = f"grad_outputs=torch.ones_like({name})", f"{name}.sum()"
    if isinstance(node, ast.Call):
        text = expression.text
        if text.endswith(")"):
            body = text[:-1].rstrip().rstrip(",")
            code = expression.line_with(f"{body}, {code})")
        if node.args:
            total = expression.line_with(text.replace(f"({name}", f"({name}.sum()", 1))
    return Finding(
        "loss-is-no-single-number",
        None,
        message(
            "autograd.grad wants one number to begin with, but {name} has the shape {shape}.",
            name=name,
            shape=shape,
        ),
        message(
            "A gradient says how one number changes. Of several numbers, one for each sample, "
            "their sum is taken: each sample's gradient then is its own."
        ),
        "()",
        str(shape),
        [
            code_fix(
                None,
                code,
                message("a weight of 1 for each number: the gradient of their sum"),
                failure.patched(ones),
            ),
            code_fix(None, total, message("the same, written as a sum"), failure.patched(summed)),
        ],
    )


# ---- no graph ----


_BREAKING = ("detach", "argmax", "round", "sign", "long", "int", "bool", "floor", "ceil", "topk")
_LINES = {
    ".detach()": "detach()",
    ".item()": "item()",
    ".data": "data",
    ".numpy()": "numpy()",
    "torch.tensor(": "torch.tensor()",
    ".argmax(": "argmax()",
    "torch.argmax(": "argmax()",
}


def _no_graph(failure: Failure) -> Iterator[Finding]:
    """Explain a loss that no weight has a part in, as far as torch has seen."""
    parameters = [one for root in failure.said.roots.values() for one in root.parameters()]
    breaker = _breaker(failure)
    if parameters and not any(one.requires_grad for one in parameters) and breaker is None:
        yield _frozen(failure)
        return
    block = _no_grad_line(failure)
    if breaker is not None and (block is None or breaker.kind != ""):
        yield _broken(failure, breaker)
    if block is not None:
        yield _switched_off(failure, block)
        return
    if breaker is None:
        yield from _cut_by_line(failure)


def _what(failure: Failure) -> str:
    return message(
        "{name} does not depend on anything that can be learned: nothing it was computed from has "
        "requires_grad=True.",
        name=_name(failure),
    )


def _found(failure: Failure, cause: str, why: str, fixes: list[Fix]) -> Finding:
    return Finding(
        cause,
        None,
        _what(failure),
        why,
        "requires_grad=True",
        "requires_grad=False",
        fixes,
    )


def _breaker(failure: Failure) -> Call | None:
    """Return the call on the way to the loss that no gradient goes through."""
    loss = _root(failure)
    if loss is None:
        return None
    waiting, known = [failure.seen(loss)], set()
    while waiting:
        seen = waiting.pop(0)
        if seen.maker is None or seen.maker < 0 or seen.maker in known:
            continue
        known.add(seen.maker)
        call = failure.said.calls[seen.maker]
        if call.kind in _BREAKING and call.inputs and call.inputs[0].maker is not None:
            return call
        waiting += call.inputs
    return None


def _broken(failure: Failure, call: Call) -> Finding:
    line = line_of(call.place)
    fixes: list[Fix] = []
    if call.kind == "detach":
        code = line.replace(".detach()", "", 1) if ".detach()" in line else ""
        patch = Patch(call.kind, call.place, lambda func, args, options: args[0])
        why = message("the gradient goes on to the weights")
        fixes.append(code_fix(call.name or None, code or "detach()", why, patch))
        reason = message(
            "detach() takes a tensor out of the graph: what is computed from it has no gradient "
            "for the weights before. The line: {line}",
            line=line or "detach()",
        )
    else:
        reason = message(
            "{function} gives whole numbers, or steps: a small change of the weights changes "
            "nothing, so there is no gradient. A loss takes the scores themselves. The line: "
            "{line}",
            function=f"{call.kind}()",
            line=line or f"{call.kind}()",
        )
        fixes.append(
            Fix(
                "constraint",
                None,
                code=message(
                    "the loss takes the scores, not {function} of them", function=call.kind
                ),
                why=message(
                    "keep {function} for counting what is right", function=f"{call.kind}()"
                ),
            )
        )
    return _found(failure, "loss-without-graph", reason, fixes)


def _frozen(failure: Failure) -> Finding:
    """Explain a model of which every weight is frozen."""
    last = next((one for one in reversed(failure.layers) if _has_weight(one.layer)), None)
    name = last.name if last is not None else ""
    dotted = "".join(
        f"[{part}]" if part.isdigit() else f".{part}" for part in name.split(".") if part
    )
    model = _model_name(failure)
    code = f"{model}{dotted}.requires_grad_(True)"
    how: list[Any] = []
    if last is not None:
        how = [Wrapped(last.name, _Thawed)]
    why = message("the last layer learns, the others stay as they are")
    whole = code_fix(
        None,
        f"{model}.requires_grad_(True)",
        message("or everything learns"),
        *how,
    )
    return _found(
        failure,
        "everything-frozen",
        message(
            "All weights are frozen: each has requires_grad=False. At least the layers that are to "
            "learn need requires_grad=True."
        ),
        [code_fix(name or None, code, why, *how), whole],
    )


class _Thawed(nn.Module):
    """A layer whose weights learn."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = copy.deepcopy(layer).requires_grad_(True)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.layer(*args, **kwargs)


def _has_weight(layer: nn.Module | None) -> bool:
    return layer is not None and isinstance(getattr(layer, "weight", None), Tensor)


def _model_name(failure: Failure) -> str:
    variables = Expression(failure).variables
    roots = list(failure.said.roots.values())
    for name, value in variables.items():
        if any(value is one for one in roots) and name.isidentifier() and not name.startswith("_"):
            return name
        if any(value is one for root in roots for one in root.children()):
            return "model"  # a part of it goes by a name of its own
    return "model"


def _no_grad_line(failure: Failure) -> str | None:
    """Return the line that switches gradients off, if the function that failed has one."""
    frame = Expression(failure).frame
    if not torch.is_grad_enabled():
        return "torch.no_grad()"
    if frame is None:
        return None
    code = frame.f_code
    names = ("no_grad", "inference_mode", "set_grad_enabled")
    for code_ in (code, *_methods(failure)):
        first = code_.co_firstlineno
        last = max((line for _, _, line in code_.co_lines() if line), default=first)
        for line in range(first, last + 1):
            text = linecache.getline(code_.co_filename, line).strip()
            if any(name in text for name in names) and not text.startswith("#"):
                return text
    return None


def _methods(failure: Failure) -> list[Any]:
    """Return the code of the forwards of somebody's own modules."""
    found = []
    for root in failure.said.roots.values():
        for _, module in module_names(root):
            code = getattr(type(module).forward, "__code__", None)
            wrapped = getattr(type(module).forward, "__wrapped__", None)
            for one in (code, getattr(wrapped, "__code__", None)):
                if one is not None and not type(module).__module__.startswith("torch."):
                    found.append(one)
    return found


def _switched_off(failure: Failure, line: str) -> Finding:
    code = "torch.set_grad_enabled(True)"
    if line.startswith(("with ", "@")):
        code = message("# leave out: {line}", line=line)
    return _found(
        failure,
        "gradients-switched-off",
        message(
            "Within torch.no_grad() and torch.inference_mode() nothing is noted for gradients. "
            "They are for evaluation: in training, the model has to run outside. The line: {line}",
            line=line,
        ),
        [code_fix(None, code, message("the model then runs with gradients"))],
    )


def _cut_by_line(failure: Failure) -> Iterator[Finding]:
    """Explain a loss that was made a plain number, or a new tensor, on the way."""
    frame = Expression(failure).frame
    if frame is None or failure.place is None:
        return
    first = frame.f_code.co_firstlineno
    for number in range(failure.place.line, first - 1, -1):
        line = linecache.getline(frame.f_code.co_filename, number).strip()
        found = next((sign for sign in _LINES if sign in line), None)
        if found is None or line.startswith("#"):
            continue
        code = _uncut(line)
        yield _found(
            failure,
            "loss-without-graph",
            message(
                "{function} gives plain numbers, of which torch does not know where they come "
                "from. The line: {line}",
                function=_LINES[found],
                line=line,
            ),
            [code_fix(None, code, message("the tensor itself, with its graph"))],
        )
        return
    yield _found(
        failure,
        "loss-without-graph",
        message(
            "Gradients flow only to tensors with requires_grad=True: the weights of a model, or an "
            "input for which it was set before the forward pass."
        ),
        _with_input(failure),
    )


def _uncut(line: str) -> str:
    """Return a line without what makes a tensor a plain number."""
    for one in (".detach()", ".item()", ".numpy()"):
        line = line.replace(one, "")
    inner = r"([^()]*(?:\((?:[^()]|\([^()]*\))*\)[^()]*)*)"
    return re.sub(rf"torch\.tensor\({inner}(?:,\s*requires_grad=True)?\)", r"\1", line)


def _with_input(failure: Failure) -> list[Fix]:
    expression = Expression(failure)
    name = "x"
    given = failure.first_input()
    if given is not None:
        name = expression.name_of(given[1]) or (given[0] if isinstance(given[0], str) else name)
    why = message("before the forward pass, if the gradient of the input is wanted")
    return [code_fix(None, f"{name}.requires_grad_()", why)]


def _plain_number(failure: Failure) -> Iterator[Finding]:
    """Explain a backward of what is no tensor any more: loss.item().backward()."""
    error = failure.error
    owner = getattr(error, "obj", None)
    if getattr(error, "name", "") != "backward" or isinstance(owner, Tensor):
        return
    kind = type(owner).__name__
    expression = Expression(failure)
    line = failure.line
    fixes: list[Fix] = []
    for sign in (".item()", ".tolist()", ".numpy()"):
        if sign in line:
            fixes.append(
                code_fix(None, line.replace(sign, ""), message("the tensor itself, with its graph"))
            )
    if not fixes and expression.frame is not None and isinstance(owner, float | int):
        fixes += _made_number(expression, failure)
    if isinstance(owner, tuple | list) or callable(owner):
        return
    yield Finding(
        "loss-without-graph",
        None,
        message("backward is a method of tensors, but a {kind} came.", kind=kind),
        message(
            "item() makes a tensor a plain number of Python, which knows nothing of the weights. "
            "It is for printing; backward takes the loss as it was."
        ),
        "Tensor",
        kind,
        fixes,
    )


def _made_number(expression: Expression, failure: Failure) -> list[Fix]:
    """Find the line above that made the loss a number."""
    frame = expression.frame
    if frame is None or failure.place is None:
        return []
    for number in range(failure.place.line, frame.f_code.co_firstlineno - 1, -1):
        line = linecache.getline(frame.f_code.co_filename, number).strip()
        for sign in (".item()", ".tolist()"):
            if sign in line:
                why = message("the tensor itself, with its graph")
                return [code_fix(None, line.replace(sign, ""), why)]
    return []


# ---- leaves ----


def _leaf(failure: Failure) -> Finding:
    """Explain an operation in place on a weight, or on an input that wants a gradient."""
    tensor = _root(failure)
    weight = isinstance(tensor, nn.Parameter) or tensor is None or not _is_input(failure, tensor)
    line = failure.line
    fixes: list[Fix] = []

    def switched_off(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        with torch.no_grad():
            return func(*args, **options)

    def copied(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        return func(args[0].clone(), *args[1:], **options)

    if failure.layer is not None and getattr(failure.layer, "inplace", False) is True:
        why = message("makes a new tensor, and leaves the old one as it is")
        fixes.append(setting_fix(failure, f"{failure.name}.inplace", False, why))
    elif weight:
        why = message("weights are set without their history: nothing is noted for gradients")
        code = f"with torch.no_grad(): {line}" if line else "with torch.no_grad(): …"
        fixes.append(code_fix(failure.where or None, code, why, failure.patched(switched_off)))
    else:
        name = _target_of(line)
        outside = _sum_of(line)
        how = failure.patched(copied)
        if outside:
            why = message("makes a new tensor, and leaves the old one as it is")
            fixes.append(code_fix(failure.where or None, outside, why, how))
        why = message("what is changed then is a copy")
        fixes.append(code_fix(failure.where or None, f"{name} = {name}.clone()", why, how))
    shape = tuple(tensor.shape) if tensor is not None else ()
    return Finding(
        "leaf-changed-inplace",
        failure.name,
        message(
            "{function} writes into a tensor {shape} whose gradient is wanted.",
            function=failure.title,
            shape=shape,
        ),
        message(
            "A weight, or an input with requires_grad=True, is where gradients end: a leaf. If it "
            "were changed in place while they are noted, its gradient would be that of another "
            "value."
        ),
        "",
        "",
        fixes,
    )


def _is_input(failure: Failure, tensor: Tensor) -> bool:
    return any(tensor is one for _, one in failure.inputs) or not any(
        tensor is one for root in failure.said.roots.values() for one in root.parameters()
    )


def _sum_of(line: str) -> str:
    """Write x += y as x = x + y."""
    parsed = _parsed(line)
    if not isinstance(parsed, ast.AugAssign) or isinstance(parsed.target, ast.Subscript):
        return ""
    target, value = ast.unparse(parsed.target), ast.unparse(parsed.value)
    if isinstance(parsed.value, ast.BinOp):
        value = f"({value})"
    return f"{target} = {target} {_operator(parsed.op)} {value}"


# ---- autograd.grad ----


def _not_used(failure: Failure) -> Finding:
    def change(func: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        return func(*args, **options | {"allow_unused": True})

    expression = Expression(failure)
    code = "allow_unused=True"
    if expression.text.endswith(")"):
        body = expression.text[:-1].rstrip().rstrip(",")
        code = expression.line_with(f"{body}, allow_unused=True)")
    return Finding(
        "input-not-in-graph",
        None,
        message(
            "{name} does not depend on one of the tensors whose gradient is asked for.",
            name=_name(failure),
        ),
        message(
            "The gradient was asked for a tensor that had no part in the result: another one of "
            "the same name was used, or a copy made after the forward pass."
        ),
        "",
        "",
        [
            Fix(
                "constraint",
                None,
                code=message("the same tensor in the forward pass and in autograd.grad"),
                why=message("only what was used has a gradient"),
            ),
            code_fix(
                None,
                code,
                message("if that is meant: its gradient is then None"),
                failure.patched(change),
            ),
        ],
    )
