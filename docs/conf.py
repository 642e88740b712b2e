"""How the documentation is built: `python -m sphinx -W --keep-going -q docs docs/_build/html`, without a network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import docstrings
import gallery_pages
import pages

from parnassus import __version__

project = "Parnassus"
author = copyright = "The Parnassus authors"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"Parnassus {__version__}"
html_static_path = ["_static"]
html_css_files = ["page.css"]
html_math_renderer = "mathjax"
mathjax_path = "mathjax-is-not-loaded.js"  # equations are code blocks; no page asks the network for anything

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True, "ignore-module-all": True}
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
toc_object_entries = False  # every page copies the whole tree: with each function in it a build takes minutes
python_maximum_signature_line_length = 88
highlight_language = "text"  # equations in docstrings are no Python
pygments_style = "default"

here = Path(__file__).parent
pages.write_reference(here / "reference" / "generated")
pages.write_books(here / "books" / "generated")
gallery_pages.write_pages()
pages.write_experiments(here / "reproduced" / "generated" / "books")


def setup(app):
    """Read docstrings, which are plain text with a few habits, as what they mean."""
    app.connect("autodoc-process-docstring", docstrings.process)
