"""`graphspec bench`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compiler.cli.options import AsJson, Plugins, Settings, load_spec, parse_settings, parse_sizes
from compiler.plugins import load_plugins
from graphspec.diagnostics import Diagnostic, Report, SpecError, display_name

if TYPE_CHECKING:
    from compiler.bench import Job, Results

EXAMPLE = "graphspec bench specs/llm/gpt2.yaml --set depth=2 --at B=4,T=128 --rounds 5"


def command(
    spec: Annotated[Path, typer.Argument(metavar="SPEC|SUITE", help="A spec with --at, or a suite of jobs.")],
    settings: Settings = None,
    plugins: Plugins = None,
    at: Annotated[str, typer.Option(metavar="B=4,T=256", help="The sizes of a batch, for a spec.")] = "",
    objective: Annotated[str, typer.Option(help="What training minimises, for a spec.")] = "next_token",
    precision: Annotated[str, typer.Option(help="fp32, tf32 or bf16, for a spec.")] = "fp32",
    device: Annotated[str, typer.Option(help="cpu or cuda, for a spec.")] = "cpu",
    job: Annotated[list[str] | None, typer.Option(help="Only this job of a suite; may be repeated.")] = None,
    contestant: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="One more: emitted,KEY=VALUE or FILE.py@whole; may be repeated."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each takes its turn.")] = 11,
    steps: Annotated[int, typer.Option(min=1, help="Steps in a turn.")] = 1,
    warmup: Annotated[int, typer.Option(min=0, help="Steps before the first round.")] = 3,
    threads: Annotated[int, typer.Option(min=0, help="Of the processor; 0: all of them.")] = 0,
    keep_heap: Annotated[bool, typer.Option(help="Let no process give freed memory back to the system.")] = True,
    backend: Annotated[str, typer.Option(help="Of torch.compile.")] = "inductor",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A file for the results, JSON; beside it a page and a plot."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure training steps side by side, each contestant in a process of its own. Exit code 1 if it was not fair."""
    load_plugins(plugins)
    from compiler.bench import Plan, Results, about, bench
    from compiler.bench.table import page

    report = Report()
    jobs = _jobs(spec, settings, at, {"objective": objective, "precision": precision, "device": device}, report)
    report.check()
    jobs = _chosen(jobs, job)
    plan = Plan(
        rounds=rounds,
        steps=steps,
        warmup=warmup,
        threads=threads,
        keep_heap=keep_heap,
        compile_backend=backend,
        plugins=tuple(plugins or ()),
    )
    before = _before(output, Results(about(jobs, plan), ())) if output else None
    results = bench(jobs, plan, contestant or (), lambda line: print(line, file=sys.stderr, flush=True))
    if output:
        _write(results.beside(before) if before else results, output)
    print(results.text() if as_json else page(results), end="")
    for fault in results.faults:
        print(f"void: {fault}", file=sys.stderr)
    if results.faults:
        raise typer.Exit(1)


def _jobs(path: Path, settings: list[str] | None, at: str, rest: dict[str, str], report: Report) -> tuple[Job, ...]:
    from compiler.bench.job import Job, is_suite, read_suite

    if is_suite(path, report):
        if settings or at:
            raise typer.BadParameter("a suite says the sizes of its jobs itself", param_hint="--set, --at")
        return read_suite(path, report)
    report.check()
    sizes = parse_sizes(at, load_spec(path, settings))
    for name, known in (("precision", ("fp32", "tf32", "bf16")), ("device", ("cpu", "cuda"))):
        if rest[name] not in known:
            raise typer.BadParameter(f"`{rest[name]}` is none of {', '.join(known)}", param_hint=f"--{name}")
    return (Job(name=path.stem, spec=str(path), at=sizes, set=parse_settings(settings), **rest),)  # pyright: ignore[reportArgumentType]


def _chosen(jobs: tuple[Job, ...], names: list[str] | None) -> tuple[Job, ...]:
    known = [job.name for job in jobs]
    for name in names or ():
        if name not in known:
            raise typer.BadParameter(f"there is no job `{name}` (there are {', '.join(known)})", param_hint="--job")
    return tuple(job for job in jobs if not names or job.name in names)


def _before(path: Path, new: Results) -> Results | None:
    """What the file has already. Asked before an hour is spent: whether the results could be written beside it."""
    from compiler.bench.results import read

    if path.suffix != ".json" or not path.parent.is_dir():
        help = "choose a file NAME.json in a folder that exists"
        raise SpecError([Diagnostic("cannot-write", f"cannot write `{display_name(path)}`", help=help)])
    if not path.exists():
        return None
    found = read(path)
    new.beside(found)
    return found


def _write(results: Results, path: Path) -> None:
    """JSON, page and plot."""
    from compiler.bench.plot import draw
    from compiler.bench.table import page

    path.write_text(results.text(), encoding="utf-8")
    draw(results, path.with_suffix(".svg"))
    path.with_suffix(".md").write_text(page(results, path.with_suffix(".svg").name), encoding="utf-8")
