"""Headless Chromium over a pipe, with the standard library alone: no socket is opened, no other driver needed.

The browser speaks its DevTools protocol over file descriptors 3 and 4 (``--remote-debugging-pipe``): JSON messages,
each ended by a NUL byte.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-extensions",
    "--disable-sync",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--remote-debugging-pipe",
)
# name: (code, virtual key code) of keys that are no characters
_KEYS = {
    "ArrowLeft": ("ArrowLeft", 37),
    "ArrowRight": ("ArrowRight", 39),
    "Enter": ("Enter", 13),
    "Escape": ("Escape", 27),
    "Tab": ("Tab", 9),
}


def find_chromium() -> str | None:
    """Return the path of a browser; None if none is installed."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


class Chromium:
    """A browser with a profile of its own in `folder`; a context manager."""

    def __init__(self, folder: Path, *flags: str):
        self.downloads, self.events = folder / "downloads", []
        self.downloads.mkdir(parents=True, exist_ok=True)
        self._number, self._rest, self._answers, self._n_taken = 0, b"", {}, 0
        browser_in, own_out = os.pipe()
        own_in, browser_out = os.pipe()
        # 3 and 4 must be free in the child before they are taken
        pipe_ends = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10) for descriptor in (browser_in, browser_out)]

        def take() -> None:
            os.dup2(pipe_ends[0], 3)
            os.dup2(pipe_ends[1], 4)

        self._process = subprocess.Popen(
            [find_chromium(), *_FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(3, 4),
            preexec_fn=take,
            start_new_session=True,
        )
        for descriptor in (browser_in, browser_out, *pipe_ends):
            os.close(descriptor)
        self._in, self._out = own_in, own_out
        self._allow_downloads()

    def _allow_downloads(self, **where: str) -> None:
        self.send(
            "Browser.setDownloadBehavior",
            behavior="allowAndName",
            downloadPath=str(self.downloads),
            eventsEnabled=True,
            **where,
        )

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            self.send("Browser.close", wait=5)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def send(self, method: str, session: str | None = None, wait: float = 30, **params: object) -> dict:
        """Call a method of the protocol and wait for its result."""
        self._number += 1
        number, message = self._number, {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._out, data) :]
        end = time.monotonic() + wait
        while number not in self._answers:
            self.listen(end - time.monotonic())
        answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def listen(self, wait: float) -> None:
        """Read at least one message of the browser. Raise `TimeoutError` if none comes."""
        if wait <= 0 or not select.select([self._in], [], [], wait)[0]:
            raise TimeoutError("no message from the browser")
        block = os.read(self._in, 1 << 20)
        if not block:
            raise OSError("the browser closed its pipe")
        *messages, self._rest = (self._rest + block).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self.events.append(message)

    def event_parameters(self, method: str) -> list[dict]:
        """Return the parameters of all events of this kind so far."""
        return [event["params"] for event in self.events if event["method"] == method]

    def person(self) -> str:
        """Return the id of a new browser context with empty storage, for `open`."""
        context_id = self.send("Target.createBrowserContext")["browserContextId"]
        self._allow_downloads(browserContextId=context_id)
        return context_id

    def open(self, path: Path | str, person: str | None = None) -> "Page":
        """Return a new page that shows a file, in the context `person` or the default one."""
        return Page(self, path, person)

    def downloaded(self, wait: float = 20) -> Path:
        """Wait until the next download is complete; return its file."""
        end = time.monotonic() + wait
        while True:
            starts = self.event_parameters("Browser.downloadWillBegin")[self._n_taken :]
            done = {
                event["guid"]
                for event in self.event_parameters("Browser.downloadProgress")
                if event["state"] == "completed"
            }
            if starts and starts[0]["guid"] in done:
                self._n_taken += 1
                folder = self.downloads / f"{self._n_taken}"  # a name may come again
                folder.mkdir()
                return (self.downloads / starts[0]["guid"]).rename(folder / starts[0]["suggestedFilename"])
            self.listen(end - time.monotonic())


class Page:
    """One tab."""

    def __init__(self, browser: Chromium, path: Path | str, person: str | None = None):
        self.browser = browser
        where = {} if person is None else {"browserContextId": person}
        self._target = browser.send("Target.createTarget", url="about:blank", **where)["targetId"]
        self._session = browser.send("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.go(path)

    def send(self, method: str, **params: object) -> dict:
        """Call a method of the protocol for this page."""
        return self.browser.send(method, self._session, **params)

    def _loads(self) -> int:
        return len(self._event_parameters("Page.loadEventFired"))

    def _event_parameters(self, method: str) -> list[dict]:
        return [
            event["params"]
            for event in self.browser.events
            if event["method"] == method and event.get("sessionId") == self._session
        ]

    def _loaded(self, before: int) -> None:
        end = time.monotonic() + 30
        while self._loads() == before:
            self.browser.listen(end - time.monotonic())

    def go(self, path: Path | str) -> None:
        """Show a file, or a URL."""
        before = self._loads()
        self.send("Page.navigate", url=path if isinstance(path, str) else path.resolve().as_uri())
        self._loaded(before)

    def reload(self) -> None:
        """Load the page again."""
        before = self._loads()
        self.send("Page.reload")
        self._loaded(before)

    def run(self, expression: str) -> object:
        """Return the value of a JavaScript expression."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"]))
        return result["result"].get("value")

    def until(self, expression: str, true: Callable[[object], bool], wait: float = 20) -> object:
        """Wait until `true` holds for the value of an expression; return the value."""
        end = time.monotonic() + wait
        while not true(value := self.run(expression)):
            if time.monotonic() > end:
                raise TimeoutError(f"{expression} stays {value!r}")
        return value

    def keys(self, *keys: str) -> None:
        """Press keys one after the other: characters, or names such as ArrowLeft."""
        for key in keys:
            code, number = _KEYS.get(key, ("", ord(key.upper()) if len(key) == 1 else 0))
            pressed = {"key": key, "code": code, "windowsVirtualKeyCode": number}
            text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
            self.send("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **pressed, **text)
            self.send("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def type(self, text: str) -> None:
        """Insert a text at the cursor."""
        self.send("Input.insertText", text=text)

    def choose_file(self, selector: str, path: Path) -> None:
        """Choose a file in an ``<input type=file>``."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def size(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Set the size of the page."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def scheme(self, name: str) -> None:
        """Prefer "light" or "dark"."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def picture(self, path: Path) -> None:
        """Write a screenshot of the visible part."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    @property
    def requests(self) -> list[str]:
        """Every URL that was requested."""
        return [event["request"]["url"] for event in self._event_parameters("Network.requestWillBeSent")]

    @property
    def dialogs(self) -> list[str]:
        """Messages of JavaScript dialogs."""
        return [event["message"] for event in self._event_parameters("Page.javascriptDialogOpening")]

    @property
    def complaints(self) -> list[str]:
        """Errors on the console: exceptions, and what the content security policy refused."""
        thrown = [json.dumps(event["exceptionDetails"]) for event in self._event_parameters("Runtime.exceptionThrown")]
        return thrown + [
            event["entry"]["text"]
            for event in self._event_parameters("Log.entryAdded")
            if event["entry"]["level"] == "error"
        ]
