"""Chromium, driven over a pipe by the DevTools protocol: no port, no package, no download.

Where there is none the tests are left out, and the end of the run says so; with REWRITER_BROWSER=1 they fail.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import F_DUPFD, fcntl
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 60.0
"""Seconds for an answer; a busy machine is no fault."""

# Chromium reads commands from file descriptor 3 and answers on 4.
_LAUNCH = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""
_KEYS = {
    "/": 191,
    "Enter": 13,
    "Escape": 27,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
}


MISSING = f"none of {', '.join(NAMES)} is on PATH"


def executable() -> str | None:
    """Where Chromium is; None for nowhere."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Tab:
    """One page, and what happened in it."""

    def __init__(self, process: subprocess.Popen[bytes], commands: int, answers: int) -> None:
        self.process, self.commands, self.answers = process, commands, answers
        self.number = 0
        self.rest = b""
        self.session: str | None = None
        self.events: list[dict[str, Any]] = []

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events on the way are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.number:
            self.events.append(answer)
        assert "error" not in answer, answer["error"]
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.answers], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"Chromium did not answer in {PATIENCE:g} s"
            chunk = os.read(self.answers, 1 << 16)
            assert chunk, f"Chromium ended with code {self.process.poll()}"
            self.rest += chunk
        message, _, self.rest = self.rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def open(self, page: Path, *, width: int = 1440, height: int = 900, dark: bool = False) -> None:
        """Show a file; returns when it is loaded."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.events.clear()
        self.ask("Page.navigate", url=page.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())
        self.settle()

    def settle(self) -> None:
        """Wait until what was done is drawn."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def run(self, expression: str) -> Any:
        """The value of an expression of JavaScript; a fault in it fails."""
        answer = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            code = _KEYS.get(key, ord(key[0].upper()))
            what = {"key": key, "windowsVirtualKeyCode": code, **({"text": key} if len(key) == 1 else {})}
            self.ask("Input.dispatchKeyEvent", type="keyDown", **what)
            self.ask("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)
        self.settle()

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.ask("Input.insertText", text=text)
        self.settle()

    def click(self, selector: str) -> None:
        """Click the middle of the first element that fits."""
        at = self.run(
            "(selector => { const found = document.querySelector(selector);"
            " found.scrollIntoView({block: 'center'}); const box = found.getBoundingClientRect();"
            f" return [box.x + box.width / 2, box.y + box.height / 2]; }})({json.dumps(selector)})"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", clickCount=1)
        self.settle()

    def shot(self, to: Path) -> None:
        """Take a picture."""
        to.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))

    def happened(self, method: str) -> list[dict[str, Any]]:
        """The events of a kind since the page was opened."""
        return [event["params"] for event in self.events if event.get("method") == method]


@contextmanager
def browser(folder: Path) -> Iterator[Tab]:
    """Chromium with one empty page; `folder` keeps its profile."""
    theirs_in, commands = os.pipe()
    answers, theirs_out = os.pipe()
    # Out of the way of 3 and 4, which the launcher is about to fill.
    high = tuple(fcntl(each, F_DUPFD, 10) for each in (theirs_in, theirs_out))
    found = executable()
    if found is None:
        raise RuntimeError(MISSING)
    words = [found, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
    words += ["--no-first-run", "--disable-background-networking", f"--user-data-dir={folder / 'profile'}"]
    process = subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, str(high[0]), str(high[1]), *words],
        pass_fds=high,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for each in (theirs_in, theirs_out, *high):
        os.close(each)
    tab = Tab(process, commands, answers)
    try:
        target = tab.ask("Target.createTarget", url="about:blank")["targetId"]
        tab.session = tab.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.ask(f"{domain}.enable")
        yield tab
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(commands)
        os.close(answers)
