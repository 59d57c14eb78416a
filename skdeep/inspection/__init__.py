"""What a fitted net has learned, and why it answers as it does."""

__all__ = []
