"""Transformers that prepare data for the nets."""

from skdeep.preprocessing._tokens import SequenceTokenizer

__all__ = ["SequenceTokenizer"]
