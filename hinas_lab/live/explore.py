"""The explorer of trained nets: quality against cost, and the net of the point that is chosen. No
torch before a net restores."""

from functools import cached_property
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from hinas_lab.analysis.trade_off import (
    COSTS,
    QUALITIES,
    TradeOff,
    check_asked,
    groups,
    in_units,
    trade_off,
)
from hinas_lab.analysis.trained_nets import Found, TrainedNet, find_nets
from hinas_lab.drawing import style
from hinas_lab.drawing.genotype_graph import draw_genotype
from hinas_lab.drawing.plots import figure_restoration
from hinas_lab.drawing.trade_off import figure_trade_off
from hinas_lab.live.player import one_line
from hinas_lab.live.widgets import want_widgets

WIDEST = 560
"CSS pixels of a drawing, a picture"


def explore(
    what,
    *,
    cost: str = "macs",
    quality: str = "psnr",
    budget: str | float | None = None,
    device: str = "cpu",
):
    """Widgets around the trained nets of ``what``, as ``trained_nets.find_nets`` finds them; where
    ``want_widgets`` says no, ``still``'s figure. Arguments as for it, errors too."""
    check_asked(cost, quality, budget)
    found = find_nets(what, device)
    if not want_widgets():
        return still(found, cost=cost, quality=quality, budget=budget, device=device)
    return Explorer(found, cost=cost, quality=quality, budget=budget, device=device)


def still(
    what,
    *,
    cost: str = "macs",
    quality: str = "psnr",
    budget: str | float | None = None,
    device: str = "cpu",
) -> Figure:
    """The nets' figure in the house style. ValueError in one line as for ``find_nets`` and
    ``trade_off``; nets whose weights are at hand are timed on ``device`` for milliseconds."""
    check_asked(cost, quality, budget)
    nets = Nets(find_nets(what, device), device)
    seen = nets.seen(cost, quality, budget)
    return themed(seen, seen.within)


def themed(seen: TradeOff, ringed: int | None) -> Figure:
    """``figure_trade_off`` in the house style, laid out: where its points are is settled."""
    with style.theme():
        figure = figure_trade_off(seen, ringed=ringed)
        # sizes of text count
        figure.draw_without_rendering()
    return figure


class Nets:
    """What was found; timed once, and only when somebody asks for milliseconds."""

    def __init__(self, found: Found, device: str):
        self.found, self.device = found, device
        self._pictures: dict[Path | None, str] = {}

    def seen(
        self, cost: str, quality: str, budget: str | float | None, measured_as: str | None = None
    ) -> TradeOff:
        """``trade_off`` of them."""
        found = self._timed if cost == "milliseconds" else self.found
        asked = {"cost": cost, "quality": quality, "budget": budget, "measured_as": measured_as}
        return trade_off(found, **asked)

    @cached_property
    def _timed(self) -> Found:
        from hinas_lab.analysis.net_measures import timed

        return self.found._replace(nets=timed(self.found.nets, self.device))

    def picture(self, net: TrainedNet) -> str:
        """A test picture restored by ``net``, as HTML; without weights a line that says so."""
        if net.folder not in self._pictures:
            self._pictures[net.folder] = self._picture(net)
        return self._pictures[net.folder]

    def _picture(self, net: TrainedNet) -> str:
        from hinas_lab.analysis.net_measures import restored_by

        try:
            shown = restored_by(net, self.device)
        except Exception as error:
            # whatever the weights met: the numbers and the wiring stand
            return _paragraph(f"no picture: {one_line(error)}")
        if shown is None:
            return _paragraph("no picture: the weights of this net are not at hand")
        images = {"degraded": shown.degraded, "restored": shown.restored, "clean": shown.clean}
        with style.theme():
            figure = figure_restoration(images, scores={"restored": (shown.psnr, shown.ssim)})
            return _image(figure, "one test picture degraded, restored by this net, and clean")


