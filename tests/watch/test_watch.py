"""`graphspec watch`: what is served, to whom, and what is told of each change."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from graphspec.watch import PortTaken, Session
from graphspec.watch.files import Files, files_of
from tests.chromium import Chromium, Tab
from tests.cli.test_pictures import run

SPEC = """\
graphspec: 1
name: small
params: {d: 8}
axes: {B: batch, T: position}
inputs: {x: B T d}
blocks:
  inner: {in: {h: B T d}, nodes: {up: {op: linear, in: h, dim: d}, act: relu(up)}, out: act}
nodes:
  first: {block: inner, in: x}
  norm: {op: layer_norm}
outputs: {y: norm}
contracts:
  - causal: {output: y, input: x}
"""
USING = SPEC.replace("name: small\n", "name: small\nuse: {own: blocks/own.yaml}\n").replace(
    "block: inner", "block: own.inner"
)
LIBRARY = "graphspec: 1\n" + SPEC[SPEC.index("blocks:") : SPEC.index("nodes:\n")].replace("B T d", "... d")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return path


@pytest.fixture
def session(spec: Path) -> Iterator[Session]:
    with Session(spec) as started:
        yield started


class Events:
    """What the server tells, one after another."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.connection.request("GET", "/events")
        self.answer = self.connection.getresponse()
        assert self.answer.headers["Content-Type"] == "text/event-stream"

    def next(self) -> tuple[str, Any]:
        name = ""
        while line := self.answer.readline().decode().rstrip("\n"):
            key, _, value = line.partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                self.answer.readline()
                return name, json.loads(value)
        return name, None

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


@contextmanager
def hearing(session: Session) -> Iterator[Events]:
    events = Events(session.server.server_port)
    try:
        yield events
    finally:
        events.close()


def ask(session: Session, path: str = "/", host: str = "") -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", session.server.server_port, timeout=20)
    connection.request("GET", path, headers={"Host": host or f"localhost:{session.server.server_port}"})
    with closing(connection), connection.getresponse() as answer:
        return answer.status, dict(answer.headers), answer.read().decode()


def replaced(path: Path, text: str) -> None:
    """As editors save: another file takes the place."""
    beside = path.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)


# -- the server -------------------------------------------------------------------------------------------------------


def test_the_page_is_served_here_alone(session: Session) -> None:
    status, headers, page = ask(session)
    assert status == 200
    assert headers["Cache-Control"] == "no-store"
    assert "connect-src 'self'" in page
    assert session.server.server_address[0] == "127.0.0.1"
    assert ask(session, "/elsewhere")[0] == 404


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}"]
)
def test_who_asks_by_another_name_gets_nothing(session: Session, host: str) -> None:
    for path in ("/", "/events"):
        status, _, text = ask(session, path, host.format(port=session.server.server_port))
        assert status == 421
        assert "small" not in text


def test_every_change_is_told(session: Session, spec: Path) -> None:
    with hearing(session) as events:
        name, facts = events.next()
        assert (name, facts["name"], len(facts["bodies"])) == ("facts", "small", 2)
        assert [contract["status"] for contract in facts["contracts"]] == ["proved"]
        replaced(spec, SPEC.replace("name: small", "name: other"))
        assert events.next()[1]["name"] == "other"
        spec.write_text(SPEC.replace("op: layer_norm", "op: layer_nrom"), encoding="utf-8")
        name, found = events.next()
        assert name == "broken"
        assert found["files"][0]["text"] == spec.read_text(encoding="utf-8")
        (problem,) = found["problems"]
        assert (problem["code"], problem["at"][:2]) == ("unknown-operator", [0, 10])
        assert problem["help"] == "did you mean `layer_norm`?"
        spec.write_text(SPEC, encoding="utf-8")
        assert events.next()[1]["name"] == "small"


def test_who_comes_late_gets_the_last_good_picture_and_what_is_wrong(session: Session, spec: Path) -> None:
    with hearing(session) as early:
        early.next()
        spec.unlink()
        assert early.next()[1]["problems"][0]["code"] == "file-unreadable"
    with hearing(session) as late:
        assert late.next()[0] == "facts"
        assert late.next()[0] == "broken"


def test_a_spec_that_is_broken_from_the_start(spec: Path) -> None:
    spec.write_text("graphspec: 1\nnodes: [\n", encoding="utf-8")
    with Session(spec) as session, hearing(session) as events:
        name, found = events.next()
    assert name == "broken"
    assert found["problems"][0]["at"]


def test_a_contract_that_makes_no_sense_is_said_beside_the_picture(spec: Path) -> None:
    spec.write_text(SPEC.replace("causal:", "casual:"), encoding="utf-8")
    with Session(spec) as session, hearing(session) as events:
        name, facts = events.next()
    assert name == "facts"
    assert [problem["code"] for problem in facts["problems"]] == ["unknown-contract"]


