"""Accuracy of the default DeepRNNClassifier on series, beside published results.

python tests/benchmarks/accuracy/recurrent.py DATA_FOLDER --json recurrent.json
"""

import series

from skdeep import DeepRNNClassifier

if __name__ == "__main__":
    series.run(__doc__.splitlines()[0], "recurrent nets on series", DeepRNNClassifier())