class Explorer:
    """The widgets: two axes, a budget, the points, and what is known of the chosen one."""

    def __init__(
        self, found: Found, *, cost: str, quality: str, budget: str | float | None, device: str
    ):
        from ipywidgets import HTML, Dropdown, HBox, Text, VBox

        from hinas_lab.live.kept import Kept, live_style
        from hinas_lab.live.points import Points

        self.nets = Nets(found, device)
        # before any widget: a wrong name is an error of the call
        self.seen = self.nets.seen(cost, quality, budget)
        fitting = {"width": "auto"}
        self.cost = Dropdown(options=list(COSTS), value=cost, description="cost", layout=fitting)
        self.quality = Dropdown(
            options=list(QUALITIES), value=quality, description="quality", layout=fitting
        )
        self.budget = Text(
            "" if budget is None else str(budget),
            description="budget",
            placeholder="1.5GMAC",
            continuous_update=False,
            layout={"width": "14em"},
        )
        self.measured_as = Dropdown(
            options=list(groups(found.nets)), description="measured", layout=fitting
        )
        self.net = Dropdown(description="net", layout=fitting)
        self.points = Points()
        self.status, self.numbers, self.wiring, self.picture = (HTML() for _ in range(4))
        wrap = {"flex_flow": "row wrap"}
        choices = [self.cost, self.quality, self.budget]
        # one group is no choice
        choices += [self.measured_as] if len(self.measured_as.options) > 1 else []
        shown = [self.points, self.net, self.picture]
        left = VBox(shown, layout={"flex": "2 1 34em", "min_width": "0"})
        told = [self.numbers, self.wiring]
        right = VBox(told, layout={"flex": "1 1 24em", "min_width": "0"})
        self.box = VBox(
            [
                live_style(),
                HBox(choices, layout=wrap),
                self.status,
                HBox([left, right], layout=wrap),
            ]
        )
        self.kept = Kept(self.box, "", "")
        self._is_changing = False
        self._show(self.seen)
        for widget in (self.cost, self.quality, self.budget, self.measured_as):
            widget.observe(self._on_axes, names="value")
        self.net.observe(self._on_net, names="value")
        self.points.observe(self._on_point, names="chosen")

    def _ipython_display_(self):
        self.kept._ipython_display_()

    def _on_axes(self, change):
        """Another axis, budget or group: what cannot be shown is said, and the picture stays."""
        if self._is_changing:
            return
        if change["owner"] is self.cost and self.budget.value:
            # a budget is of its cost; without it this is called again
            self.budget.value = ""
            return
        self.status.value = _paragraph("measuring ...") if self.cost.value == "milliseconds" else ""
        try:
            seen = self.nets.seen(
                self.cost.value,
                self.quality.value,
                self.budget.value.strip() or None,
                self.measured_as.value,
            )
        except Exception as error:
            # whatever nets that are timed meet, too
            told = str(error) if isinstance(error, ValueError | OSError) else one_line(error)
            self.status.value = _paragraph(told)
            return
        self.status.value = ""
        self._show(seen)

    def _show(self, seen: TradeOff):
        """Everything anew; the chosen net stays where it is among these, too."""
        before = self._chosen_net()
        self.seen = seen
        # the ring is the widget's own
        figure = themed(seen, None)
        names = [self._say(place) for place in range(len(seen.nets))]
        alt = f"{seen.quality} against {seen.cost} of {len(seen.nets)} nets. {seen.title}."
        chosen = _place_of(before, seen)
        # new options choose the first net: no reader did
        self._is_changing = True
        self.points.show(figure, seen.x, seen.y, names, alt)
        self.net.options = [(name, place) for place, name in enumerate(names)]
        self.net.value = self.points.chosen = chosen
        self._is_changing = False
        self._choose(chosen)

    def _chosen_net(self) -> TrainedNet | None:
        place = self.net.value
        return None if place is None else self.seen.nets[place]

    def _say(self, place: int) -> str:
        seen = self.seen
        quality = in_units(seen.y[place], seen.quality)
        return f"{seen.nets[place].name}: {in_units(seen.x[place], seen.cost)}, {quality}"

    def _on_point(self, change):
        if not self._is_changing and 0 <= change["new"] < len(self.seen.nets):
            self.net.value = change["new"]

    def _on_net(self, change):
        if not self._is_changing:
            self.points.chosen = change["new"]
            self._choose(change["new"])

    def _choose(self, place: int):
        net = self.seen.nets[place]
        self.numbers.value = numbers(net)
        self.wiring.value = wiring(net)
        self.picture.value = self.nets.picture(net)
        page = [
            _image(themed(self.seen, place), self.points.alt),
            self.numbers.value,
            self.wiring.value,
            self.picture.value,
        ]
        self.kept.keep("".join(page), f"{self.points.alt} Chosen: {self._say(place)}.")


def _place_of(net: TrainedNet | None, seen: TradeOff) -> int:
    """Where a net is now; else the best within the budget, else the best of all."""
    if net is not None:
        for place, other in enumerate(seen.nets):
            if _identity(other) == _identity(net):
                return place
    return int(seen.front[-1]) if seen.within is None else seen.within


def _identity(net: TrainedNet) -> tuple:
    """What a net keeps when it is timed; rows of one arm may share a name."""
    return net.name, net.measured_as, net.psnr, net.parameters


def numbers(net: TrainedNet) -> str:
    """What is known of a net, as an HTML table."""
    values = {}
    for name in (*QUALITIES, *COSTS):
        value = getattr(net, name)
        words = QUALITIES[name].title if name in QUALITIES else name
        values[words] = "not known" if value is None else in_units(value, name)
    values |= {"method": net.method, "seed of the training": net.seed, "preset": net.preset}
    values |= {"measured as": net.measured_as, "device": net.device}
    if net.milliseconds is not None:
        values["milliseconds of"] = net.picture
    lines = ""
    look = "padding: 0 0.6em 0 0; text-align: left; vertical-align: top"
    for name, value in values.items():
        lines += f'<tr><th style="{look}">{escape(name)}</th>'
        lines += f'<td style="{look}">{escape(str(value))}</td></tr>'
    title = f'<caption style="text-align: left"><b>{escape(net.name)}</b></caption>'
    return f'<table style="line-height: 1.35">{title}{lines}</table>'


def wiring(net: TrainedNet) -> str:
    """The drawing of a net's genotype; where nothing can render it, why not."""
    if net.genotype is None:
        return _paragraph("no drawing: this row has no genotype")
    try:
        return f'<div style="max-width: {WIDEST}px">{draw_genotype(net.genotype).html()}</div>'
    except ValueError as error:
        return _paragraph(str(error))


def _paragraph(text: str) -> str:
    return f'<p style="line-height: 1.4; margin: 0.4em 0">{escape(text)}</p>'


def _image(figure: Figure, alt: str) -> str:
    from base64 import b64encode

    source = f"data:image/png;base64,{b64encode(style.png(figure)).decode()}"
    return f'<img alt="{escape(alt)}" style="max-width: 100%" src="{source}">'
