"""The monitor over HTTP: for programs, for Prometheus, and in a browser."""

import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from browser import needs_browser, opened, served
from prometheus_client import CollectorRegistry, generate_latest
from serving.archived import LABELS, archive_of
from serving.talking import Client
from serving.watched import (
    BENIGN,
    CANCER,
    monitor_of,
    reference_of,
    signature_of,
    sure_of,
)
from starlette.applications import Starlette

from skdeep.serving import ServedModel, create_app
from skdeep.serving.monitoring import Monitor, MonitorCollector, routes
from skdeep.serving.monitoring.page import render

NASTY = '<script>alert("&")</script>'
IDS = [f"r{i}" for i in range(1000)]


def busy(**options):
    """Monitor that has something to say of everything."""
    names = [NASTY, *(f"column {j}" for j in range(1, 30))]
    signature = signature_of(names, classes=["<b>ill</b>", "well"])
    monitor = Monitor(
        reference_of(), signature, latency=lambda: {"p99 <ms>": 1.25}, **options
    )
    rng = np.random.default_rng(0)
    index = rng.integers(0, len(CANCER), 1000)
    rows = CANCER[index]
    rows[:, 0] += rows[:, 0].std()
    rows[:90, 4] = np.nan
    monitor.observe([rows], sure_of(BENIGN[index]), IDS)
    classes = np.array(signature.classes)
    for start in range(0, 900, 100):
        truth = BENIGN[index[start : start + 100]] ^ (start > 500)
        monitor.feedback(IDS[start : start + 100], classes[truth].tolist())
    return monitor


class Page(HTMLParser):
    """Tags, texts, and what would be fetched, as a browser takes the page apart."""

    def __init__(self):
        super().__init__()
        self.tags, self.texts, self.fetched = set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        attrs = dict(attrs)
        self.fetched += [attrs[name] for name in ("src", "srcset") if name in attrs]
        if tag == "link" and attrs["href"] != "data:,":
            self.fetched.append(attrs["href"])

    def handle_data(self, data):
        self.texts.append(data.strip())


@pytest.fixture
def client():
    client = Client(Starlette(routes=routes(busy())))
    yield client
    client.close()


def test_programs_get_json(client):
    reply = client.get("/monitoring")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    report = reply.json()
    assert report["alarm"]
    assert report["n_rows"] == 1000
    assert report["latency"] == {"p99 <ms>": 1.25}
    assert report["labels"]["n_labels"] == 900
    assert report["features"][0]["name"] == NASTY


def test_browsers_get_a_page_whose_text_stays_text(client):
    reply = client.get("/monitoring", headers={"accept": "text/html,*/*;q=0.8"})
    assert reply.headers["content-type"].startswith("text/html")
    page = Page()
    page.feed(reply.text)
    assert not {"script", "b", "ms", "img", "iframe"} & page.tags
    assert not page.fetched
    assert "http:" not in reply.text
    for told in (NASTY, "<b>ill</b>", "p99 <ms>"):
        assert told in page.texts
    assert reply.text.count("<article>") == 30
    assert f"{NASTY} has another distribution (PSI " in "".join(page.texts)


def test_labels_come_one_by_one(client):
    def post(**told):
        return client.post("/feedback", json=told)

    assert post(id="r950", label="well").json() == {
        "accepted": 1,
        "unknown": [],
        "repeated": [],
        "rows": [],
    }
    for told, status, message in (
        ({"id": "r950", "label": "well"}, 409, "known already"),
        ({"id": "nobody", "label": "well"}, 404, "none of the last 100000"),
        ({"id": "r951", "label": ["well"] * 2}, 400, "another number of rows"),
        ({"id": "r951", "label": "dead"}, 400, "must be one of <b>ill</b>, well"),
        ({"id": 951, "label": "well"}, 400, "The body must be"),
        ({"id": "r951"}, 400, "The body must be"),
    ):
        reply = post(**told)
        assert reply.status_code == status
        assert message in reply.json()["error"]


def test_labels_come_in_lists(client):
    entries = [{"id": i, "label": "well"} for i in ("r960", "nobody", "r960", "r961")]
    reply = client.post("/feedback", json=entries)
    assert reply.status_code == 200
    assert reply.json() == {
        "accepted": 2,
        "unknown": ["nobody"],
        "repeated": ["r960"],
        "rows": [],
    }
    for body in (b"", b"{", b"[1]", b'"x"', b"[" * 100_000, b"\xff"):
        assert client.post("/feedback", content=body).status_code == 400
    assert client.post("/feedback", content=b" " * 2**23).status_code == 413


