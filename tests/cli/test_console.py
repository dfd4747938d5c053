import io
import itertools
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.progress import Progress

from sgram.cli import console
from sgram.cli.console import Meter, meter, note, print_table, printable, stage_meters

ANY = st.text(st.characters())  # surrogates included

# what a terminal acts on, by name, apart from the categories that the code goes by
DRIVERS = {
    "escape": "\x1b",
    "bell": "\x07",
    "backspace": "\x08",
    "carriage return alone": "\r",
    "C1 CSI": "\x9b",
    "C1 OSC": "\x9d",
    "delete": "\x7f",
    "null": "\x00",
    "form feed": "\x0c",
    "next line": "\x85",
    "right-to-left override": "\u202e",
    "left-to-right override": "\u202d",
    "first strong isolate": "\u2068",
    "pop isolate": "\u2069",
    "right-to-left mark": "\u200f",
    "arabic letter mark": "\u061c",
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "byte order mark": "\ufeff",
    "soft hyphen": "\xad",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "tag": "\U000e0041",
    "lone surrogate": "\ud800",
    "private use": "\ue000",
    "interlinear anchor": "\ufff9",
}


# -- printable ------------------------------------------------------------------------------------------


@given(ANY)
@example("".join(DRIVERS.values()))
def test_what_is_printable_holds_nothing_that_a_terminal_acts_on(text):
    escaped = printable(text)
    assert not {unicodedata.category(character) for character in escaped} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    escaped.encode()  # no surrogate: any file takes it


@pytest.mark.parametrize("name", DRIVERS)
def test_each_driver_is_shown_as_an_escape(name):
    escaped = printable(f"a{DRIVERS[name]}b")
    assert escaped.startswith("a\\")
    assert escaped.endswith("b")
    assert escaped.isascii()


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
def test_plain_text_stays_as_it_is(text):
    assert printable(text) == text


def test_line_breaks_and_tabs_become_spaces():
    assert printable("one\ntwo\r\nthree\tfour\rfive") == "one two three four\\rfive"
    assert printable("Ist \u2211 \u2264 \u00e9, \U0001f600?") == "Ist \u2211 \u2264 \u00e9, \U0001f600?"


@given(ANY)
def test_what_is_printable_is_printable_as_it_is(text):
    assert printable(printable(text)) == printable(text)


# -- notes and tables -----------------------------------------------------------------------------------


def test_a_note_is_one_line_on_stderr_however_long(capsys):
    note(f"[red]see[/red] \x1b[2J {'x' * 500}\nand :smile:")
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"[red]see[/red] \\x1b[2J {'x' * 500} and :smile:\n")


def test_a_table_has_its_numbers_to_the_right_with_commas(capsys):
    print_table(("name", "rows", "share"), [("a", 1234567, 0.5), ("longer", 42, 12.25)])
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.rstrip() for line in out.splitlines()] == [
        "name         rows  share",
        "a       1,234,567    0.5",
        "longer         42  12.25",
    ]


def test_a_column_with_one_word_in_it_is_no_column_of_numbers(capsys):
    print_table(("n", "df"), [(1, 1000), (2, "-")])
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == ["n  df", "1  1,000", "2  -"]


def test_cells_of_a_table_are_plain_text(capsys):
    print_table(("gram", "df"), [("[red]x[/red] \x1b[2J\n\u202e", 1), ("[link=http://x]y", 2)])
    out = capsys.readouterr().out
    assert "[red]x[/red] \\x1b[2J \\u202e" in out
    assert "[link=http://x]y" in out
    assert "\x1b" not in out


def test_title_and_headers_of_a_table_are_plain_text(capsys):
    print_table(("[link=http://x]y", "[/b]"), [(1, 2)], title="[/red] \x1b[2J [bold]mine")
    out = capsys.readouterr().out
    assert "[/red] \\x1b[2J [bold]mine" in " ".join(out.split())  # a title wraps at the width of its table
    assert "[link=http://x]y  [/b]" in out
    assert "\x1b" not in out


