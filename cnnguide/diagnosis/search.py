"""Find the explanation whose repairs work: each is tried, the best come first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from cnnguide.diagnosis.causes import explanations
from cnnguide.diagnosis.failure import Failure, Finding
from cnnguide.diagnosis.repairs import Attempt, Fix
from cnnguide.diagnosis.trials import Trials
from cnnguide.diagnosis.witness import Testimony

__all__ = ["Found", "search"]

DEEP = 6  # repairs that are tried one after the other
WIDE = 8  # explanations that are tried


@dataclass(frozen=True)
class Found:
    """What the search came to."""

    failure: Failure
    finding: Finding
    fixes: tuple[Fix, ...]
    left_out: int
    """How many repairs were not tried for want of time."""


def search(
    attempt: Attempt, said: Testimony, trials: Trials | None = None, depth: int = DEEP
) -> Found:
    """Return the best explanation of a failure, with its repairs.

    Parameters
    ----------
    attempt : Attempt
        What was called.
    said : Testimony
        What was seen of it; it failed.
    trials : Trials, optional
        What tries repairs, with what is left of its budget.
    depth : int
        How many repairs may be needed together.
    """
    trials = trials or Trials(attempt)
    failure = Failure(attempt, said, trials)
    findings = list(islice(explanations(failure), WIDE))
    results: list[dict[int, bool | None]] = []
    for finding in findings:
        tried = {
            at: trials.result(attempt, fix, *fix.then)
            for at, fix in enumerate(finding.fixes)
            if _can_be_applied(fix)
        }
        results.append(tried)
    best = next(
        (at for at, tried in enumerate(results) if any(tried.values())),
        None,
    )
    chain: list[Fix] = []
    if best is None:
        best, chain = _chain(failure, findings, results, depth)
    elif _is_layer_first(findings[best], results[best]):
        chain = _repeated(failure, findings[best], depth)
    chosen = best or 0
    fixes = chain + _listed(findings[chosen], results[chosen])
    of_the_input = any(fix.verified and fix.kind == "transform_input" for fix in fixes[:1])
    for at, tried in enumerate(results):
        if at != chosen:
            fixes += [
                replace(fix, verified=not fix.then)
                for place, fix in enumerate(findings[at].fixes)
                # where the input was at fault, the model is left as it is
                if tried.get(place) and (not of_the_input or fix.kind == "transform_input")
            ]
    return Found(failure, findings[chosen], tuple(_once(fixes)), trials.left_out)


def _can_be_applied(fix: Fix) -> bool:
    return (
        bool(fix.how)
        or fix.kind
        in (
            "set_attribute",
            "set_mode",
        )
        or (fix.kind in ("transform_input", "transform_target") and fix.op is not None)
    )


def _listed(finding: Finding, tried: dict[int, bool | None]) -> list[Fix]:
    """Return an explanation's repairs: what works, and what could not be tried."""
    kept = [
        replace(fix, verified=tried.get(at) is True and not fix.then)
        for at, fix in enumerate(finding.fixes)
        if tried.get(at) is not False
    ]
    return sorted(kept, key=lambda fix: not (fix.verified or fix.then) and _can_be_applied(fix))


def _chain(
    failure: Failure, findings: list[Finding], results: list[dict[int, bool | None]], depth: int
) -> tuple[int | None, list[Fix]]:
    """Look for a repair after which the call gets further, and for what it needs then."""
    further: tuple[int, Fix] | None = None
    for at, finding in enumerate(findings[:4]):
        for place, fix in enumerate(finding.fixes[:3]):
            if results[at].get(place) is not False or failure.trials.spent:
                continue
            try:
                next_attempt = failure.attempt
                for one in (fix, *fix.then):
                    next_attempt = next_attempt.with_fix(one)
            except Exception:  # it can't be applied to this input
                continue
            said = failure.trials.watched(next_attempt)
            if said.error is None or not _is_further(failure.said, said):
                continue
            further = further or (at, fix)
            if depth <= 1:
                continue
            more = search(next_attempt, said, failure.trials, depth - 1)
            first = next(iter(more.fixes), None)
            if first is not None and (first.verified or first.then):
                rest = (replace(first, then=(), verified=False), *first.then)
                return at, [replace(fix, then=(*fix.then, *rest))]
    if further is None:
        return None, []
    return further[0], [further[1]]


def _is_layer_first(finding: Finding, tried: dict[int, bool | None]) -> bool:
    """Return whether a layer's setting is the first advice, but is not enough by itself."""
    return finding.fixes[0].kind == "set_attribute" and tried.get(0) is False


def _repeated(failure: Failure, finding: Finding, depth: int) -> list[Fix]:
    """Look whether the same fault stands in several places: then all are repaired alike."""
    if depth <= 1 or failure.trials.spent:
        return []
    first = finding.fixes[0]
    attempt = failure.attempt.with_fix(first)
    said = failure.trials.watched(attempt)
    if said.error is None or not _is_further(failure.said, said):
        return []
    more = search(attempt, said, failure.trials, depth - 1)
    then = next(iter(more.fixes), None)
    setting = str(first.target).rpartition(".")[2]
    same = then is not None and str(then.target).rpartition(".")[2] == setting
    if then is None or more.finding.cause != finding.cause or not same:
        return []
    if not (then.verified or then.then):
        return []
    return [replace(first, then=(replace(then, then=(), verified=False), *then.then))]


def _is_further(before: Testimony, after: Testimony) -> bool:
    """Return whether a call now fails later, or for another reason."""
    if len(after.calls) != len(before.calls):
        return len(after.calls) > len(before.calls)
    return str(after.error) != str(before.error)


def _once(fixes: list[Fix]) -> list[Fix]:
    """Leave out what says the same twice."""
    found: list[Fix] = []
    keys: set[Any] = set()
    for fix in fixes:
        # the same method of the same input is one repair, whatever its author calls the input
        code = fix.code if fix.op is None else ""
        key = (fix.kind, fix.target, repr(fix.value), fix.op, fix.args, code)
        if key not in keys:
            keys.add(key)
            found.append(fix)
    return found
