"""The page of a screen: every genotype, nothing fetched, nothing unescaped, all files or none."""

from __future__ import annotations

import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from gi_jax.data.bundled import bundled_gene_list
from gi_jax.data.formats.tables import read_table
from gi_jax.data.gene_collections import GeneCollection
from gi_jax.predict import Predictor
from gi_jax.report.screen import page
from gi_jax.report.screen.candidates import Combined
from gi_jax.report.screen.outcome import Histogram, ScreenOutcome
from gi_jax.report.screen.page import write_screen_report
from gi_jax.report.screen.ranking import ranking
from tests.browser import browser_page, needs_browser
from tests.report.screen.world import GENES, LISTED, NOBODY, NUM, Model, modular, outcome, table_of

FILES = [
    "enrichment.tsv", "genes.tsv", "network.graphml", "network.sif", "plates.tsv",
    "profiles.atr", "profiles.cdt", "profiles.gtr", "screen.html",
]  # fmt: skip
TITLES = [
    "Distribution", "The list", "Genes of the list", "Enriched gene sets", "Genes with alike profiles",
    "Predicted profiles", "What to trust", "For the bench and other programs",
]  # fmt: skip
MEASURED = table_of([(0, 11), (1, 11), (2, 11)], [-1.0, 0.5, 1.5])
PREDICTIONS = "genes\tstudy\tmeasured\tmodel\tmodel_std\n"


class Page(HTMLParser):
    """Titles, paragraphs, cells, and every address that a browser would look up by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.titles: list[str] = []
        self.paragraphs: list[str] = []
        self.cells: list[str] = []
        self.addresses: list[str] = []
        self.links: list[str] = []
        self.parts: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts = []
        self.addresses += [
            value or "" for name, value in attrs if name in ("src", "srcset", "data", "poster")
        ]
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        found = {"h2": self.titles, "p": self.paragraphs, "td": self.cells, "script": self.scripts}.get(tag)
        if found is not None:
            found.append("".join(self.parts))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run folder says of forty test genotypes, half of them predicted low and measured strong."""
    folder = tmp_path_factory.mktemp("runs") / "my <run>"
    folder.mkdir()
    scores = ["-3.0\t-3.2"] * 20 + ["0.1\t0.0"] * 20
    rows = [f"G00,G01\tcollins2007\t{measured_and_predicted}\t1.0" for measured_and_predicted in scores]
    (folder / "predictions.tsv").write_text(PREDICTIONS + "\n".join(rows) + "\n")
    (folder / "calibration.tsv").write_text("spread\trmse\tgenotypes\n0.5\t0.6\t20\n1.0\t1.1\t20\n")
    return folder


def listed() -> ScreenOutcome:
    columns = {
        "prediction_std": [0.5] * 7,
        "low": [-9.0] * 7,
        "high": [1.0] * 7,
        "measured": [None, -1.5, *[None] * 5],
        "training_genotypes": ["40,0", "30,20", *["500,120"] * 5],
        "outside_training_range": [True, *[False] * 6],
        "low_rank": [-1.25] * 7,
        "sgd": ["javascript:alert(1)"] * 7,
    }
    return outcome(LISTED, known=MEASURED, **columns)


def collection(name: str = "made") -> GeneCollection:
    members = np.zeros((2, NUM), bool)
    members[0, :4] = members[1, 4:8] = True
    return GeneCollection(name, ("first <module>", "second"), members)


def write(
    folder: Path, run: Path, own: ScreenOutcome | None = None, features: tuple[str, ...] = ()
) -> list[str]:
    model = cast(Predictor, Model(modular(), features))
    return write_screen_report(folder, own or listed(), model, run, collections=[collection()])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, run: Path) -> Path:
    made = tmp_path_factory.mktemp("page") / "new" / "report"
    assert write(made, run) == FILES
    return made


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "screen.html").read_text("utf-8")


def data_of(text: str) -> dict:
    return json.loads(
        re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[0]
    )


def test_the_page_holds_every_genotype_with_all_columns(text: str) -> None:
    data = data_of(text)
    columns = [column["key"] for column in data["columns"]]
    assert columns[:4] == ["rank", "genes", "prediction", "low"]
    assert {"low_rank", "prediction_std"} <= set(columns) and "sgd" not in columns
    systematic = [gene[0] for gene in data["genes"]]
    shown = {}
    for row in data["rows"]:
        cells = dict(zip(columns, row, strict=True))
        shown[tuple(GENES.index(systematic[place]) for place in cells["genes"])] = cells["prediction"]
    assert shown == LISTED
    assert data["ends"] == ["lowest"] * 5 + ["highest"] * 2
    assert [row[columns.index("measured")] for row in data["rows"]] == [None, -1.5, *[None] * 5]
    unmeasured = ranking(outcome(LISTED, measured=pa.nulls(7, pa.float64()))).data
    assert [column["key"] for column in unmeasured["columns"]] == ["rank", "genes", "prediction"]


