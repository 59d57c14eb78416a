"""Fitted estimators as files: safe to load, or for another runtime."""
