"""Configuration of sphinx."""

from importlib.metadata import version as version_of

project = "skdeep"
author = "skdeep developers"
copyright = "2026, skdeep developers"
release = version = version_of("skdeep")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
default_role = "literal"
toc_object_entries_show_parents = "hide"

# The template of a class lists its members; numpydoc would list them again.
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["auto_examples"],
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(^|/)(?!plot_)[^/]*\.py$",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skdeep"
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "skdeep"},
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"install": [], "performance": [], "comparison": []}
