"""Sphinx settings: Markdown pages through myst-parser, the reference through autodoc."""

from __future__ import annotations

import importlib.util

from miio_lan._version import VERSION

project = "miio_lan"
author = "the miio_lan authors"
copyright = author
release = version = VERSION

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]

# An optional engine: without it, its resource and driver are missing from the reference.
if importlib.util.find_spec("labgrid") is None:
    autodoc_mock_imports = ["labgrid", "attr"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_default_options = {"members": True, "show-inheritance": True}

html_theme = "furo"
html_title = f"miio_lan {version}"
html_copy_source = False
html_show_sphinx = False
