"""The report as a page that needs nothing else."""

from importlib.resources import files
from xml.etree import ElementTree

from skdeep.serving.monitoring.charts import course, pairs

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
# A page of more pictures would be too long to read; the table has all features.
_MOST_PICTURES = 60
_RATES = {"missing": "Missing", "out_of_range": "Never seen in training data"}
_SCORES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "log_loss": "Log-loss",
}


def tag(name, /, *children, **attributes):
    """Build an element; underscores at the end of names are left out."""
    told = {
        key.rstrip("_").replace("_", "-"): str(value)
        for key, value in attributes.items()
        if value is not None
    }
    element = ElementTree.Element(name, told)
    for child in children:
        if ElementTree.iselement(child):
            element.append(child)
        elif len(element):
            element[-1].tail = (element[-1].tail or "") + str(child)
        else:
            element.text = (element.text or "") + str(child)
    return element


def render(report):
    """Write the page.

    Parameters
    ----------
    report : dict
        Of a Monitor.

    Returns
    -------
    html : str
    """
    style = tag("style")
    style.text = files(__package__).joinpath("page.css").read_text("utf-8")
    page = tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag(
                "meta",
                name="viewport",
                content="width=device-width, initial-scale=1",
            ),
            tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            tag("link", rel="icon", href="data:,"),
            tag("title", "Monitoring"),
            style,
        ),
        tag("body", _header(report), tag("main", *_sections(report))),
        lang="en",
    )
    text = ElementTree.tostring(page, encoding="unicode", method="html")
    return f"<!DOCTYPE html>\n{text}\n"


def _header(report):
    kind = "alarm" if report["alarm"] else "calm"
    window = report["window"]
    span = "" if window["first"] is None else f", {_span(window)}"
    return tag(
        "header",
        tag("h1", "Monitoring"),
        tag(
            "div",
            tag("p", tag("strong", _said(report)), class_="verdict"),
            tag("ul", *(tag("li", reason) for reason in report["reasons"])),
            class_=f"banner {kind}",
        ),
        tag(
            "p",
            f"The last {report['n_rows']:,} rows{span}, beside "
            f"{report['n_reference']:,} rows of training data. Each of "
            f"{report['n_tests']} tests is adjusted for the number of them: where "
            f"nothing has changed, any of them alarms in {report['alpha']:.0%} of all "
            "windows at most, and nothing alarms that is too small to matter.",
        ),
    )


def _said(report):
    verdict = report["verdict"]
    return f"{'▲' if report['alarm'] else '●'} {verdict[0].upper()}{verdict[1:]}"


def _span(told):
    first, last = (told[key].replace("T", " ")[:16] for key in ("first", "last"))
    return f"{first} to {last} UTC"


def _sections(report):
    yield _cards(report)
    yield _predictions(report["predictions"])
    yield _accuracy(report["labels"])
    yield _latency(report["latency"])
    yield _features(report["features"])


def _cards(report):
    scores = report["labels"]
    shown = [
        ("Rows", f"{report['n_rows']:,}"),
        ("Changed features", f"{sum(f['alarm'] for f in report['features'])}"),
        ("Labels", f"{scores['n_labels']:,}"),
    ]
    if scores["n_labels"]:
        shown.append(("Accuracy", f"{scores['accuracy']['value']:.1%}"))
    return tag(
        "dl",
        *(tag("div", tag("dt", name), tag("dd", value)) for name, value in shown),
        class_="cards",
    )


def _section(name, title, *children):
    return tag("section", tag("h2", title), *children, id=name)


def _legend():
    return tag(
        "p",
        tag("span", class_="key reference"),
        " training data ",
        tag("span", class_="key window"),
        " window",
        class_="legend",
    )


def _features(features):
    ranked = sorted(
        features, key=lambda f: (f["alarm"], f["psi"] - f["psi_noise"]), reverse=True
    )
    pictures = [_feature(entry) for entry in ranked[:_MOST_PICTURES]]
    parts = [_legend(), tag("div", *pictures, class_="features")]
    if not features:
        parts = [tag("p", "The model takes no columns that could be watched.")]
    elif len(ranked) > _MOST_PICTURES:
        parts.append(tag("p", f"The {_MOST_PICTURES} that changed most are shown."))
    if features:
        parts.append(_feature_table(features))
    return _section("features", "Features", *parts)


