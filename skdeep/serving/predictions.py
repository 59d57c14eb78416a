"""What probabilities mean to a client."""

from skdeep.serving.errors import invalid, shown
from skdeep.serving.settings import OUTPUTS


class Predictions:
    """Turns probabilities into answers.

    Parameters
    ----------
    signature : Signature

    output : {"full", "label", "probabilities"}
        Where a request doesn't say.
    """

    def __init__(self, signature, output):
        self._classes = signature.classes
        self._multilabel = signature.multilabel
        self._output = output

    def labels(self, probabilities):
        """Most probable label of each row, or 0 and 1 for each of several labels.

        Returns
        -------
        labels : list
        """
        if not self._multilabel:
            return [self._classes[i] for i in probabilities.argmax(1).tolist()]
        return (probabilities > 0.5).astype(int).tolist()

    def entries(self, probabilities, output=None):
        """One JSON value for each row.

        Parameters
        ----------
        probabilities : ndarray of shape (n_rows, n_outputs)

        output : str or None, default=None
            What was asked for, if anything.

        Returns
        -------
        entries : list
        """
        output = output or self._output
        if output == "label":
            return self.labels(probabilities)
        if output == "probabilities":
            return probabilities.tolist()
        return [
            {"label": label, "probabilities": row}
            for label, row in zip(
                self.labels(probabilities), probabilities.tolist(), strict=True
            )
        ]

    def cells(self, probabilities, output=None):
        """One list of values for each row, as a csv file has them."""
        output = output or self._output
        labels, rows = self.labels(probabilities), probabilities.tolist()
        if self._multilabel:
            labels = [tuple(label) for label in labels]
        else:
            labels = [(label,) for label in labels]
        if output == "label":
            return labels
        if output == "probabilities":
            return rows
        return [(*label, *row) for label, row in zip(labels, rows, strict=True)]


def wanted_output(parameters):
    """What a request's parameters ask for.

    Parameters
    ----------
    parameters : dict or None

    Returns
    -------
    output : str or None
    """
    if parameters is None:
        return None
    if not isinstance(parameters, dict):
        raise invalid(f"The parameters must be an object. Got {shown(parameters)}.")
    output = parameters.get("output")
    if output is not None and output not in OUTPUTS:
        raise invalid(
            f"The parameter `output` must be one of {', '.join(OUTPUTS)}. "
            f"Got {shown(output)}."
        )
    return output
