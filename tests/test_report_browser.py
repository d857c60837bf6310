"""The report in a browser, where there is one: whole, without errors, at two widths."""

import json
import re
import shutil
import subprocess

import pytest

from tests.report_case import fabricate_comparison, write_report

PROBE = """
<script>
window.faults = [];
window.addEventListener("error", event => faults.push(String(event.message || event.type)), true);
console.error = (...words) => faults.push(words.join(" "));
window.addEventListener("load", () => {
  const page = document.documentElement;
  const broken = [...document.images].filter(image => !image.naturalWidth).length;
  parent.postMessage({inner: innerWidth, scroll: page.scrollWidth, broken, faults,
                      height: page.scrollHeight, images: document.images.length}, "*");
});
</script>
"""
# Headless windows have a least width, frames have none.
FRAME = """<!DOCTYPE html><html><body><iframe src="copy.html" style="border:0;width:{width}px;
height:9000px"></iframe><script>window.addEventListener("message", event =>
  document.body.setAttribute("data-found", JSON.stringify(event.data)));</script></body></html>"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return write_report(tmp_path_factory.mktemp("run"), fabricate_comparison())


@pytest.mark.parametrize("width", [400, 1300])
def test_chromium_shows_the_page_without_errors_or_sideways_scroll(report, tmp_path, width):
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not on the path: the report was not opened in a browser")
    text = report.read_text(encoding="utf-8")
    (tmp_path / "copy.html").write_text(text.replace("<head>", "<head>" + PROBE, 1))
    (tmp_path / "frame.html").write_text(FRAME.format(width=width))
    quiet = ["headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"]
    quiet += ["disable-background-networking", "disable-component-update", "disable-sync"]
    quiet += ["enable-logging=stderr", f"user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [browser, *(f"--{option}" for option in quiet), "--window-size=1400,9000"]
        + ["--virtual-time-budget=5000", "--dump-dom", (tmp_path / "frame.html").as_uri()],
        capture_output=True,
        text=True,
    )
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    found = json.loads(found[1].replace("&quot;", '"'))
    assert found["inner"] == width and found["scroll"] <= width, found
    assert found["images"] > 20 and found["broken"] == 0 and found["faults"] == []
    assert "CONSOLE" not in done.stderr, done.stderr[-2000:]