def test_nothing_is_fetched_and_names_are_text(text: str) -> None:
    shown = Page(text)
    assert shown.titles == TITLES
    assert len(shown.addresses) == 5 * 4  # five pictures, light and dark, wide and narrow
    assert all(address.startswith("data:image/svg+xml;base64,") for address in shown.addresses)
    assert all(link.startswith("#") for link in shown.links)
    outside = re.findall(r"https?://[^\s\"'<]+", re.sub(r"data:image[^\"]+", "", text))
    assert {address.split("/")[2] for address in outside} == {"www.yeastgenome.org", "thebiogrid.org"}
    assert "javascript:" not in text and "@import" not in text and "url(" not in text
    assert "<module>" not in text and "my <run>" not in text and "N0<&" not in text
    assert "default-src 'none'" in text


def test_the_page_says_what_was_found(text: str) -> None:
    shown = Page(text)
    paragraphs = " ".join(shown.paragraphs)
    assert "66 genotypes of 2 genes of 12 genes were predicted; 7 are in the list." in paragraphs
    assert "beside the 3 measured scores of such genotypes" in paragraphs
    assert "1 at the lowest end; 0 at the highest end of 12 genes" in paragraphs
    assert "1 of the 7 listed predictions lie outside the range" in paragraphs
    assert "1 of the 7 listed genotypes were measured" in paragraphs
    assert "they hold 100.0%" in paragraphs  # of errors of 0.2 and less, in 1.5 deviations of 1
    assert "Mind that this model" not in paragraphs
    # Of 20 test genotypes predicted as low as the list (-3.0), all were measured at -3.0, which is strong.
    at = shown.cells.index("lowest, −3.00 or less")
    assert shown.cells[at + 1 : at + 6] == ["20", "−3.200", "−3.000", "100%", "50%"]
    at = shown.cells.index("never")
    assert shown.cells[at : at + 4] == ["never", "1", "0", "10.00"]


def test_a_model_that_was_given_the_sets_is_said_to_know_them(tmp_path: Path, run: Path) -> None:
    write(tmp_path, run, features=("made",))
    assert "this model was given made as a feature of genes" in (tmp_path / "screen.html").read_text("utf-8")


def test_tables_beside_the_page_are_tables(folder: Path) -> None:
    genes = read_table(
        folder / "genes.tsv", required=("gene", "name", "lowest_hits", "lowest_expected", "lowest_q")
    )
    assert (genes.columns["gene"][0], genes.columns["lowest_hits"][0]) == ("G00", "4")
    assert len(genes.lines) == NUM
    wanted = (
        "lists",
        "end",
        "name",
        "set",
        "in_list",
        "list_size",
        "in_background",
        "background",
        "p",
        "q",
        "genes",
    )
    tests = read_table(folder / "enrichment.tsv", required=wanted)
    rows = [
        dict(zip(wanted, row, strict=True))
        for row in zip(*(tests.columns[name] for name in wanted), strict=True)
    ]
    (group,) = (
        row
        for row in rows
        if row["lists"] == "groups" and row["name"] == "1" and row["set"] == "first <module>"
    )
    # The four genes of group 1 are the set; 11 genes are in the list, and so have profiles.
    assert (group["in_list"], group["list_size"], group["in_background"], group["background"]) == (
        "4",
        "4",
        "4",
        "11",
    )
    np.testing.assert_allclose(float(group["p"]), 1 / 330, rtol=1e-5)  # one of comb(11, 4)
    assert group["genes"] == "G00,G01,G02,G03"


