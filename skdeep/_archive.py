"""One file of several parts, each with its hash; no pickle anywhere."""
