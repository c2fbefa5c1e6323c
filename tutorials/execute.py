"""Runs a notebook through its Jupyter kernel, in the notebook's folder; stops at the first error.

    python tutorials/execute.py NOTEBOOK [TEXT]     writes what the cells printed, as text, to TEXT
    python tutorials/execute.py NOTEBOOK --store    stores the outputs in the notebook

Needs nbclient, and the kernel installed where Jupyter looks (JUPYTER_PATH).
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

# One cell, in seconds: training on a busy machine takes a while.
TIMEOUT = 3600


def printed(cell):
    """What a cell printed, without pictures and tables."""
    return "".join(out["text"] for out in cell.outputs if out["output_type"] == "stream" and out["name"] == "stdout")


def settled(cell):
    """Joins neighbouring pieces of one stream: how a text was cut on its way says nothing."""
    outputs = []
    for out in cell.outputs:
        last = outputs[-1] if outputs else None
        if last and out["output_type"] == "stream" and last["output_type"] == "stream" and last["name"] == out["name"]:
            last["text"] += out["text"]
        else:
            outputs.append(out)
    cell.outputs = outputs


def main():
    path = Path(sys.argv[1])
    target = sys.argv[2] if len(sys.argv) > 2 else None
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=TIMEOUT, resources={"metadata": {"path": str(path.resolve().parent)}}, record_timing=False)
    try:
        client.execute()
    except CellExecutionError as failed:
        sys.exit(str(failed))
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if target == "--store":
        for cell in cells:
            settled(cell)
        notebook.metadata.pop("widgets", None)
        nbformat.write(notebook, path)
    elif target:
        Path(target).write_text("".join(printed(cell) for cell in cells), encoding="utf-8")


if __name__ == "__main__":
    main()
