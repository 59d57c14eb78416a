"""What a fitted net has learned, and why it answers as it does."""

from skdeep.inspection._lime import lime_explanation
from skdeep.inspection._permutation import permutation_importance
from skdeep.inspection._report import report
from skdeep.inspection._summary import summary

__all__ = ["lime_explanation", "permutation_importance", "report", "summary"]