def test_without_river_labels_are_not_implemented(client, monkeypatch):
    monkeypatch.setitem(sys.modules, "river.drift", None)
    reply = client.post("/feedback", json={"id": "r970", "label": "well"})
    assert reply.status_code == 501
    assert "skdeep[monitor]" in reply.json()["error"]


def test_prometheus_gets_what_the_report_says():
    monitor, registry = busy(), CollectorRegistry()
    registry.register(MonitorCollector(monitor))
    text, report = generate_latest(registry).decode(), monitor.report()
    values = dict(re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", text, re.M))
    second = report["features"][1]
    assert float(values['skdeep_feature_psi{feature="column 1"}']) == second["psi"]
    for name, value in (
        ("skdeep_monitoring_alarm", 1.0),
        ("skdeep_window_rows", 1000.0),
        ('skdeep_feature_alarm{feature="column 4"}', 1.0),
        ('skdeep_feature_missing{feature="column 4"}', 0.09),
        ("skdeep_labels", 900.0),
        ("skdeep_accuracy", report["labels"]["accuracy"]["value"]),
        ("skdeep_errors_alarm", 1.0),
    ):
        assert float(values[name]) == value
    nothing = CollectorRegistry()
    nothing.register(MonitorCollector(monitor_of(codes=None)))
    assert "skdeep_accuracy" not in generate_latest(nothing).decode()


def test_a_server_watches_what_it_answers(tmp_path):
    model = ServedModel.from_archive(archive_of("frame", tmp_path))
    client = Client(create_app(model))
    try:
        rows = {"instances": CANCER[:40].tolist()}
        reply = client.post("/invocations", json=rows)
        request_id = reply.headers["x-request-id"]
        told = {"id": request_id, "label": LABELS[:40].tolist()}
        assert client.post("/feedback", json=told).json()["accepted"] == 1
        report = client.get("/monitoring").json()
        assert (report["n_rows"], report["labels"]["n_labels"]) == (40, 40)
        assert report["n_reference"] == len(CANCER)
        page = client.get("/monitoring", headers={"accept": "text/html"}).text
        assert "<h1>Monitoring</h1>" in page
        assert "skdeep_window_rows 40.0" in client.get("/metrics").text
    finally:
        client.close()


# Pages of several widths; what is measured becomes the text of this one.
FRAMES = """<!DOCTYPE html><link rel="icon" href="data:,"><pre id="told"></pre><script>
for (const name of ["busy", "idle"]) for (const width of [390, 1280]) {
  const frame = document.createElement("iframe");
  frame.style.width = width + "px";
  frame.onload = () => {
    const page = frame.contentDocument, root = page.documentElement;
    const outside = [...page.querySelectorAll("body *")].filter(
      e => e.getBoundingClientRect().right > root.clientWidth && !e.closest(".scroll"));
    const bars = [...page.querySelectorAll("rect.window")].filter(
      e => e.getBoundingClientRect().height > 1);
    const size = getComputedStyle(page.body).fontSize;
    told.textContent += [name, width, root.clientWidth, root.scrollWidth,
      outside.length, bars.length, size].join(" ") + "\\n";
  };
  frame.src = name + ".html";
  document.body.append(frame);
}
</script>"""


@needs_browser
def test_a_browser_shows_it_without_errors_or_overflow(tmp_path):
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "busy.html").write_text(render(busy().report()))
    (pages / "idle.html").write_text(render(monitor_of(codes=None).report()))
    (pages / "frames.html").write_text(FRAMES)
    with served(pages) as address:
        html, said = opened(f"{address}/frames.html", tmp_path / "profile")
    assert "CONSOLE" not in said
    (told,) = re.findall(r'<pre id="told">(.*?)</pre>', html, re.S)
    lines = [line.split() for line in told.splitlines()]
    shown = sorted((name, int(width)) for name, width, *_ in lines)
    assert shown == [("busy", 390), ("busy", 1280), ("idle", 390), ("idle", 1280)]
    for name, width, visible, scrolled, n_outside, n_bars, size in lines:
        assert int(scrolled) == int(visible) <= int(width)
        assert (n_outside, size) == ("0", "16px")
        assert int(n_bars) > 250 if name == "busy" else n_bars == "0"
