"""What the live board costs and shows, in a real JupyterLab and a headless Chromium on this machine:

    python tools/board_bench.py                two rounds; with --busy N, beside N processes that compute

A search at preset classroom is played with its board seen, and again without one, in turns. Printed:
frames a second that the page drew, the longest time between two, the share of the search's time that
the kernel spent on its board, bytes that went over, and the ratio of the two walls.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "ui"))
from board_view import BoardView
from laboratory import Notebook, Server, browser, missing, wait

NAME = "bench.ipynb"
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
FIRST = "import json, time\nimport hinas_lab as lab"
WATCHED = """
run = lab.search(preset="classroom", run="runs/watched-{round}")
watched = lab.panel(run)
sizes, send = [], watched.board.send
def counted(message, *more):
    sizes.append(len(json.dumps(message)) + len(json.dumps(watched.board.status)))
    send(message, *more)
watched.board.send = counted
watched
"""
TOLD = """
seconds = sum(watched.player._seconds.values())
print(json.dumps([watched.player._worked, watched.spent, watched.frames, sizes[1:], sum(run.records.counts)]))
"""
ALONE = """
run = lab.search(preset="classroom", run="runs/alone-{round}")
start = time.perf_counter()
for _ in run.steps():
    pass
print(time.perf_counter() - start)
"""
WATCH_FRAMES = """root => {
  window.drawn = [];
  const note = () => { const t = performance.now(); if (t - (window.drawn.at(-1) ?? 0) > 5) window.drawn.push(t); };
  new MutationObserver(note).observe(root.querySelector(".boards"), { childList: true, subtree: true });
}"""
