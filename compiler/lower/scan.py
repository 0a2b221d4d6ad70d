"""Linear recurrences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from compiler.lower.align import align
from compiler.lower.code import Code
from compiler.lower.site import Lowering, Site
from graphspec.operators.scan import Scan
from graphspec.operators.shape import find_axis

PORTS = ("drive", "decay", "start")


def scan(at: Site) -> Code:
    does, made, sizes = cast(Scan, at.does), at.node.type, at.scope.unit.sizes
    given = {port: align(at.read(port), at.type(port).axes, made.axes, sizes) for port in PORTS if at.has(port)}
    place = find_axis(made, does.over, sizes)
    return at.runtime("linear_scan", *given.values(), dim=str(place), reverse="True" if does.reverse else None)


LOWERINGS: Mapping[str, Lowering] = {"scan": scan}
