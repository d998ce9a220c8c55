"""The board as a widget: numbers go over, the browser draws (``static/board.js``). No torch."""

from pathlib import Path

import anywidget
import traitlets

from hinas_lab.live.kept import LIVE_CSS

STATIC = Path(__file__).parent / "static"


class Board(anywidget.AnyWidget):
    """One or two searches on a board.

    films: as ``live.film`` gives them. controls, status: of a search that is played here, see
    ``panel.SearchPanel``; {}: a recording. start: the epoch that is shown first; None: the last one
    of a search that is played here, the first one of a recording.
    """

    _esm = (STATIC / "board.js").read_text(encoding="utf-8")
    _css = (STATIC / "board.css").read_text(encoding="utf-8") + LIVE_CSS
    films = traitlets.List(traitlets.Dict()).tag(sync=True)
    controls = traitlets.Dict().tag(sync=True)
    status = traitlets.Dict().tag(sync=True)
    start = traitlets.Int(None, allow_none=True).tag(sync=True)