def test_the_same_screen_gives_the_same_bytes(folder: Path, tmp_path: Path, run: Path) -> None:
    write(tmp_path, run)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_a_page_that_fails_leaves_the_old_one(
    folder: Path, run: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("half way")

    monkeypatch.setattr(page, "rendered", fail)
    with pytest.raises(RuntimeError):
        write(folder, run, outcome({(0, 1): -1.0}))
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert (folder / "screen.html").read_text("utf-8") == text


@pytest.mark.parametrize("few", [{}, {(0, 1): -1.0}])
def test_a_list_of_next_to_nothing_has_a_page(tmp_path: Path, few: dict) -> None:
    names = write(tmp_path, tmp_path, outcome(few))
    assert "screen.html" in names and "profiles.cdt" not in names
    text = (tmp_path / "screen.html").read_text("utf-8")
    assert len(data_of(text)["rows"]) == len(few)
    assert "no record of test genotypes" in text


def cells(page: Any, column: int) -> list[str]:
    return page.locator(f"#ranking tbody tr td:nth-child({column})").all_inner_texts()


@needs_browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_table_is_searched_and_sorted_in_a_browser(folder: Path, width: int, scheme: str) -> None:
    asked: list[str] = []
    with browser_page(viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto((folder / "screen.html").as_uri())
        assert cells(page, 3) == ["−5.000", "−4.500", "−4.000", "−3.500", "−3.000", "2.000", "2.500"]
        assert page.locator("#count").inner_text() == "1 to 7 of 7 genotypes"
        page.get_by_role("button", name="predicted").click()
        page.get_by_role("button", name="predicted").click()
        assert cells(page, 3)[0] == "2.500"
        assert page.locator("#ranking th[aria-sort=descending]").count() == 1
        gene = page.get_by_role("button", name="N0<&").first
        assert gene.is_disabled()  # nothing is known of it
        page.locator("#search").fill("n0<& g02")
        assert cells(page, 3) == ["−4.500"]
        assert "N0<&" in cells(page, 2)[0] and "N2<&" in cells(page, 2)[0]
        page.locator("#search").fill("nobody")
        assert page.locator("#count").inner_text() == "no genotype of the list fits"
        page.locator("#search").fill("")
        page.locator("#unknown").check()
        assert "−4.500" not in cells(page, 3) and len(cells(page, 3)) == 6
        page.locator("#end").select_option("highest")
        assert sorted(cells(page, 3)) == ["2.000", "2.500"]
        # Columns that few ask for are there when they are asked for.
        assert not page.get_by_role("button", name="low rank").is_visible()
        page.locator("#all").check()
        assert page.get_by_role("button", name="low rank").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 28)"}[scheme]
        shown = page.locator("picture img").first.evaluate("image => image.currentSrc")
        kinds = page.locator("picture source").evaluate_all("all => all.slice(0, 3).map(one => one.srcset)")
        assert (shown == kinds[0]) == (width == 390) and shown not in kinds[1:]
        page.locator("picture img").evaluate_all("all => Promise.all(all.map(image => image.decode()))")
    assert all(url.startswith(("file:", "data:")) for url in asked)


@needs_browser
def test_a_long_list_is_turned_page_by_page(tmp_path: Path, run: Path) -> None:
    pairs = list(itertools.combinations(range(NUM), 2))
    write(tmp_path, run, outcome({pair: k / 66 - 0.6 for k, pair in enumerate(pairs)}))
    with browser_page() as page:
        page.goto((tmp_path / "screen.html").as_uri())
        assert page.locator("#count").inner_text() == "1 to 50 of 66 genotypes"
        assert page.get_by_role("button", name="Previous").is_disabled()
        page.get_by_role("button", name="Next").click()
        assert cells(page, 1) == [str(k) for k in range(51, 67)]
        assert page.get_by_role("button", name="Next").is_disabled()


@needs_browser
def test_a_gene_of_yeast_says_what_it_does(tmp_path: Path, run: Path) -> None:
    genes = bundled_gene_list()
    pair = [genes.index(name) for name in ("SWR1", "SAP30")]
    table = pa.table({"genes": [",".join(genes.names(sorted(pair)))], "prediction": [-15.1]})
    histogram = Histogram(np.array([-16.0, 0.0, 1.0]), np.array([1, 9]))
    yeast = ScreenOutcome(genes, table, histogram, Combined(np.array(sorted(pair)), 2, NOBODY, len(genes)))
    write_screen_report(tmp_path, yeast, cast(Predictor, Model(modular())), run)
    with browser_page() as page:
        page.goto((tmp_path / "screen.html").as_uri())
        assert not page.get_by_text("Swi2/Snf2-related ATPase").is_visible()
        page.get_by_role("button", name="SWR1").click()
        assert page.get_by_text("Swi2/Snf2-related ATPase").is_visible()
        links = page.locator("#ranking a").evaluate_all("all => all.map(one => one.href)")
        assert links[:2] == [
            "https://www.yeastgenome.org/locus/YDR334W",
            "https://thebiogrid.org/search.php?organism=559292&search=YDR334W",
        ]
        assert page.locator("#ranking a").first.get_attribute("rel") == "noopener noreferrer"
