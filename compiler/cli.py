"""The `graphspec` command.

Exit codes: 0 all is well, 1 the spec (or what it was given) is at fault, 2 the command was misused. torch is imported
only by the commands that need it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import graphspec
from graphspec.diagnostics import Diagnostic, File, Report, SpecError, as_dict, format_text

if TYPE_CHECKING:
    from graphspec.analysis.contracts import Verdict
    from graphspec.spec import Spec

app = typer.Typer(
    name="graphspec",
    help="Check, draw, compile and train neural architectures described in YAML.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The spec, a YAML file.", show_default=False)]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter of the spec; may be repeated.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def main() -> None:
    """The entry point: problems in specs are printed as diagnostics, never as tracebacks."""
    try:
        app()
    except SpecError as error:
        _complain(error.diagnostics)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(0)


def _complain(diagnostics: Sequence[Diagnostic]) -> None:
    if diagnostics:
        print(format_text(diagnostics, colour=sys.stderr.isatty()), file=sys.stderr)
    errors = sum(found.severity == "error" for found in diagnostics)
    if errors:
        print(f"\n{errors} error{'s' * (errors != 1)}", file=sys.stderr)


def parse_settings(settings: Sequence[str] | None) -> dict[str, str]:
    """`["layers=2"]` as `{"layers": "2"}`; misuse is an exit with code 2."""
    found: dict[str, str] = {}
    for setting in settings or ():
        name, equals, value = setting.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise typer.BadParameter(f"`{setting}` is not of the form NAME=VALUE", param_hint="--set")
        found[name.strip()] = value.strip()
    return found


def _load(path: Path, settings: Sequence[str] | None) -> Spec:
    from graphspec.spec import load_with

    return load_with(path, parse_settings(settings))


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if show:
        print(f"graphspec {graphspec.__version__}")
        raise typer.Exit


@app.command(epilog="Example: graphspec check specs/transformer.yaml --set layers=2")
def check(
    spec: SpecPath,
    settings: Settings = None,
    strict: Annotated[bool, typer.Option(help="Fail on contracts that are neither proved nor refuted.")] = False,
    as_json: AsJson = False,
) -> None:
    """Report every problem of a spec; or what it is: types, sizes, costs, contracts with verdicts."""
    from graphspec.render.summary import summary

    report = Report()
    found, verdicts = _checked(spec, settings, report)
    if as_json:
        facts = summary(found.graph, verdicts).as_dict() if found else {}
        print(
            json.dumps({"diagnostics": [as_dict(d) for d in report.diagnostics], **facts}, indent=2, ensure_ascii=False)
        )
    else:
        _complain(report.diagnostics)
        if found:
            print(summary(found.graph, verdicts).as_text())
    bad = {"refuted", "unknown"} if strict else {"refuted"}
    if report.failed or any(verdict.status in bad for verdict in verdicts):
        raise typer.Exit(1)


def _checked(path: Path, settings: Sequence[str] | None, report: Report) -> tuple[Spec | None, Sequence[Verdict]]:
    from graphspec.analysis.contracts import check_contracts, verdicts
    from graphspec.spec import read_spec

    spec = read_spec(path, parse_settings(settings), report)
    if spec is None:
        return None, ()
    check_contracts(spec.graph, report)
    return (None, ()) if report.failed else (spec, verdicts(spec.graph))


@app.command(epilog="Example: graphspec show specs/llm/llama.yaml --at B=2,T=128")
def show(
    spec: SpecPath,
    settings: Settings = None,
    at: Annotated[str, typer.Option(metavar="B=2,T=128", help="Run-time sizes: concrete shapes and costs.")] = "",
    text: Annotated[bool, typer.Option("--text", help="The canonical text: a spec with everything resolved.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the elaborated graph: every node with its type, parameters and FLOPs."""
    from graphspec.render import table

    found = _load(spec, settings)
    _complain(found.warnings)
    sizes = _sizes(at, found)
    if text:
        from graphspec.render.canonical import to_text

        print(to_text(found.graph), end="")
    elif as_json:
        print(json.dumps(table.as_dicts(found.graph, sizes), indent=2, ensure_ascii=False))
    else:
        table.print_table(found.graph, sizes)


def _sizes(text: str, spec: Spec) -> dict[str, int]:
    known = [axis.name for axis in spec.graph.axes if axis.size is None]
    found: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, value = part.partition("=")
        if name.strip() not in known or not value.strip().isdigit():
            message = f"`{part}` is not of the form AXIS=SIZE with an axis of {', '.join(known) or 'this spec (none)'}"
            raise typer.BadParameter(message, param_hint="--at")
        found[name.strip()] = int(value)
    return found


