"""`python -m tests.soundness`: a table of verdicts on random specs; fails if a model contradicts one."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch

from tests.drawn import Seeded, spec
from tests.soundness import log
from tests.soundness.judged import MEASURED, SIZES, Found, Judged, judged
from tests.soundness.oracles import BREAKS

STATUSES = ("proved", "refuted", "unknown")


@dataclass(frozen=True)
class Row:
    """The figures of one kind of contract."""

    kind: str
    counts: Counter[str]
    wrong: int
    true: int
    proved: int

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def cells(self) -> list[str]:
        precise = f"{100 * self.proved / self.true:.1f} % of {self.true}" if self.true else ""
        unknown = f"{100 * self.counts['unknown'] / self.total:.1f} %" if self.total else ""
        return [self.kind, *(str(self.counts[status]) for status in STATUSES), unknown, str(self.wrong), precise]


HEADS = ("contract", *STATUSES, "unknown", "contradicted", "proved, of those that hold")


def row(kind: str, found: Sequence[Found]) -> Row:
    true = [each for each in found if each.true]
    counts = Counter(each.status for each in found)
    return Row(kind, counts, sum(each.wrong for each in found), len(true), sum(not each.missed for each in true))


def table(all_judged: Sequence[Judged]) -> str:
    """The figures by kind, as Markdown."""
    found = [each for one in all_judged for each in one.found]
    rows = [row(kind, [each for each in found if each.kind == kind]) for kind in BREAKS]
    lines = [HEADS, ["---"] * len(HEADS), *(each.cells() for each in rows), [*row("all", found).cells()[:-1], ""]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def run(seeds: Sequence[int], every: int, jobs: int, minutes: float = 1e9) -> Iterator[Judged]:
    """The specs of some seeds, as many as there is time for; the truth is asked of one in `every`."""
    one, end = partial(_one, every=every), time.monotonic() + 60 * minutes
    if jobs == 1:
        yield from (one(seed) for seed in seeds if time.monotonic() < end)
        return
    with ProcessPoolExecutor(jobs) as pool:
        for found in pool.map(one, seeds, chunksize=10):
            yield found
            if time.monotonic() > end:
                pool.shutdown(cancel_futures=True)
                return


def _one(seed: int, every: int) -> Judged:
    torch.set_num_threads(1)
    return judged(seed, measure=seed % every == 0)


def contradictions(all_judged: Sequence[Judged]) -> list[str]:
    crashed = [f"seed {one.seed}: {one.crash}" for one in all_judged if one.crash]
    return crashed + [
        f"seed {one.seed}: {each.kind} is {each.status}, but not so ({each.summary})"
        for one in all_judged
        for each in one.found
        if each.wrong
    ]


def misses(all_judged: Sequence[Judged]) -> list[str]:
    return [
        f"seed {one.seed}: {each.kind} holds, but is {each.status} ({each.summary})"
        for one in all_judged
        for each in one.found
        if each.missed
    ]


PAGE = """# Soundness and precision of the verdicts

Written by `make soundness` (`python -m tests.soundness --count {asked} --seed {seed} --write docs/soundness.md`) on
{date}: {count} random specs, seeds {seeds}, all judged by the same code.{stopped}
Found wrong: **{wrong}**.

{table}

## What is drawn

`tests/drawn.py` draws whole models from a seed: attention with random masks (every atom, `& | ~`), rotary and grouped
heads, cross-attention to a second sequence, queries, keys and values of different making, learned tokens before or after
the sequence that are cut off again, shifts both ways, slices and concatenations, split features, norms over features and
along the sequence, sums, means and maxima, products with what is real, positions (sinusoidal, learned, by index, by
document), scales that depend on the length, rows that are mixed; a repeated block with shared weights or masks in cycle,
and pooling. A spec is drawn to be causal, to ignore padding, to keep documents apart, or several of these; now and
then a part slips.

## How verdicts are held against models

Each model runs in the reference interpreter (which shares nothing with the compiler or the analysis), in double
precision, with random weights, on fourteen worlds: different paddings, documents, edges.

- *proved* is contradicted by one pair that moves though it must not (each token is changed in turn), by an output that
  is another one on a part of the sequence (what comes later cut off, padding cut off, a document alone), among other
  rows, or in another order.
- *refuted* is contradicted if the pair that the verdict names never moves, in a world in which it must not, at four
  lengths with larger and smaller weights. Where padding or documents say when it must not, worlds are also made for the
  pair: these turn at each place that lets it break the contract, and every change of its token is tried.
- *Those that hold*: of one spec in {every}, boolean matrices at lengths {sizes} say what is read, entry by entry and
  feature by feature, by the structure of every operator and with masks asked for every pair; nothing must break the
  contract there, nor in the model as it runs. This is measured for {measured}.

`python -m tests.soundness --show` lists the specs whose property holds but was not proved, `--print SEED` shows a spec.
`tests/soundness` proves that the oracles can fail: a rule is broken, and the contradiction is found.
"""


def runs(numbers: Sequence[int]) -> str:
    """Whole numbers, in order, as words: `0 to 4 and 7 to 9`."""
    known = set(numbers)
    starts = [number for number in numbers if number - 1 not in known]
    ends = [number for number in numbers if number + 1 not in known]
    return " and ".join(f"{start} to {end}" for start, end in zip(starts, ends, strict=True))


def page(options: argparse.Namespace, all_judged: Sequence[Judged]) -> str:
    return PAGE.format(
        count=len(all_judged),
        seed=options.seed,
        asked=options.count,
        seeds=runs([one.seed for one in all_judged]),
        stopped="" if len(all_judged) == options.count else " The run was stopped before its end.",
        date=datetime.now(UTC).date().isoformat(),
        wrong=len(contradictions(all_judged)),
        table=table(all_judged),
        every=options.every,
        sizes=", ".join(map(str, SIZES)),
        measured=", ".join(f"`{kind}`" for kind in MEASURED),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soundness", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="how many specs")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first one")
    parser.add_argument("--every", type=int, default=4, help="of one in how many the truth is asked, too")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after that many")
    parser.add_argument(
        "--log", type=Path, metavar="FILE", help="keep what is found there, and go on with what is left"
    )
    parser.add_argument("--show", action="store_true", help="list what holds but is not proved")
    parser.add_argument("--print", type=int, metavar="SEED", help="print the spec of a seed")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page about this run")
    options = parser.parse_args(arguments)
    if options.print is not None:
        sys.stdout.write(spec(Seeded(options.print)).text)
        return 0
    found = list(_reported(options))
    if options.write:
        options.write.write_text(page(options, found), encoding="utf-8")
    print(f"\n{table(found)}\n\n{len(found)} specs")
    return 1 if contradictions(found) else 0


def _reported(options: argparse.Namespace) -> Iterator[Judged]:
    """The specs in the order of their seeds, those that the log holds already and the others; each told as it comes."""
    seeds = range(options.seed, options.seed + options.count)
    found = log.known(options.log) if options.log else {}
    for one in run([seed for seed in seeds if seed not in found], options.every, options.jobs, options.minutes):
        found[one.seed] = one
        if options.log:
            log.keep(options.log, one)
        for line in [*contradictions([one]), *(misses([one]) if options.show else [])]:
            print(line, flush=True)
    yield from (found[seed] for seed in seeds if seed in found)


if __name__ == "__main__":
    sys.exit(main())
