"""What lime asks, and what a linear model of the answers says."""

import numpy as np
from sklearn.utils import Bunch


class Asked:
    """The class that is explained.

    Parameters
    ----------
    net : estimator

    predict : callable
        To probabilities.

    target : label or None

    Attributes
    ----------
    names : list of str
        Of the classes.
    """

    def __init__(self, net, predict, target):
        self.net, self.predict, self.target = net, predict, target
        self.names, self.code = net.output_names, None

    def choose(self, sample):
        """Find the class out, for which `sample` may have to be asked.

        Returns
        -------
        predict : callable
            As lime wants it.

        code : int
            Column of what it returns.

        names : list of str
            Of its columns.
        """
        classes = self.net.classes_
        if self.target is None:
            self.code = int(self.predict(sample)[0].argmax())
        else:
            found = np.flatnonzero(classes == self.target)
            if not len(found):
                raise ValueError(
                    f"`target` must be one of the classes {classes.tolist()}. "
                    f"Got {self.target!r}."
                )
            self.code = int(found[0])
        if not self.net._multilabel:
            return self.predict, self.code, self.names
        name = self.names[self.code]
        return self._of_label, 1, [f"not {name}", name]

    def _of_label(self, X):
        p = self.predict(X)[:, self.code]
        return np.stack([1.0 - p, p], axis=1)

    def tell(self, explanation, code, attributions, **what):
        """Put together what the functions of this package return."""
        return Bunch(
            attributions=attributions,
            target=self.net.classes_[[self.code]],
            base_values=np.array([explanation.intercept[code]]),
            score=float(explanation.score),
            explanation=explanation,
            method="lime",
            space="input",
            **what,
        )
