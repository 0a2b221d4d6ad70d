"""A headless Chromium, driven by its own DevTools protocol over a pair of pipes: nothing to install beside it."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 30
KEYS = {
    "Enter": 13,
    "Escape": 27,
    "ArrowUp": 38,
    "ArrowDown": 40,
    "ArrowLeft": 37,
    "ArrowRight": 39,
    "Tab": 9,
    "Home": 36,
}

_START = """\
import fcntl, os, sys
read, write = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""The browser reads from descriptor 3 and writes to 4."""


def program() -> str | None:
    """What is installed here, if anything is."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Broken(Exception):
    """The browser says no, or nothing."""


class Chromium:
    """One browser; commands are `send("Page.navigate", url=…)`, as the protocol names them."""

    def __init__(self, command: list[str]) -> None:
        (ours_in, self.to), (self.of, ours_out) = os.pipe(), os.pipe()
        start, quiet = [sys.executable, "-c", _START, str(ours_in), str(ours_out), *command], subprocess.DEVNULL
        self.process = subprocess.Popen(start, pass_fds=(ours_in, ours_out), stdin=quiet, stdout=quiet, stderr=quiet)
        os.close(ours_in)
        os.close(ours_out)
        self.numbers, self.buffer, self.events = itertools.count(1), b"", list[dict[str, Any]]()

    def send(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        os.write(self.to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for answer in self._read(deadline - time.monotonic()):
                if answer.get("id") == number:
                    if "error" in answer:
                        raise Broken(f"{method}: {answer['error']['message']}")
                    return answer["result"]
                self.events.append(answer)
        raise Broken(f"{method}: no answer in {SECONDS} s")

    def _read(self, seconds: float) -> Iterator[dict[str, Any]]:
        if not select.select([self.of], [], [], max(seconds, 0))[0]:
            return
        found = os.read(self.of, 1 << 20)
        if not found:
            raise Broken(f"ended with {self.process.wait()}")
        *whole, self.buffer = (self.buffer + found).split(b"\0")
        yield from map(json.loads, whole)

    def close(self) -> None:
        try:
            self.send("Browser.close")
        except (Broken, OSError):
            self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.of)


class Tab:
    """One page in the browser, with what it complained of."""

    def __init__(self, browser: Chromium, wide: int = 1400, high: int = 900) -> None:
        self.browser = browser
        self.target = browser.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.send("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        still = [{"name": "prefers-reduced-motion", "value": "reduce"}]
        self.send("Emulation.setEmulatedMedia", features=still)
        self.send("Emulation.setDeviceMetricsOverride", width=wide, height=high, deviceScaleFactor=1, mobile=False)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.send(method, self.session, **parameters)

    def go(self, url: str) -> None:
        self.send("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && !!document.querySelector('svg.picture')")

    def js(self, expression: str) -> Any:
        """The value of an expression, or of a promise."""
        done = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise Broken(done["exceptionDetails"]["exception"].get("description", "an exception"))
        return done["result"].get("value")

    def wait(self, condition: str, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not self.js(condition):
            if time.monotonic() > deadline:
                raise Broken(f"it never became true that {condition}")
            time.sleep(0.03)

    def complaints(self) -> list[str]:
        """Errors and warnings in the console, exceptions, requests to anywhere but the page itself."""
        own = [event for event in self.browser.events if event.get("sessionId") == self.session]
        return [text for event in own if (text := _complaint(event["method"], event["params"]))]

    # -- hands --------------------------------------------------------------------------------------------------------

    def key(self, key: str, modifiers: int = 0) -> None:
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        code = KEYS.get(key, ord(key.upper()) if len(key) == 1 else 0)
        common = {"key": key, "modifiers": modifiers, "windowsVirtualKeyCode": code}
        self.send("Input.dispatchKeyEvent", type="keyDown", **common, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        self.send("Input.insertText", text=text)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(points)]
        self.send("Input.dispatchTouchEvent", type=kind, touchPoints=fingers)

    def middle(self, element: str) -> tuple[float, float]:
        """Where an element (an expression) is seen: its middle; of what is high, the middle of its upper edge."""
        found = self.js(
            f"(e => {{ const r = e.getBoundingClientRect(); return [r.left + r.width / 2, r.top + Math.min(r.height / 2, 9)] }})({element})"
        )
        return found[0], found[1]

    def click(self, element: str) -> None:
        x, y = self.middle(element)
        self.mouse("mouseMoved", x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def close(self) -> None:
        self.browser.send("Target.closeTarget", targetId=self.target)

    def look(self, path: Path) -> None:
        """A screenshot."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot")["data"]))


def _complaint(method: str, found: Mapping[str, Any]) -> str:
    match method:
        case "Runtime.exceptionThrown":
            return str(found["exceptionDetails"]["exception"].get("description", found))
        case "Runtime.consoleAPICalled" if found["type"] in ("error", "warning", "assert"):
            return " ".join(str(part.get("value", "")) for part in found["args"])
        case "Log.entryAdded" if found["entry"]["level"] in ("error", "warning"):
            return str(found["entry"]["text"])
        case "Network.requestWillBeSent" if not found["request"]["url"].startswith(
            ("file:", "http://127.0.0.1:", "about:")
        ):
            return f"asked for {found['request']['url']}"
        case _:
            return ""


@contextmanager
def running(folder: Path, path: Callable[[], str | None] = program) -> Iterator[Chromium]:
    """A browser with a profile of its own in a folder."""
    found = path()
    assert found is not None
    quiet = ["--no-first-run", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    root = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses to be root in its sandbox
    command = [found, "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={folder}", *quiet, *root]
    browser = Chromium([*command, "--disable-dev-shm-usage", "--force-color-profile=srgb", "--hide-scrollbars"])
    try:
        yield browser
    finally:
        browser.close()
