"""How Sphinx builds these pages; `make docs` calls it with warnings as errors and no network."""

import sys
import warnings
from importlib.metadata import version as installed_version
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "sufficiency"
author = "the sufficiency developers"
copyright = author
release = installed_version("sufficiency")
version = ".".join(release.split(".")[:2])

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
    "matplotlib.sphinxext.plot_directive",
    "built_links",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "auto_examples/*.py"]
nitpicky = False

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False  # autodoc shows the methods, with their docstrings

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    # what examples import is no example
    "ignore_pattern": r"(__init__|paper_setup|mnist1d_net)\.py$",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "doc_module": ("sufficiency",),
    "reference_url": {"sufficiency": None},
    "backreferences_dir": "generated/backreferences",
    "download_all_examples": False,
    "remove_config_comments": True,
    "min_reported_time": 1,
    "show_signature": False,
}

plot_formats = [("svg", 100)]  # pictures of the pages, drawn by the scripts in figures
plot_html_show_formats = False
plot_html_show_source_link = False

html_math_renderer = "mathml"  # formulas that need neither network nor JavaScript
html_theme = "pydata_sphinx_theme"
html_title = "sufficiency"
html_static_path = ["_static"]
html_css_files = ["pictures.css"]
html_show_sourcelink = False
html_sidebars = {"*": []}  # a page of the top level has no siblings to list
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}

# sphinx-gallery asks about the path of the whole checkout, but only names of examples become links.
suppress_warnings = ["sphinx_gallery.space_in_filename"]


def format_warning(message, category, *where, **line):
    """Warnings of the examples are shown as a reader needs them, without this machine's paths."""
    return f"{category.__name__}: {message}\n"


warnings.formatwarning = format_warning


def show_formula(translator, node):
    """Write a formula as MathML, which every current browser and screen reader knows."""
    block = isinstance(node, nodes.math_block)
    formula = tex2mathml(node.astext(), as_block=block)
    translator.body.append(f"<p>{formula}</p>" if block else formula)
    raise nodes.SkipNode


def setup(app):
    """Register the renderer of formulas."""
    renderer = (show_formula, None)
    app.add_html_math_renderer("mathml", inline_renderers=renderer, block_renderers=renderer)
