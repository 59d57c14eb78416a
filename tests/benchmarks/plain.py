"""What makes a DeepMLPClassifier dense layers and nothing else."""

# Trained as scikit-learn's MLPClassifier is.
PLAIN = {
    "solver": "adam",
    "alpha": 0.0001,
    "learning_rate": "constant",
    "learning_rate_init": 0.001,
    "dropout": 0.0,
    "numerical_embedding": None,
}