def test_a_port_that_is_taken(spec: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(PortTaken, match="another program uses it"):
            Session(spec, port=other.getsockname()[1])
        code, _, error = run("watch", str(spec), "--port", str(other.getsockname()[1]))
    assert code == 2
    assert "cannot be had: another program uses it" in error.replace("\n", " ").replace("│ ", "")


def test_a_file_that_is_not_there_is_misuse(tmp_path: Path) -> None:
    assert run("watch", str(tmp_path / "none.yaml"))[0] == 2


def test_nothing_is_left_running(spec: Path) -> None:
    before = threading.active_count()
    with Session(spec) as session:
        port = session.server.server_port
        events = Events(port)
        events.next()
    with closing(events):
        assert events.next() == ("", None), "the connection ends"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.daemon:
            thread.join(timeout=5)
    assert threading.active_count() <= before


@pytest.fixture
def hears_ctrl_c() -> Iterator[None]:
    """A shell that starts tests in the background has them ignore Ctrl-C, and all that they start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears_ctrl_c")
def test_ctrl_c_ends_it(spec: Path) -> None:
    command = [sys.executable, "-m", "compiler.cli", "watch", str(spec), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
        assert (process.returncode, errors) == (0, "")


# -- files ------------------------------------------------------------------------------------------------------------


def test_the_libraries_of_a_spec_are_watched_too(spec: Path) -> None:
    library = spec.parent / "blocks/own.yaml"
    spec.write_text(USING, encoding="utf-8")
    assert files_of(spec) == (spec, library), "although it is not there yet"
    with Session(spec) as session, hearing(session) as events:
        assert events.next()[1]["problems"][0]["code"] == "unknown-library"
        library.parent.mkdir()
        library.write_text(LIBRARY, encoding="utf-8")
        name, facts = events.next()
        assert (name, [Path(file["name"]).name for file in facts["files"]]) == ("facts", ["small.yaml", "own.yaml"])
        library.write_text(LIBRARY.replace("relu", "rellu"), encoding="utf-8")
        name, found = events.next()
        assert name == "broken"
        assert any(problem["at"] for problem in found["problems"])


def test_what_a_spec_extends_is_watched_too(spec: Path) -> None:
    variant = spec.with_name("variant.yaml")
    variant.write_text("graphspec: 1\nextends: small.yaml\nname: variant\noverride: {d: 16}\n", encoding="utf-8")
    assert files_of(variant) == (variant, spec)
    with Session(variant) as session, hearing(session) as events:
        name, facts = events.next()
        assert (name, [Path(file["name"]).name for file in facts["files"]]) == ("facts", ["variant.yaml", "small.yaml"])
        replaced(spec, SPEC.replace("layer_norm", "rms_norm"))
        name, facts = events.next()
        assert facts["bodies"][facts["model"]]["nodes"]["norm"]["does"] == "rms_norm"


def test_files_elsewhere_are_not_looked_at(spec: Path) -> None:
    spec.write_text(SPEC + "use: {a: ../other.yaml, b: /etc/hosts, c: [b]}\nextends: ../../x.yaml\n", encoding="utf-8")
    assert files_of(spec) == (spec,)


def test_a_broken_spec_keeps_the_libraries_that_it_had(spec: Path) -> None:
    library = spec.parent / "blocks/own.yaml"
    spec.write_text(USING, encoding="utf-8")
    files = Files(spec)
    assert files.changed()
    files.follow(whole=True)
    assert not files.changed()
    spec.write_text("use: [", encoding="utf-8")
    assert files.changed()
    files.follow(whole=False)
    assert library in files.marks
    spec.write_text(SPEC, encoding="utf-8")
    assert files.changed()
    files.follow(whole=True)
    assert set(files.marks) == {spec}


# -- in a browser -----------------------------------------------------------------------------------------------------


def test_the_page_redraws_and_what_was_open_stays_open(browser: Chromium, session: Session, spec: Path) -> None:
    tab = Tab(browser)
    tab.go(session.address)
    item = "[...document.querySelectorAll('[role=treeitem]')].find(e => e.getAttribute('aria-label').startsWith('{}'))"
    tab.click(item.format("Inner"))
    tab.click("document.getElementById('nearer')")
    place = "document.getElementById('stage').style.transform"
    before = tab.js(place)
    replaced(spec, SPEC.replace("name: small", "name: other").replace("layer_norm", "rms_norm"))
    tab.wait("document.getElementById('name').textContent === 'other'")
    assert tab.js(f"!!{item.format('RMS norm')}")
    assert tab.js(f"{item.format('First')}.getAttribute('aria-expanded')") == "true"
    assert tab.js(place) == before
    replaced(spec, SPEC.replace("op: layer_norm", "op: layer_nrom"))
    tab.wait("document.getElementById('state').className === 'broken'")
    assert tab.js("document.querySelector('.remark').innerText").startswith("error[unknown-operator]")
    assert tab.js("document.querySelector('.remark').previousElementSibling.number") == 10
    assert tab.js(f"!!{item.format('RMS norm')}"), "the last good picture"
    replaced(spec, SPEC)
    tab.wait("document.getElementById('state').className === ''")
    assert tab.js(f"!!{item.format('Layer norm')}")
    assert not tab.js("document.querySelectorAll('.remark').length")
    assert tab.complaints() == []
    tab.close()


def test_a_page_that_begins_with_a_broken_spec(browser: Chromium, spec: Path) -> None:
    spec.write_text(SPEC.replace("op: layer_norm", "op: layer_nrom"), encoding="utf-8")
    tab = Tab(browser)
    with Session(spec) as session:
        tab.send("Page.navigate", url=session.address)
        tab.wait("document.getElementById('state')?.className === 'broken'")
        tab.mouse("mouseMoved", 700, 450)
        for key in ("Escape", "0", "s", "s"):
            tab.key(key)
        tab.click("document.getElementById('open-all')")
        assert tab.js("document.querySelector('.remark').previousElementSibling.number") == 10
        replaced(spec, SPEC)
        tab.wait("!!document.querySelector('svg.picture')")
        assert tab.complaints() == []
    tab.close()
