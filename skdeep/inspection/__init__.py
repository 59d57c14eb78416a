"""What a fitted net has learned, and why it answers as it does."""

from skdeep.inspection._permutation import permutation_importance

__all__ = ["permutation_importance"]
