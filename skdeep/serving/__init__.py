"""A server for exported estimators; imports neither torch nor scikit-learn."""
