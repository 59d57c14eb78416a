"""Searches that train many nets at once, and what to search over."""

from skdeep.model_selection._distributions import param_distributions
from skdeep.model_selection._search import GridSearchCV, RandomizedSearchCV

__all__ = ["GridSearchCV", "RandomizedSearchCV", "param_distributions"]