def test_a_table_may_be_empty_or_have_a_title(capsys):
    print_table(("cluster", "medoid"), [], title="Nothing")
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == ["Nothing", "cluster  medoid"]


# -- progress -------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets: ``clock[0] = seconds``."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_progress_without_a_terminal_speaks_at_most_every_30_seconds(clock, capsys):
    with meter("reading", 2000, "MB") as bar:
        for second in range(1, 95):
            clock[0] = 100.0 + second
            bar.update(10 * second, "3 rows set aside" if second > 60 else "")
    # at 30, 60 and 90 seconds, 10 MB a second
    assert capsys.readouterr() == (
        "",
        "reading: 300 of 2,000 MB, 10 MB/s\n"
        "reading: 600 of 2,000 MB, 10 MB/s\n"
        "reading: 900 of 2,000 MB, 10 MB/s, 3 rows set aside\n",
    )


@given(st.lists(st.floats(0, 100), max_size=40))
def test_however_the_time_goes_there_are_30_seconds_between_two_lines(steps):
    log_times, now = [], [0.0]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "monotonic", lambda: now[0])
        patched.setattr(console, "note", lambda _: log_times.append(now[0]))
        with meter("reading") as bar:
            for step in steps:
                now[0] += step
                bar.update(1)
    assert all(later - earlier >= 30 for earlier, later in itertools.pairwise([0.0, *log_times]))
    assert len(log_times) <= sum(steps) / 30 + 1e-9


def test_an_unknown_total_is_left_out(clock, capsys):
    with meter("reading") as bar:
        clock[0] += 40
        bar.update(1234567)
    assert capsys.readouterr().err == "reading: 1,234,567 rows, 30,864 rows/s\n"  # 1234567 / 40 = 30864.2


def test_a_slow_rate_keeps_two_digits(clock, capsys):
    with meter("sampling", 12, "responses") as bar:
        clock[0] += 75
        bar.update(8, "0 of 8 correct")
    # 8 / 75 = 0.1067 a second, which is not 0
    assert capsys.readouterr().err == "sampling: 8 of 12 responses, 0.11 responses/s, 0 of 8 correct\n"


def test_there_is_no_rate_in_the_first_half_second(clock):
    stage_meter = Meter("reading", None, "rows")
    stage_meter.update(5)
    assert stage_meter.rate() == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal_is_gone_when_closed_whatever_happens(monkeypatch):
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    bars: list[Progress] = []

    def stop_early() -> None:
        with meter("reading", 100, "MB") as bar:
            bars.append(bar._bar)
            bar.update(50, "1 row set aside")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_early()
    assert bars[0].finished is False
    assert not bars[0].live.is_started
    screen = terminal.getvalue()
    assert "reading" in screen
    assert "1 row set aside" in screen
    # the cursor is shown again and the line erased
    assert screen.rindex("\x1b[?25h") > screen.rindex("\x1b[?25l")
    assert "\x1b[2K" in screen


def test_each_stage_has_a_meter_with_its_unit_that_is_closed_before_the_next(monkeypatch):
    calls = []

    class RecordingMeter(Meter):
        def __init__(self, stage, total, unit):
            super().__init__(stage, total, unit)
            calls.append(("begins", stage, total, unit))

        def update(self, done, suffix=""):
            calls.append((self.stage, done))

        def close(self):
            calls.append(("ends", self.stage))

    monkeypatch.setattr(console, "Meter", RecordingMeter)

    def work():
        with stage_meters({"reading": "inputs"}) as update:
            update("reading", 1, 2)
            update("reading", 2, 2)
            update("drawing", 1, 3)
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        work()
    assert calls == [
        ("begins", "reading", 2, "inputs"),
        ("reading", 1),
        ("reading", 2),
        ("ends", "reading"),
        ("begins", "drawing", 3, "parts"),
        ("drawing", 1),
        ("ends", "drawing"),
    ]
