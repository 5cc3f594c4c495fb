"""HTML within Markdown is read without its tags."""

from __future__ import annotations

from support.each import each
from tieback.core.text.visible import untagged


@each(
    "text, read",
    [
        ('<code class="text-nowrap">--port</code> of it', "--port of it"),
        ("<b>Not</b> before 8", "Not before 8"),
        ("one<br>two<br/>three", "one two three"),
        ('<img src="lid.png"> The lid', " The lid"),
        ('<a name="top"></a>Top', "Top"),
        ("cut off</code> here", "cut off here"),
        ("[ timeout: <duration> | default = 1m ]", "[ timeout: <duration> | default = 1m ]"),
        ("a Vec<String> and 1 < 2 > 0", "a Vec<String> and 1 < 2 > 0"),
        ("`<br>` is a tag, <i>this</i> too", "`<br>` is a tag, this too"),
    ],
)
def test_tags_are_not_read(text: str, read: str) -> None:
    assert untagged(text) == read
