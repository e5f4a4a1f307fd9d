"""The page for people, in a browser without a window."""

from __future__ import annotations

import pytest

from tests.browser import browser_page, needs_browser
from tests.serve.conftest import Served

pytestmark = needs_browser


def test_two_genes_are_typed_and_their_score_is_shown(served: Served) -> None:
    expected = served.predictor.predict_with_spread(["G03,G11"])
    with browser_page(viewport={"width": 1200, "height": 800}) as page:
        page.goto(served.url)
        first, second, _ = page.locator("input[name=gene]").all()
        first.press_sequentially("n0")
        option = page.locator("#names-0 option").nth(3)
        option.wait_for(state="attached")
        assert option.get_attribute("value") == "N03"
        first.fill("N03")
        second.fill("g11")
        page.get_by_role("button", name="Predict").click()
        page.wait_for_selector("body[data-state=done]")
        shown = float(page.locator("#prediction").inner_text().replace("−", "-"))
        assert shown == pytest.approx(expected.mean[0], abs=0.01 * abs(expected.mean[0]) + 1e-3)
        assert page.locator("#score h2").inner_text() == "N03 × N11"
        assert "90 % of measurements are expected between" in page.locator("#score").inner_text()
        assert page.locator(".profile h2").all_inner_texts() == [
            f"N{k} with every other gene" for k in ("03", "11")
        ]
        assert "genes=N03%2Cg11" in page.url  # which shows the same again

        first_sum = page.locator("#explanation details[open]").inner_text()
        assert first_sum.startswith("by kernels") and "own effects" in first_sum
        assert page.locator("#explanation details").count() == 3

        partner = page.locator(".profile button").first
        name = partner.inner_text()
        page.evaluate("() => { delete document.body.dataset.state; }")
        partner.click()
        page.wait_for_selector("body[data-state=done]")
        assert page.locator("#score h2").inner_text() in (f"N03 × {name}", f"{name} × N03")


def test_a_wrong_name_is_a_sentence_and_nothing_else(served: Served) -> None:
    with browser_page("status of 400", viewport={"width": 375, "height": 700}, color_scheme="dark") as page:
        page.goto(f"{served.url}/?genes=N01,<img src=x onerror=alert(1)>")
        page.wait_for_selector("body[data-state=failed]")
        said = page.locator("#error").inner_text()
        assert "gene `<img src=x onerror=alert(1)>` is not among the 30 genes" in said
        assert page.locator("img").count() == 0 and page.locator("#result").inner_text() == ""
        page.goto(f"{served.url}/?genes=N01,N02,N03")
        page.wait_for_selector("body[data-state=done]")
        assert page.locator(".profile").count() == 3
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 29)"
