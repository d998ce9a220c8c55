"""Write docs/search.gif, the replay of the recorded search ``data/runs/classroom`` (``make
docs``)."""

from pathlib import Path

from hinas_book.kit.recorded import recorded_run
from hinas_lab.live.replay import write_gif

TARGET = Path(__file__).parents[1] / "docs" / "search.gif"

if __name__ == "__main__":
    print(f"wrote {write_gif(recorded_run('classroom'), TARGET)}")