@app.command(epilog="Example: graphspec render specs/transformer.yaml -o transformer.svg")
def render(
    spec: SpecPath,
    output: Annotated[Path, typer.Option("-o", "--output", help="The picture: .svg, .png, .pdf or .dot.")],
    settings: Settings = None,
) -> None:
    """Draw the diagram; repeated blocks stand once, with their number of turns."""
    from graphspec.render import write

    found = _load(spec, settings)
    report = Report()
    write(found.graph, output, report)
    _complain((*found.warnings, *report.diagnostics))
    if report.failed:
        raise typer.Exit(1)


@app.command("compile", epilog="Example: graphspec compile specs/llm/llama.yaml -o llama.py")
def compile_(
    spec: SpecPath,
    settings: Settings = None,
    target: Annotated[str, typer.Option(metavar="KEY=VALUE,…", help="device, precision, objective, fusion.")] = "",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead of printing.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the PyTorch source that runs when the spec is compiled."""
    found = _load(spec, settings)
    _complain(found.warnings)

    from compiler.emit import emit
    from compiler.target import Target

    report = Report()
    chosen = Target.parse(target, report)
    report.check()
    source = emit(found.graph, chosen)
    if output is None:
        print(json.dumps({"source": source}) if as_json else source, end="")
        return
    try:
        output.write_text(source, encoding="utf-8")
    except OSError as error:
        help = "choose a folder that exists and may be written to"
        raise SpecError(
            [Diagnostic("cannot-write", f"cannot write `{output}`: {error.strerror}", help=help)]
        ) from error


@app.command(epilog="Example: graphspec train specs/transformer.yaml --data pairs.tsv --set layers=2 --steps 500")
def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE|SPEC", help="A recipe, or a spec with --data.")],
    settings: Settings = None,
    data: Annotated[Path | None, typer.Option(help="The file to learn from.")] = None,
    validation: Annotated[str | None, typer.Option(help="A file to measure on, or a share of the data.")] = None,
    test: Annotated[Path | None, typer.Option(help="A file to measure on once, at the end.")] = None,
    task: Annotated[str | None, typer.Option(help="seq2seq, language_model, classification or labelling.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of training.")] = None,
    run: Annotated[Path | None, typer.Option(help="The folder to write; runs/NAME by default.")] = None,
    options: Annotated[
        list[str] | None, typer.Option("--with", metavar="KEY=VALUE", help="Any key of a recipe: optimiser.lr=1e-3.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
) -> None:
    """Train a model from files; every measurement, the source and the weights go to a run folder."""
    from compiler.train import recipe as recipes
    from compiler.train import session

    changes = {f"set.{name}": value for name, value in parse_settings(settings).items()} | parse_settings(options)
    flags = {
        "data.train": data,
        "data.validation": validation,
        "data.test": test,
        "task": task,
        "steps": steps,
        "run": run,
    }
    changes |= {key: str(value) for key, value in flags.items() if value is not None}
    report = Report()
    if recipes.is_recipe(recipe, report):
        found = recipes.load(recipe, report, _absolute(changes))
    else:
        report.check()
        if data is None:
            raise typer.BadParameter("a spec needs data to learn from", param_hint="--data")
        found = recipes.from_flags(recipe, changes, report)
    report.check()
    assert found is not None
    result = session.run(found, resume=resume)
    if not result.finished:
        raise typer.Exit(130)


def _absolute(changes: dict[str, str]) -> dict[str, str]:
    """Paths given as flags are relative to the working directory, those in a recipe to its folder."""
    paths = ("data.train", "data.test", "run")
    found = {key: str(Path(value).absolute()) if key in paths else value for key, value in changes.items()}
    if Path(found.get("data.validation", "")).is_file():
        found["data.validation"] = str(Path(found["data.validation"]).absolute())
    return found


@app.command(epilog="Example: graphspec predict runs/dates 'den 3. mai 2021'")
def predict(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder that `graphspec train` has written.")],
    inputs: Annotated[list[str] | None, typer.Argument(metavar="[INPUT …|-]", help="Texts; `-` reads lines.")] = None,
    file: Annotated[Path | None, typer.Option(help="Answer every line of a file.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The most tokens to write; by default until END.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Let a trained model answer: a line for every input."""
    if (file is None) == (not inputs):
        raise typer.BadParameter("give texts, `-` for standard input, or --file", param_hint="INPUT")
    from compiler.train import predict as predicting

    predictor = predicting.load(run, device=device)
    for answer in predictor.stream([_given(inputs or (), file)], limit=limit):
        if as_json:
            print(json.dumps({"input": answer.input, "answer": answer.text, "ended": answer.ended}, ensure_ascii=False))
            continue
        print(answer.text, flush=True)
        if not answer.ended:
            print(f"(cut off before END: {answer.input})", file=sys.stderr)


def _given(inputs: Sequence[str], file: Path | None) -> File:
    """What is to be answered, as a text of lines."""
    if file is not None:
        from compiler.train.data import open_text

        report = Report()
        found = open_text(file, report)
        report.check()
        assert found is not None
        return found
    return File("standard input", sys.stdin.read()) if list(inputs) == ["-"] else File("input", "\n".join(inputs))


if __name__ == "__main__":
    main()
