"""`graphspec check`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compiler.cli.options import AsJson, Plugins, Settings, SpecPath, complain, parse_settings
from compiler.plugins import load_plugins
from graphspec.diagnostics import Report, as_dict

if TYPE_CHECKING:
    from graphspec.analysis.contracts import Verdict
    from graphspec.spec import Spec


EXAMPLE = "graphspec check specs/transformer.yaml --set layers=2"


def command(
    spec: SpecPath,
    settings: Settings = None,
    plugins: Plugins = None,
    strict: Annotated[bool, typer.Option(help="Fail on contracts that are neither proved nor refuted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Report every problem of a spec; or what it is: types, sizes, costs, contracts with verdicts."""
    load_plugins(plugins)
    from graphspec.render.summary import summary

    report = Report()
    found, verdicts = _checked(spec, settings, report)
    if as_json:
        facts = summary(found.graph, verdicts).as_dict() if found else {}
        print(
            json.dumps({"diagnostics": [as_dict(d) for d in report.diagnostics], **facts}, indent=2, ensure_ascii=False)
        )
    else:
        complain(report.diagnostics)
        if found:
            print(summary(found.graph, verdicts).as_text())
    bad = {"refuted", "unknown"} if strict else {"refuted"}
    if report.failed or any(verdict.status in bad for verdict in verdicts):
        raise typer.Exit(1)


def _checked(path: Path, settings: Sequence[str] | None, report: Report) -> tuple[Spec | None, Sequence[Verdict]]:
    from graphspec.analysis.contracts import check_contracts, verdicts
    from graphspec.analysis.masks import check_masks
    from graphspec.spec import read_spec

    spec = read_spec(path, parse_settings(settings), report)
    if spec is None:
        return None, ()
    check_contracts(spec.graph, report)
    check_masks(spec.graph, report)
    return (None, ()) if report.failed else (spec, verdicts(spec.graph))
