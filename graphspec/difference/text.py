"""A difference as text: what changed, in the order in which `graphspec check` tells what there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from graphspec.analysis.contracts import Verdict
from graphspec.analysis.cost import human
from graphspec.diagnostics import Span
from graphspec.difference.changes import Change
from graphspec.difference.costs import Bill
from graphspec.difference.facts import Fact
from graphspec.difference.fits import fit_lines
from graphspec.difference.promises import Promise
from graphspec.difference.values import Difference
from graphspec.difference.weights import Weights
from graphspec.render.summary import MARKS, arguments_text

SIGNS = {"added": "+", "removed": "-", "changed": "~", "renamed": "~"}
_MOST_PARTS = 12
_MOST_TENSORS = 16
_FARTHEST = 88
"""Up to which column places are lined up; longer lines have them where they end."""

Line = tuple[str, Span | None]


def as_text(difference: Difference) -> str:
    """The whole report."""
    return "\n".join(_lines(difference))


def _lines(found: Difference) -> Iterator[str]:
    before, after = found.names
    yield f"{before} → {after}"
    yield ""
    if found.same:
        yield "no architectural difference"
        return
    yield from _section("sizes", _fact_lines(found.settings))
    yield from _section("axes", _fact_lines(found.axes))
    yield from _section("inputs", _fact_lines(found.inputs))
    yield from _section("outputs", _fact_lines(found.outputs))
    yield from _section("nodes", (line for change in found.nodes for line in _change_lines(change)))
    yield from _section("init", _fact_lines(found.starts))
    yield from _section("parameters", ((line, None) for line in _parameter_lines(found.bill)))
    yield from _section("FLOPs", ((line, None) for line in _flops_lines(found.bill)))
    yield from _section("contracts", _promise_lines(found.promises))
    yield from _section("weights", ((line, None) for line in _weight_lines(found.weights)))


def _section(title: str, lines: Iterable[Line]) -> Iterator[str]:
    """Lines under a title at their left, their places in one column; those of indented lines stand behind them."""
    known = list(lines)
    heads = (text for text, place in known if place and not text.startswith(" "))
    wide = max((len(text) for text in heads if len(text) <= _FARTHEST), default=0)
    for at, (text, place) in enumerate(known):
        row = f"{text:<{0 if text.startswith(' ') else wide}}  {place}" if place else text
        yield f"{title if at == 0 else '':<12} {row}".rstrip()


# -- what the spec says -----------------------------------------------------------------------------------------------


def _fact_lines(facts: Sequence[Fact]) -> Iterator[Line]:
    wide = max((len(_fact_name(fact)) for fact in facts), default=0)
    for fact in facts:
        follows = " (follows)" if fact.follows else ""
        values = " → ".join(filter(None, [fact.before, fact.after]))
        text = f"{SIGNS[fact.status]} {_fact_name(fact):<{wide}}  {values}{follows}"
        yield text.rstrip(), fact.after_at or fact.before_at


def _fact_name(fact: Fact) -> str:
    return f"{fact.was} → {fact.name}" if fact.was else fact.name


def _change_lines(change: Change) -> Iterator[Line]:
    first, *others = change.places() or ("",)
    place = change.after or change.before
    name = first or "the model"
    if change.was:
        name = f"{_with_name(first, change)} → {change.names[0]}"
    said = f": {change.says}" if change.says else ""
    if change.status == "renamed":
        said = "  renamed"
    yield f"{SIGNS[change.status]} {name}{said}", place
    if others or change.more:
        more = f" and at {change.more} more places" if change.more else ""
        yield f"    also {', '.join(others)}{more}".rstrip(), None
    wide = max((len(field.name) for field in change.fields), default=0)
    for field in change.fields:
        both = f"  ({field.both} both)" if field.both else ""
        title = f"{field.name:<{wide}}  " if wide else ""
        at = field.after_at if field.after_at or change.after else field.before_at
        yield f"    {title}{field.before or 'nothing'} → {field.after or 'nothing'}{both}", at


def _with_name(path: str, change: Change) -> str:
    """The earlier name in full, at the later place."""
    return path[: len(path) - len(change.names[0])] + change.was


# -- what it costs ----------------------------------------------------------------------------------------------------


def _parameter_lines(found: Bill) -> Iterator[str]:
    before, after = found.parameters
    if before == after:
        yield f"{after:,} as before"
    else:
        yield f"{before:,} → {after:,} ({_change_of(before, after)})"
    parts = [part for part in found.parts if part.before != part.after]
    wide = max((len(part.name) for part in parts[:_MOST_PARTS]), default=0)
    for part in parts[:_MOST_PARTS]:
        sign = "+" if not part.before else "-" if not part.after else "~"
        yield f"{sign} {part.name:<{wide}}  {part.before:>15,} → {part.after:>15,}"
    if len(parts) > _MOST_PARTS:
        yield f"  and {len(parts) - _MOST_PARTS} more"


def _change_of(before: int, after: int) -> str:
    more = after - before
    share = f", {100 * more / before:+.1f} %" if before and abs(more) < 10 * before else ""
    return f"{'+' if more > 0 else '−'}{human(abs(more)).replace('G', 'B')}{share}".replace("-", "−")


def _flops_lines(found: Bill) -> Iterator[str]:
    before, after = found.told
    if found.same_flops:
        yield f"{after}, as before"
    elif before == after:
        yield f"{after}, about as before"
    else:
        yield before
        yield f"→ {after}"


# -- what is proved ---------------------------------------------------------------------------------------------------


def _promise_lines(promises: Sequence[Promise]) -> Iterator[Line]:
    for promise in promises:
        verdict = promise.after or promise.before
        if promise.status == "same" or verdict is None:
            continue
        yield f"{SIGNS[promise.status]} {_promise(promise)}", verdict.contract.span
        if promise.after and promise.after.status != "proved":
            yield from ((f"    {line}", None) for line in promise.after.explanation())
    same = [promise.after for promise in promises if promise.status == "same" and promise.after]
    if same:
        yield f"as before: {', '.join(f'{verdict.contract.kind} {MARKS[verdict.status]}' for verdict in same)}", None


def _promise(promise: Promise) -> str:
    """`✓ proved → ✗ refuted  causal (output: logits)`, each part once if it is as before."""
    verdicts = [verdict for verdict in (promise.before, promise.after) if verdict]
    outcomes = dict.fromkeys(map(_outcome, verdicts))
    shown = verdicts if promise.rewritten else verdicts[-1:]
    asked = dict.fromkeys(f"({arguments_text(verdict.contract)})" for verdict in shown)
    return f"{' → '.join(outcomes)}  {verdicts[0].contract.kind} {' → '.join(asked)}"


def _outcome(verdict: Verdict) -> str:
    return f"{MARKS[verdict.status]} {verdict.status}"


# -- what loads -------------------------------------------------------------------------------------------------------


def _weight_lines(found: Weights) -> Iterator[str]:
    whole = found.count("kept", "renamed", "reshaped", "gone")
    if found.load:
        yield f"load as they are: all {whole:,} tensors fit"
        return
    told = [f"{found.count('kept'):,} of {whole:,} tensors fit"]
    told += [f"{found.count('renamed'):,} under another name"] if found.of("renamed") else []
    told += [f"{found.count('new'):,} are new"] if found.of("new") else []
    yield ", ".join(told)
    for status in ("renamed", "reshaped", "gone", "new"):
        rows = list(fit_lines(found.of(status)))
        for at, row in enumerate(rows[:_MOST_TENSORS]):
            yield f"{status if at == 0 else '':<9} {row}"
        if len(rows) > _MOST_TENSORS:
            yield f"{'':<9} and {len(rows) - _MOST_TENSORS} more lines"
