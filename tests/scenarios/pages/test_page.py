"""A page has all of its parts, in their order, and what they say is text and no markup."""

import base64

from scenarios.pages.page import Picture, Sentences, render
from scenarios.tables.table import Table


def test_a_page_has_its_parts_in_the_order_given_and_needs_nothing_else() -> None:
    table = Table("Costs", ("function", "cost"), [["shop:<quote>", "5 µs"]], left=("function",))
    parts = [Sentences(["first: a < b"]), table, Picture(b"PNG", "cost & share"), Sentences(["last"])]
    page = render(title="Mine", heading="What it costs", about="main.py", parts=parts, environment="2 CPUs")
    assert page.startswith("<!DOCTYPE html>")
    places = [
        page.index(text)
        for text in ("<title>Mine</title>", "<h1>What it costs</h1>", "first: a &lt; b", "<h2>Costs</h2>")
    ]
    places += [page.index(text) for text in ("shop:&lt;quote&gt;", base64.b64encode(b"PNG").decode(), "<li>last</li>")]
    assert places == sorted(places)
    assert 'alt="cost &amp; share"' in page
    assert "http://" not in page
    assert "https://" not in page
