"""Measuring side by side: what is read, what is measured, what is said of it, and what makes it void."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from compiler.bench import results as written
from compiler.bench.contestants import Name, graph_of, target_of
from compiler.bench.flops import step_flops
from compiler.bench.job import Job, Plan, read_suite
from compiler.bench.machine import environment, peak_rate
from compiler.bench.memory import bytes_of, peak_of
from compiler.bench.process import Failed
from compiler.bench.products import Products
from compiler.bench.results import Measured, Outcome, Results, Spread, spread
from compiler.bench.session import _Race, check, faults
from compiler.bench.table import page
from compiler.bench.worker import BOUND, answers, prepare
from graphspec.diagnostics import Report, SpecError
from tests.bench.test_contestants import JOBS, ROOT
from tests.cli.test_commands import graphspec

JOB = JOBS["gpt2"]
SUITES = sorted((ROOT / "docs/benchmarks").glob("*.yaml"))


def measured(name: str, *seconds: float, own: bool = False, **more: object) -> Measured:
    kept = {
        "compiled": False,
        "first_step": 1.0,
        "loss": 4.0,
        "last_loss": 3.0,
        "parameters": 10,
        "memory": 1000,
        **more,
    }
    return Measured(name=name, own=own, seconds=seconds, **kept)  # pyright: ignore[reportArgumentType]


OURS = measured("emitted@blocks", 1.0, 2.0, 4.0, own=True, compiled=True, graphs=1, regions=1)
THEIRS = measured("mine", 2.0, 2.0, 2.0)
PRODUCTS = measured("products", 0.5, 1.0, 2.0, loss=math.nan, parameters=0)
OUTCOME = Outcome(JOB, 16, (PRODUCTS, OURS, THEIRS), flops={"step": 100, "peak": 200})
ABOUT = {
    "date": "2026-01-01",
    "device": "a machine",
    "cores": 2,
    "versions": {"torch": "2"},
    "settings": {},
    "plan": {"rounds": 3, "steps": 1, "warmup": 1},
}


# --- suites


@pytest.mark.parametrize("path", [it for it in SUITES if "jobs:" in it.read_text()], ids=lambda it: it.stem)
def test_the_suites_are_sound(path: Path) -> None:
    """Each job's spec is there, its sizes are complete, its objective fits."""
    report = Report()
    jobs = read_suite(path, report)
    assert jobs and not report.diagnostics
    for job in jobs:
        if job.device == "cpu":
            check(job, [])
        assert step_flops(graph_of(job), job.at)


def test_every_fault_of_a_suite_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "jobs:\n  a: {spec: x.yaml, at: {B: 0}, precison: fp32}\n  b: {at: {B: 1}, precision: [fp33]}\nmore: 1\n"
    )
    report = Report()
    assert read_suite(path, report) == ()
    assert [it.code for it in report.diagnostics] == [
        "wrong-value",
        "unknown-key",
        "missing-key",
        "wrong-value",
        "unknown-key",
    ]


