"""A strict reader of the LaTeX that sgram writes: what it accepts, LaTeX compiles."""

import re

COMMANDS = {
    *("subsection", "centering", "caption", "label", "toprule", "midrule", "bottomrule", "small", "setlength"),
    *("tabcolsep", "ref", "includegraphics", "linewidth", "begin", "end"),
    *("textbackslash", "textasciicircum", "textasciitilde", "textasciigrave", "textless", "textgreater", "textbar"),
    *("char", "ldots", "times", "pm", "le", "ge", "ne", "to", "circ"),
    *("alpha", "beta", "gamma", "kappa", "mu", "sigma", "Omega"),
}
_TOKEN = re.compile(r"\\([A-Za-z]+)|\\(.)|([{}$&#%_^~])", re.DOTALL)


def check_latex(text: str) -> dict[str, int]:
    """Return the number of environments by name; raise AssertionError for what LaTeX would not compile."""
    body = "\n".join(line for line in text.split("\n") if not line.startswith("%"))
    opened: list[str] = []
    environments: dict[str, int] = {}
    in_math, position = False, 0
    for match in _TOKEN.finditer(body):
        command, symbol, special = match.groups()
        where = body[max(0, match.start() - 30) : match.end() + 10]
        if command in ("begin", "end"):
            name = re.match(r"\{(\w+)\}", body[match.end() :])[1]
            if command == "begin":
                opened.append(name)
                environments[name] = environments.get(name, 0) + 1
            else:
                assert opened.pop() == name, where
        elif command:
            assert command in COMMANDS, f"\\{command} in {where}"
        elif symbol:
            assert symbol in "\\{}$&#%_", f"\\{symbol} in {where}"
        elif special == "{":
            opened.append("{")
        elif special == "}":
            assert opened.pop() == "{", where
        elif special == "$":
            in_math = not in_math
        elif special == "&":
            assert opened[-1] == "tabular", where
        elif special == "^":
            assert in_math, where
        else:
            assert special == "~", where
        position = match.end()
    assert position <= len(body)
    assert (opened, in_math) == ([], False)
    for columns, rows in re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", body, re.DOTALL):
        for row in re.split(r"\\\\\n", rows)[:-1]:
            cells = re.split(r"(?<!\\)&", row)
            assert len(cells) == len(columns), row
            assert not cells[0].strip().removeprefix("\\midrule").strip().startswith(("[", "*")), row
    return environments
