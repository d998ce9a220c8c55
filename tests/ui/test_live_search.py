"""Notebook 03 as its reader uses it."""

import re

import pytest
from laboratory import wait

pytestmark = pytest.mark.ui


def records_seen(cell) -> str:
    """The panel's line: state, epoch, iteration."""
    return cell.locator(".widget-label", has_text=" · ").first.inner_text()


def test_the_panel(notebook):
    nb = notebook("03_live_search.ipynb")
    cell = nb.run_to("panel(search)", 120)
    nb.shoot("1-ready", cell)
    press = lambda name: cell.get_by_role("button", name=name, exact=True).click()  # noqa: E731
    says = lambda text, s=30: wait(lambda: re.search(text, records_seen(cell)), s, f"the panel to say {text!r}, it says {records_seen(cell)!r}")  # noqa: E731,E501
    press("Start")
    says("epoch 1/16, iteration [1-9]")
    nb.shoot("2-running", cell)
    press("Pause")
    says("^paused")
    before = records_seen(cell)
    nb.page.wait_for_timeout(2500)
    assert records_seen(cell).split(" · ")[:3] == before.split(" · ")[:3]
    nb.shoot("3-paused", cell)
    press("Step weight")
    says("^paused")
    press("Step epoch")
    says("^paused.*epoch 2/16, iteration 0", 120)
    nb.shoot("4-epoch", cell)
    press("Resume")
    says("^running")
    press("Stop")
    wait(lambda: cell.locator("img").count() and not cell.locator(".widget-button").count(), 60, "the picture")
    nb.shoot("5-stopped", cell)