def _feature(entry):
    flag = tag("span", "▲ changed", class_="flag") if entry["alarm"] else ""
    rates = [pair for pair in _RATES.items() if entry[pair[0]]]
    return tag(
        "article",
        tag("h3", entry["name"], " ", flag),
        pairs(entry["bins"], f"Shares of the values of {entry['name']}"),
        tag("p", _index(entry)),
        *(tag("p", f"{told}: {entry[key]:.1%}") for key, told in rates),
    )


def _index(entry):
    return f"PSI {entry['psi']:.3f} (chance alone: {entry['psi_noise']:.3f})"


def _feature_table(features):
    rows = [
        (
            entry["name"],
            f"{entry['n_rows']:,}",
            f"{entry['psi']:.3f}",
            f"{entry['tests']['distribution']['p_value']:.2g}",
            f"{entry['missing']:.1%} ({entry['missing_reference']:.1%})",
            f"{entry['out_of_range']:.1%} ({entry['out_of_range_reference']:.1%})",
            "▲ changed" if entry["alarm"] else "",
        )
        for entry in features
    ]
    head = ("Feature", "Rows", "PSI", "Adjusted p", "Missing", "Never seen", "")
    table = _table(head, rows, "Numbers of all features (training data in brackets)")
    return tag("details", tag("summary", "All numbers"), table)


def _table(head, rows, caption):
    inner = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", *(tag("th", name, scope="col") for name in head))),
        tag(
            "tbody",
            *(
                tag(
                    "tr",
                    tag("th", first, scope="row"),
                    *(tag("td", cell) for cell in cells),
                )
                for first, *cells in rows
            ),
        ),
    )
    # Whoever uses the keyboard has to be able to scroll it too.
    return tag(
        "div", inner, class_="scroll", tabindex=0, role="region", aria_label=caption
    )


def _predictions(predictions):
    parts = []
    if predictions["psi"] is None:
        parts.append(
            tag(
                "p",
                "It isn't known which classes the model predicted for its training "
                "data: save it with some rows, save(model, path, X).",
            )
        )
    else:
        flag = tag("span", "▲ changed", class_="flag") if predictions["alarm"] else ""
        parts += [
            _legend(),
            tag(
                "p",
                f"{_index(predictions)}, beside the predictions for "
                f"{predictions['n_reference']:,} rows of training data. ",
                flag,
            ),
        ]
    rows = [
        (
            entry["name"],
            *(_bar(entry[kind], kind) for kind in ("reference", "window")),
        )
        for entry in predictions["classes"]
    ]
    head = ("Class", "Training data", "Window")
    parts.append(_table(head, rows, "Shares of the predicted classes"))
    return _section("predictions", "Predicted classes", *parts)


def _bar(share, kind):
    if share is None:
        return "unknown"
    fill = tag("span", style=f"width:{100 * share:.1f}%", class_=kind)
    return tag("span", tag("span", fill, class_="bar"), f"{share:.1%}")


def _accuracy(scores):
    if not scores["n_labels"]:
        told = "No labels yet. POST /feedback takes the id of a request and its label."
        return _section("accuracy", "Accuracy", tag("p", told))
    rows = [
        (told, f"{scores[key]['value']:.3f}", _interval(scores[key]))
        for key, told in _SCORES.items()
    ]
    return _section(
        "accuracy",
        "Accuracy",
        tag("p", _change(scores["change"])),
        course(scores["over_time"], "Accuracy over time"),
        tag(
            "p",
            f"{scores['n_labels']:,} labels, {_span(scores)}, in "
            f"{len(scores['over_time'])} parts; bars show 95 % intervals.",
            class_="legend",
        ),
        _table(("Score", "Value", "95 % interval"), rows, "Scores"),
    )


def _interval(score):
    if score["low"] is None:
        return "unknown"
    return f"{score['low']:.3f} to {score['high']:.3f}"


def _change(change):
    if change["at"] is None:
        return "ADWIN finds no change of the share of errors."
    sign = "▲ " if change["worse"] else ""
    return (
        f"{sign}ADWIN noticed a change at label {change['at']:,}: "
        f"{change['before']:.1%} errors before, {change['since']:.1%} since."
    )


def _latency(latency):
    if not latency:
        return _section("latency", "Latency", tag("p", "Not measured."))
    entries = [
        tag("div", tag("dt", name), tag("dd", _number(value)))
        for name, value in latency.items()
    ]
    return _section("latency", "Latency", tag("dl", *entries, class_="cards"))


def _number(value):
    return f"{value:,.3g}" if isinstance(value, float) else str(value)
