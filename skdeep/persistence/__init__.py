"""Fitted estimators as files: safe to load, or for another runtime."""

from skdeep._archive import ArchiveError
from skdeep.persistence._file import load, save
from skdeep.persistence._onnx import to_onnx

__all__ = ["ArchiveError", "load", "save", "to_onnx"]
