"""What the live board costs and shows, in a real JupyterLab and a headless Chromium:

    python tools/board_bench.py               two rounds
    python tools/board_bench.py --busy 2      beside two processes that compute all the time

A search at preset classroom is played with its board seen, and again without one, in turns.
Printed: frames a second that the page drew, the longest time between two, the share of the search's
time that the kernel spent on its board, the bytes that went over, the ratio of the two walls.
"""

import argparse
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
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
run = lab.search(preset="classroom", device="cpu", run="runs/watched-{round}")
watched = lab.panel(run)
sizes, send = [], watched.board.send
def counted(message, *more):
    sizes.append(len(json.dumps(message)) + len(json.dumps(watched.board.status)))
    send(message, *more)
watched.board.send = counted
watched
"""
TOLD = "print(json.dumps([watched.spent, watched.frames, sizes[1:], sum(run.records.counts)]))"
ALONE = """
run = lab.search(preset="classroom", device="cpu", run="runs/alone-{round}")
start = time.perf_counter()
for _ in run.steps():
    pass
print(time.perf_counter() - start)
"""
WATCH_FRAMES = """root => {
  window.drawn = [];
  const note = () => {
    const now = performance.now();
    // one drawing is many changes
    if (now - (window.drawn.at(-1) ?? 0) > 5) window.drawn.push(now);
  };
  const what = { childList: true, subtree: true };
  new MutationObserver(note).observe(root.querySelector(".boards"), what);
}"""


def notebook(folder: Path, rounds: int):
    sources = [FIRST]
    for number in range(rounds):
        sources += [WATCHED.format(round=number), TOLD + f"  # {number}"]
        sources.append(ALONE.format(round=number))
    cells = [new_code_cell(source.strip()) for source in sources]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL}), folder / NAME)


def said(cell) -> str:
    return cell.locator(".jp-OutputArea-output pre").last.inner_text()


def watched(nb: Notebook, number: int) -> dict[str, float]:
    """One search with its board seen."""
    board = BoardView(nb, nb.run(f"watched-{number}", 60))
    wait(board.is_there, 30, "the board")
    board.root.evaluate(WATCH_FRAMES)
    start = time.perf_counter()
    board.press("Start")
    board.says("^finished", 900)
    wall = time.perf_counter() - start
    drawn = nb.page.evaluate("window.drawn")
    spent, sent, sizes, records = json.loads(said(nb.run(f"# {number}")))
    gaps = [later - earlier for earlier, later in zip(drawn, drawn[1:], strict=False)]
    return {
        "wall": wall,
        "frames/s": len(drawn) / wall,
        "longest gap (s)": max(gaps) / 1000,
        "pieces/s": sent / wall,
        "kernel's share": spent / wall,
        "bytes/record": sum(sizes) / records,
    }


def alone(nb: Notebook, number: int) -> float:
    return float(said(nb.run(f"alone-{number}", 900)))


def compute():
    while True:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="other processes")
    args = parser.parse_args()
    if why := missing():
        raise SystemExit(why)
    from playwright.sync_api import sync_playwright

    others = [multiprocessing.Process(target=compute, daemon=True) for _ in range(args.busy)]
    for other in others:
        other.start()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name) / "notebooks"
        folder.mkdir()
        notebook(folder, args.rounds)
        server = Server(folder, "classroom")
        try:
            chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
            page = chromium.new_page(viewport={"width": 1400, "height": 1000})
            nb = Notebook(page, server, NAME, folder)
            nb.run("import hinas_lab", 60)
            rounds = []
            for number in range(args.rounds):
                row = watched(nb, number)
                row["wall ratio"] = row["wall"] / alone(nb, number)
                rounds.append(row)
        finally:
            server.stop()
    print(
        f"preset classroom, seed 0, device cpu; {args.rounds} rounds beside {args.busy} other "
        "processes; median (all)"
    )
    for key in rounds[0]:
        values = [row[key] for row in rounds]
        each = ", ".join(f"{value:.3f}" for value in values)
        print(f"{key:<16}{statistics.median(values):10.3f}   ({each})")


if __name__ == "__main__":
    main()
