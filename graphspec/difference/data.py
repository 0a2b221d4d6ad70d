"""A difference as plain data."""

from __future__ import annotations

from typing import Any

from graphspec.analysis.contracts import Verdict
from graphspec.diagnostics import Span
from graphspec.difference.changes import Change
from graphspec.difference.costs import Bill
from graphspec.difference.facts import Fact
from graphspec.difference.promises import Promise
from graphspec.difference.values import Difference
from graphspec.difference.weights import Fit, Weights, path_text


def as_dict(found: Difference) -> dict[str, Any]:
    """All of it."""
    return {
        "before": found.names[0],
        "after": found.names[1],
        "same": found.same,
        "sizes": [_fact(fact) for fact in found.settings],
        "axes": [_fact(fact) for fact in found.axes],
        "inputs": [_fact(fact) for fact in found.inputs],
        "outputs": [_fact(fact) for fact in found.outputs],
        "nodes": [_change(change) for change in found.nodes],
        "init": [_fact(fact) for fact in found.starts],
        "parameters": _parameters(found.bill),
        "flops": _flops(found.bill),
        "contracts": [_promise(promise) for promise in found.promises],
        "weights": _weights(found.weights),
    }


def _fact(fact: Fact) -> dict[str, Any]:
    return {
        "status": fact.status,
        "name": fact.name,
        "was": fact.was or fact.name,
        "before": fact.before or None,
        "after": fact.after or None,
        "follows": fact.follows,
        **_places(fact.before_at, fact.after_at),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "status": change.status,
        "nodes": list(change.names),
        "places": list(change.places()),
        "more_places": change.more,
        "was": change.was or None,
        "says": change.says or None,
        "fields": [
            {
                "name": field.name,
                "before": field.before or None,
                "after": field.after or None,
                "both": field.both or None,
                **_places(field.before_at or change.before, field.after_at or change.after),
            }
            for field in change.fields
        ],
        **_places(change.before, change.after),
    }


def _places(before: Span | None, after: Span | None) -> dict[str, str | None]:
    return {"before_at": str(before) if before else None, "after_at": str(after) if after else None}


def _parameters(bill: Bill) -> dict[str, Any]:
    parts = [{"node": part.name, "before": part.before, "after": part.after} for part in bill.parts]
    return {"before": bill.parameters[0], "after": bill.parameters[1], "by_node": parts}


def _flops(bill: Bill) -> dict[str, Any]:
    each = [{"constant": found[0], "per_position": found[1]} if found else None for found in bill.per_token]
    return {"before": bill.flops[0], "after": bill.flops[1], "per_token": {"before": each[0], "after": each[1]}}


def _promise(promise: Promise) -> dict[str, Any]:
    verdict = promise.after or promise.before
    assert verdict is not None, "a contract stands on one side at least"
    return {
        "status": promise.status,
        "contract": verdict.contract.kind,
        "arguments": dict(verdict.contract.arguments),
        "before": _verdict(promise.before),
        "after": _verdict(promise.after),
    }


def _verdict(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    return {"verdict": verdict.status, "summary": verdict.summary, "explanation": list(verdict.explanation())}


def _weights(weights: Weights) -> dict[str, Any]:
    statuses = ("kept", "renamed", "reshaped", "gone", "new")
    counts = {status: {"tensors": weights.count(status), "numbers": weights.numbers(status)} for status in statuses}
    return {"load": weights.load, **counts, "tensors": [_fit(fit) for fit in weights.fits]}


def _fit(fit: Fit) -> dict[str, Any]:
    return {
        "status": fit.status,
        "before": path_text(fit.before) or None,
        "after": path_text(fit.after) or None,
        "shape_before": list(fit.shape_before) if fit.before else None,
        "shape_after": list(fit.shape_after) if fit.after else None,
        "count": fit.count,
    }
