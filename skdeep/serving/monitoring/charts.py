"""Pictures of the page, as SVG."""

from xml.etree import ElementTree

_WIDTH, _HEIGHT = 300, 110


def _svg(label, height=_HEIGHT):
    # Titles of bars are shown by pointing at them.
    return ElementTree.Element(
        "svg",
        {
            "viewBox": f"0 0 {_WIDTH} {height}",
            "role": "img",
            "aria-label": label,
            "preserveAspectRatio": "none",
        },
    )


def _rectangle(parent, x, y, width, height, kind, told):
    place = {"x": x, "y": y, "width": width, "height": max(height, 0.0)}
    shape = ElementTree.SubElement(
        parent, "rect", {k: f"{v:.1f}" for k, v in place.items()} | {"class": kind}
    )
    ElementTree.SubElement(shape, "title").text = told


def pairs(bins, label):
    """Bars of the reference beside those of the window, bin by bin.

    Parameters
    ----------
    bins : list of dict
        With `name`, `reference` and `window`.

    label : str

    Returns
    -------
    figure : xml.etree.ElementTree.Element
    """
    # Bins on the edge are there to be empty.
    shown = [b for b in bins if b["reference"] or b["window"]]
    figure, svg = ElementTree.Element("figure"), _svg(label)
    figure.append(svg)
    most = max((max(b["reference"], b["window"]) for b in shown), default=0) or 1.0
    step = _WIDTH / max(len(shown), 1)
    for place, entry in enumerate(shown):
        for kind, offset in (("reference", 0.12), ("window", 0.5)):
            height = (_HEIGHT - 4) * entry[kind] / most
            told = f"{entry['name']}: {entry[kind]:.1%} ({kind})"
            _rectangle(
                svg,
                (place + offset) * step,
                _HEIGHT - height,
                0.36 * step,
                height,
                kind,
                told,
            )
    if shown:
        caption = ElementTree.SubElement(figure, "figcaption")
        for name in (shown[0]["name"], f"most: {most:.0%}", shown[-1]["name"]):
            ElementTree.SubElement(caption, "span").text = name
    return figure


def course(points, label):
    """Points over time with their intervals, from the first to the last.

    Parameters
    ----------
    points : list of dict
        With `value`, `low`, `high` and `last`.

    label : str

    Returns
    -------
    figure : xml.etree.ElementTree.Element
    """
    figure, svg = ElementTree.Element("figure", {"class": "course"}), _svg(label)
    figure.append(svg)
    bottom = min(p["low"] for p in points)
    scale = (_HEIGHT - 12) / max(1.0 - bottom, 1e-9)
    step = _WIDTH / len(points)
    for place, point in enumerate(points):
        x = (place + 0.5) * step
        y, low, high = (
            _HEIGHT - 6 - (point[k] - bottom) * scale for k in ("value", "low", "high")
        )
        told = f"{point['last']}: {point['value']:.1%}, {point['n_labels']} labels"
        width = min(0.5 * step, 14)
        _rectangle(svg, x - width / 2, high, width, low - high, "interval", told)
        _rectangle(svg, x - width / 2, y - 1.5, width, 3, "window", told)
    caption = ElementTree.SubElement(figure, "figcaption")
    first, last = (p["last"].replace("T", " ")[:16] for p in (points[0], points[-1]))
    for name in (first, f"{bottom:.0%} to 100%", last):
        ElementTree.SubElement(caption, "span").text = name
    return figure
