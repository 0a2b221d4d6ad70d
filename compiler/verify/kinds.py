"""For each kind of contract, how it is probed."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.verify.along import causal, prefix_causal, reach, uses
from compiler.verify.guards import ignores_padding, isolates
from compiler.verify.scene import Prober
from compiler.verify.symmetry import equivariant, independent, invariant

PROBERS: Mapping[str, Prober] = {
    "causal": causal,
    "prefix_causal": prefix_causal,
    "independent": independent,
    "ignores_padding": ignores_padding,
    "isolates": isolates,
    "reach": reach,
    "equivariant": equivariant,
    "invariant": invariant,
    "uses": uses,
}
