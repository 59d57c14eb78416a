"""HTML whose text is always escaped."""

import base64
import io
from html import escape

# These have no end tag.
_VOID = {"img", "br"}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def join(parts):
    """One piece of HTML of several; text among them is escaped."""
    return Markup("".join(p if type(p) is Markup else escape(str(p)) for p in parts))


def element(name, *children, **attributes):
    """Build an element; the names of attributes may end in an underscore."""
    told = "".join(
        f' {key.rstrip("_")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    end = "" if name in _VOID else f"</{name}>"
    return Markup(f"<{name}{told}>{join(children)}{end}")


def paragraph(*children):
    """Build a paragraph."""
    return element("p", *children)


def table(headers, rows, caption, numeric=()):
    """Build a table that scrolls within itself.

    Parameters
    ----------
    headers : sequence of str

    rows : iterable of sequences
        Cells; the first of each row names it.

    caption : str

    numeric : container of str
        Headers of the columns that are aligned to the right.
    """
    kinds = ["number" if header in numeric else None for header in headers]
    head = [
        element("th", header, scope="col", class_=kind)
        for header, kind in zip(headers, kinds, strict=True)
    ]
    body = []
    for first, *others in rows:
        cells = [element("th", first, scope="row")]
        cells += [
            element("td", cell, class_=kind)
            for cell, kind in zip(others, kinds[1:], strict=True)
        ]
        body.append(element("tr", *cells))
    inner = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *body),
    )
    # Whoever uses the keyboard has to be able to scroll it too.
    region = {"tabindex": 0, "role": "region", "aria-label": caption}
    return element("div", inner, class_="scroll", **region)


def bar(share, kind="bar"):
    """Build a bar that fills a share of its cell."""
    width = f"width:{100 * min(max(share, 0.0), 1.0):.1f}%"
    return element("span", element("span", style=width), class_=kind)


def picture(figure, alt, class_=None):
    """Draw a matplotlib figure as SVG into the page itself."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "skdeep", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    data = base64.b64encode(buffer.getvalue()).decode()
    source = f"data:image/svg+xml;base64,{data}"
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    return element(
        "img", src=source, alt=alt, width=width, height=height, class_=class_
    )