@pytest.mark.parametrize(
    ("job", "others", "code"),
    [
        (replace(JOB, at={"B": 2}), [], "missing-size"),
        (JOB, ["emitted@twice"], "unknown-contestant"),
        (JOB, ["nobody.py"], "unknown-contestant"),
        (JOB, ["emitted,fusion=none"], "unknown-target"),
        (replace(JOB, precision="tf32"), [], "no-such-precision"),
        (replace(JOB, objective="next_tokens"), [], "unknown-objective"),
        pytest.param(
            replace(JOB, device="cuda"),
            [],
            "no-device",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_what_cannot_be_measured_is_said_before(job: Job, others: list[str], code: str) -> None:
    with pytest.raises(SpecError) as caught:
        check(job, others)
    assert [it.code for it in caught.value.diagnostics] == [code] and caught.value.diagnostics[0].help


# --- what is measured


def test_the_bound_records_every_product_and_runs_it_again() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    x = torch.randn(3, 4, requires_grad=True)
    with Products() as found:
        model(x).sum().backward()
    names = [func._schema.name for func, *_ in found.found]
    assert names == ["aten::addmm"] * 2 + ["aten::mm"] * 4
    run_again = found.replayed("cpu")
    with Products() as again:
        run_again()
    assert sorted(func._schema.name for func, *_ in again.found) == sorted(names)
    assert [made.size for *_, made in again.found] == [made.size for *_, made in found.found]


def test_the_peak_is_that_of_all_tensors_together() -> None:
    held = torch.zeros(1000)

    def step() -> None:
        first = held + 1
        second = first + held
        del first
        torch.cat([second, held])

    assert bytes_of([held, held[10:]]) == 4000
    assert peak_of(step, [held]) == 4000 * 4


def test_the_operations_of_a_step() -> None:
    """6 for each parameter that a token is multiplied with, and 12 of width times length for a layer's attention."""
    sizes = {**JOB.set, "d_model": "64", "heads": "4", "vocab": "100", "longest": "32"}
    found = step_flops(graph_of(replace(JOB, set=sizes)), {"B": 2, "T": 32})
    matrices = 2 * 12 * 64 * 64 + 100 * 64
    assert found == 2 * 32 * (6 * matrices + 12 * 2 * 64 * 32)


def test_peaks_and_settings() -> None:
    assert peak_rate("NVIDIA H100 80GB HBM3", "bf16") == 989e12
    assert peak_rate("NVIDIA H100 PCIe", "bf16") == 756e12
    assert peak_rate("NVIDIA L4", "fp32") == 30.3e12 and peak_rate("NVIDIA L40S", "bf16") == 362e12
    assert peak_rate("a processor", "fp32") is None
    assert environment(Plan(threads=3), Path("c"))["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize("keep", [True, False])
def test_the_heap_is_kept_where_the_plan_says_so(keep: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr("compiler.heap.keep", lambda: asked.append(True))
    prepare(JOB, Plan(keep_heap=keep, threads=torch.get_num_threads()))
    assert bool(asked) == keep


# --- what follows


def test_ratios_are_paired() -> None:
    assert OUTCOME.rival is THEIRS
    assert OUTCOME.speed(OURS, THEIRS) == Spread(0.75, 1.0, 1.5)
    assert OUTCOME.share(OURS) == Spread(0.5, 0.5, 0.5)
    assert OUTCOME.utilisation(THEIRS) == 100 / 2 / 200
    assert spread([]) is None and spread([3]) == Spread(3, 3, 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"loss": 9.0}, ["mine: its first loss is 9.000, that of others 4.000"]),
        ({"last_loss": 4.5}, ["mine: it does not learn (a loss of 4.000 at first, 4.500 at last)"]),
        ({"last_loss": math.nan}, ["mine: it does not learn (a loss of 4.000 at first, nan at last)"]),
        ({"graphs": 2, "regions": 1}, []),
        ({"graphs": 2, "regions": 1, "own": True}, ["mine: 2 graphs were compiled, where 1 are enough"]),
    ],
)
def test_what_makes_a_comparison_void(change: dict[str, float], said: list[str]) -> None:
    third = measured("third", 1.0, 1.0, 1.0)
    found = replace(OUTCOME, measured=(PRODUCTS, OURS, third, replace(THEIRS, **change)))
    assert list(faults(found)) == said


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    found = Results(ABOUT, (replace(OUTCOME, measured=(OURS, THEIRS)),))
    path = tmp_path / "r.json"
    path.write_text(found.text())
    assert written.read(path) == found
    other = replace(found, outcomes=(replace(OUTCOME, job=replace(JOB, name="h")),))
    assert [it.job.name for it in other.beside(found).outcomes] == ["g", "h"]
    with pytest.raises(SpecError, match=r"(?s)other-machine.*`device` is a machine, was another"):
        found.beside(replace(found, about={**ABOUT, "device": "another"}))
    with pytest.raises(SpecError, match=r"`settings\.OMP_NUM_THREADS` is not set, was 3"):
        found.beside(replace(found, about={**ABOUT, "settings": {"OMP_NUM_THREADS": "3"}}))


def test_the_page(golden: Callable[[str, str], None]) -> None:
    left = replace(OUTCOME, left_out={"litgpt_models": "`litgpt` is not installed"}, faults=("mine: it cheats",))
    golden("bench/page.md", page(Results(ABOUT, (left,)), "r.svg"))


@pytest.mark.parametrize("name", [BOUND, {"what": "emitted", "how": "off"}], ids=["bound", "emitted"])
def test_a_worker_answers_each_command(name: str | dict[str, str]) -> None:
    task = {"name": name, "job": JOB.as_dict(), "plan": asdict(Plan())}
    commands = [task, {"do": "first"}, {"do": "round", "steps": 2}, {"do": "forget"}, {"do": "measured"}]
    ready, first, turn, _, last = answers(io.StringIO("".join(f"{json.dumps(it)}\n" for it in commands)))
    assert ready == {"ready": True} and first["first_step"] > 0 and turn["seconds"] > 0
    if name == BOUND:
        assert first["products"] > 20
    else:
        assert last["last_loss"] < first["loss"] and last["memory"] > 4 * 4 * first["parameters"] - 16


def test_a_worker_imports_plugins_before_it_reads_a_spec() -> None:
    task = {"name": BOUND, "job": JOB.as_dict(), "plan": asdict(Plan(plugins=("no_such_module",)))}
    with pytest.raises(SpecError, match="no-plugin"):
        next(answers(io.StringIO(json.dumps(task) + "\n")))


class Scripted:
    """A process that answers from a script; None: it ends."""

    def __init__(self, name: str, seconds: list[float | None]) -> None:
        self.name, self.seconds = name, iter(seconds)

    def ready(self) -> None: ...

    def ask(self, what: str, **_: object) -> dict[str, object]:
        if what == "round":
            taken = next(self.seconds)
            if taken is None:
                raise Failed("its process ended with code -9")
            return {"seconds": taken}
        known = {
            "first": {"first_step": 1.0, "loss": 4.0, "parameters": 3},
            "measured": {"last_loss": 3.0, "memory": 9},
        }
        return known.get(what, {})  # pyright: ignore[reportReturnType]


def test_one_that_fails_on_the_way_leaves_and_the_others_go_on() -> None:
    said: list[str] = []
    race = _Race(Plan(rounds=3, steps=2, warmup=0), said.append)
    for process in (Scripted("a", [2.0, 4.0, 6.0]), Scripted("b", [1.0, None])):
        race.enter(process, Name("emitted", "off"))  # pyright: ignore[reportArgumentType]
    race.run()
    race.finish()
    assert list(race.measured) == ["a"] and race.measured["a"].seconds == (1.0, 2.0, 3.0)
    assert race.left_out == {"b": "its process ended with code -9"} and "b: failed" in said[-1]
    assert faults(Outcome(JOB, 1, tuple(race.measured.values()), race.left_out)) == (
        "b: its process ended with code -9",
    )


def test_a_budget_takes_the_sizes_of_the_job() -> None:
    assert target_of(JOB, "memory=2GB").sizes == dict(JOB.at)


# --- the command


@pytest.mark.slow
def test_the_command_measures_writes_and_adds(tmp_path: Path) -> None:
    """In processes of their own; a second job is added to the file, in which one contestant breaks."""
    suite, broken, out = tmp_path / "s.yaml", tmp_path / "broken.py", tmp_path / "r.json"
    sizes = ", ".join(f"{name}: {value}" for name, value in JOB.set.items())
    rest = f"spec: '{JOB.spec}', set: {{{sizes}}}, at: {{B: 2, T: 8}}, like: gpt2, contestants: [emitted]"
    suite.write_text(f"jobs:\n  a: {{{rest}}}\n  b: {{{rest}}}\n")
    broken.write_text("def build(like, sizes, at):\n    raise RuntimeError('no such thing')\n")
    common = ("bench", str(suite), "--rounds", "2", "--warmup", "1", "--threads", "1", "-o", str(out), "--json")
    fine = graphspec(*common, "--job", "a_fp32", "--contestant", "tests/bench/handwritten.py")
    assert (fine.returncode, "void" in fine.stderr) == (0, False), fine.stderr
    assert json.loads(fine.stdout)["jobs"][0]["job"]["name"] == "a_fp32"
    void = graphspec(*common, "--job", "b_fp32", "--contestant", str(broken))
    assert void.returncode == 1 and "void: b_fp32: broken: its process ended with code 1" in void.stderr
    assert "RuntimeError: no such thing" in void.stderr
    first, second = written.read(out).outcomes
    assert [it.name for it in first.measured] == ["products", "emitted", "handwritten"]
    assert all(len(it.seconds) == 2 and min(it.seconds) > 0 for it in first.measured)
    ours, theirs = first.models
    assert ours.parameters == theirs.parameters and 0.5 < ours.memory / theirs.memory < 2
    assert [it.name for it in second.models] == ["emitted"] and "broken" in second.left_out
    assert out.with_suffix(".svg").read_text().startswith("<?xml") and "## b_fp32" in out.with_suffix(".md").read_text()


@pytest.mark.slow
def test_the_emitted_model_is_measured_eager_by_blocks_and_whole(tmp_path: Path) -> None:
    sizes = [it for name, value in JOB.set.items() for it in ("--set", f"{name}={value}")]
    common = ("--at", "B=2,T=8", "--rounds", "1", "--warmup", "1", "--threads", "1", "--json")
    found = graphspec("bench", JOB.spec, *sizes, *common)
    assert found.returncode == 0, found.stderr
    models = json.loads(found.stdout)["jobs"][0]["measured"][1:]
    assert [(it["name"], it["graphs"]) for it in models] == [
        ("emitted", 0),
        ("emitted@blocks", 1),
        ("emitted@whole", 1),
    ]
