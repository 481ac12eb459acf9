"""What is filled into a page stays text, and words between backticks are shown as code."""

from emoclr.evaluate.report.writers.page import render_page


def rendered(tmp_path, text):
    template = tmp_path / "page.html.jinja"
    template.write_text("<p>{{ text | prose }}</p>{{ text }}{{ style | length > 100 }}", encoding="utf-8")
    return render_page(template, text=text)


def test_prose_shows_code_and_nothing_else_as_markup(tmp_path):
    page = rendered(tmp_path, "`a < b` of <b>c</b> & `d`")
    assert page.startswith("<p><code>a &lt; b</code> of &lt;b&gt;c&lt;/b&gt; &amp; <code>d</code></p>")
    assert page.endswith("`a &lt; b` of &lt;b&gt;c&lt;/b&gt; &amp; `d`True")


def test_a_single_backtick_stays(tmp_path):
    assert rendered(tmp_path, "it`s").startswith("<p>it`s</p>")
