"""Graph → graph: each pass a pure function in a file of its own, and the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from compiler.passes.add_objective import add_objective
from compiler.passes.alibi_slopes import alibi_slopes
from compiler.passes.drop_unread import drop_unread
from compiler.passes.fit_memory import fit_memory
from compiler.passes.fuse_loss import fuse_loss
from compiler.passes.hoist import hoist
from compiler.passes.input_defaults import input_defaults
from compiler.passes.invariants import check
from compiler.passes.merge_common import merge_common
from compiler.passes.merge_linears import merge_linears
from compiler.passes.ready_masks import ready_masks
from compiler.passes.share_rotary import share_rotary
from compiler.target import Target
from graphspec.graph import Graph

Pass = Callable[[Graph, Target], Graph]

FORM: tuple[Pass, ...] = (add_objective, drop_unread, fuse_loss)
"""What decides how much memory a step of training takes."""

PIPELINE: tuple[Pass, ...] = (
    *FORM,
    fit_memory,
    ready_masks,
    alibi_slopes,
    share_rotary,
    hoist,
    drop_unread,
    input_defaults,
    merge_common,
    merge_linears,
)


def run(graph: Graph, target: Target, pipeline: tuple[Pass, ...] = PIPELINE) -> Graph:
    """Apply the passes in order; after each, the invariants are checked."""
    for rewrite in pipeline:
        graph = rewrite(graph, target)
        check(graph, after=rewrite.__name__)
    return graph
