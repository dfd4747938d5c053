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
    """Path of a browser, None where none is installed."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


class Chromium:
    """A browser with a profile of its own in `folder`; a context manager."""

    def __init__(self, folder: Path, *flags: str):
        self.downloads, self.events = folder / "downloads", []
        self.downloads.mkdir(parents=True, exist_ok=True)
        self._number, self._rest, self._answers, self._taken = 0, b"", {}, 0
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        # 3 and 4 must be free in the child before they are taken
        low = [fcntl.fcntl(each, fcntl.F_DUPFD, 10) for each in (theirs_in, theirs_out)]

        def take() -> None:
            os.dup2(low[0], 3)
            os.dup2(low[1], 4)

        self._process = subprocess.Popen(
            [find_chromium(), *_FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(3, 4),
            preexec_fn=take,
            start_new_session=True,
        )
        for each in (theirs_in, theirs_out, *low):
            os.close(each)
        self._in, self._out = ours_in, ours_out
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
        """Take in what the browser has to say, at least one message; `TimeoutError` if it says nothing."""
        if wait <= 0 or not select.select([self._in], [], [], wait)[0]:
            raise TimeoutError("the browser does not answer")
        block = os.read(self._in, 1 << 20)
        if not block:
            raise OSError("the browser has left")
        *messages, self._rest = (self._rest + block).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self.events.append(message)

    def told(self, method: str) -> list[dict]:
        """Parameters of the events of one kind so far."""
        return [event["params"] for event in self.events if event["method"] == method]

    def person(self) -> str:
        """Somebody else at this browser: storage of their own, empty. To give to `open`."""
        made = self.send("Target.createBrowserContext")["browserContextId"]
        self._allow_downloads(browserContextId=made)
        return made

    def open(self, path: Path | str, person: str | None = None) -> "Page":
        """A new page that shows a file, to one `person`, else to everybody who is not named."""
        return Page(self, path, person)

    def downloaded(self, wait: float = 20) -> Path:
        """The file of the next download that was not asked for yet, once it is whole."""
        end = time.monotonic() + wait
        while True:
            begun = self.told("Browser.downloadWillBegin")[self._taken :]
            done = {each["guid"] for each in self.told("Browser.downloadProgress") if each["state"] == "completed"}
            if begun and begun[0]["guid"] in done:
                self._taken += 1
                folder = self.downloads / f"{self._taken}"  # a name may come again
                folder.mkdir()
                return (self.downloads / begun[0]["guid"]).rename(folder / begun[0]["suggestedFilename"])
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
        return len(self._told("Page.loadEventFired"))

    def _told(self, method: str) -> list[dict]:
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
        """Value of a JavaScript expression."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(json.dumps(result["exceptionDetails"]))
        return result["result"].get("value")

    def until(self, expression: str, true: Callable[[object], bool], wait: float = 20) -> object:
        """Value of an expression once it is what it should be."""
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
        """Put a text where the cursor is."""
        self.send("Input.insertText", text=text)

    def choose_file(self, selector: str, path: Path) -> None:
        """Choose a file in an ``<input type=file>``."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def size(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Give the page a size."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def scheme(self, name: str) -> None:
        """Prefer "light" or "dark"."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def picture(self, path: Path) -> None:
        """A screenshot of what is in view."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    @property
    def requests(self) -> list[str]:
        """Every URL that was asked for."""
        return [each["request"]["url"] for each in self._told("Network.requestWillBeSent")]

    @property
    def dialogs(self) -> list[str]:
        """What alert, confirm and the like have said."""
        return [each["message"] for each in self._told("Page.javascriptDialogOpening")]

    @property
    def complaints(self) -> list[str]:
        """Errors on the console: exceptions, and what the content security policy refused."""
        thrown = [json.dumps(each["exceptionDetails"]) for each in self._told("Runtime.exceptionThrown")]
        return thrown + [
            each["entry"]["text"] for each in self._told("Log.entryAdded") if each["entry"]["level"] == "error"
        ]
