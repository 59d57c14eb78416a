"""MLflow's scoring server: four forms of a JSON object."""

from skdeep.serving.errors import invalid, shown

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


def find_form(document):
    """The one of MLflow's forms that a JSON object has.

    Parameters
    ----------
    document : dict

    Returns
    -------
    form : str
    """
    found = [form for form in FORMS if form in document]
    if len(found) != 1:
        raise invalid(
            f"The body must have exactly one of the keys {', '.join(FORMS)}. "
            f"Got {', '.join(found) or shown(list(document))}."
        )
    return found[0]


def read_form(reader, form, value):
    """Rows of a value in one of MLflow's forms.

    Parameters
    ----------
    reader : RowReader

    form : str

    value : object

    Returns
    -------
    rows : list of ndarray
    """
    if form == "dataframe_split":
        if not isinstance(value, dict) or "data" not in value:
            raise invalid(
                "`dataframe_split` must be an object with `columns` and `data`. "
                f"Got {shown(value)}."
            )
        return reader.split(value.get("columns"), value["data"])
    if form != "dataframe_records" and isinstance(value, dict):
        return reader.columns(value)
    if form == "dataframe_records" and not (
        isinstance(value, list) and all(isinstance(record, dict) for record in value)
    ):
        raise invalid(
            f"`dataframe_records` must be a list of objects. Got {shown(value)}."
        )
    return reader.rows(value)
