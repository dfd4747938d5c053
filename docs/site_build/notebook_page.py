"""A notebook as a page: executed by nbclient, written as Markdown."""

import html
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient


def render_notebook(path: Path, folder: Path | None) -> str:
    """Return a notebook as Markdown, with the outputs of its cells.

    Cells run in `folder`; None runs nothing. The notebook's file is not changed. Raise `CellExecutionError` if a cell
    fails.
    """
    notebook = nbformat.read(path, as_version=4)
    if folder is not None:
        resources = {"metadata": {"path": str(folder)}}
        kernel = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
        client = NotebookClient(notebook, timeout=600, startup_timeout=600, resources=resources)
        manager = client.create_kernel_manager()
        manager.kernel_spec.argv = kernel
        client.execute()
    pieces = [f"[Download this notebook]({path.name})\n"]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            pieces.append(cell.source)
        elif cell.cell_type == "code":
            pieces.append(f"```python\n{cell.source}\n```")
            pieces += _outputs(cell.outputs)
    title, _, rest = pieces[1].partition("\n")
    return "\n\n".join([title, pieces[0], rest.strip(), *pieces[2:]]) + "\n"


def _outputs(outputs: list[Any]) -> Iterator[str]:
    """Yield the outputs of a cell: HTML before pictures before text."""
    for output in outputs:
        if output.output_type == "stream":
            yield _text(output.text)
        elif output.output_type in ("display_data", "execute_result"):
            data = output.data
            if "text/html" in data:
                yield f'<div class="sgram-output">{_one_block(data["text/html"])}</div>'
            elif "image/png" in data:
                picture = data["image/png"].replace("\n", "")
                yield f'<div class="sgram-output"><img alt="Figure" src="data:image/png;base64,{picture}"></div>'
            else:
                yield _text(data["text/plain"])


def _one_block(markup: str) -> str:
    """Return HTML without blank lines, which would end the block in Markdown."""
    return "\n".join(line for line in markup.splitlines() if line.strip())


def _text(text: str) -> str:
    return f'<pre class="sgram-output"><code>{html.escape(text.rstrip())}</code></pre>'
