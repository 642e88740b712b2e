"""How the documentation is built: `python -m sphinx -W --keep-going -q docs docs/_build/html`, without a network."""

import functools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import docstrings
import furo
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
autodoc_use_type_comments = False  # there are none, and looking for them parses every source once more
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

trees = {}
furo.get_navigation_tree = functools.cache(furo.get_navigation_tree)  # of the same tree, a thousand times


def setup(app):
    """Read docstrings, which are plain text with a few habits, as what they mean; make the side's tree once."""
    app.connect("autodoc-process-docstring", docstrings.process)
    app.connect("html-page-context", share_tree, priority=400)  # before the theme asks for the tree
    app.connect("env-check-consistency", find_by_last_name)


def find_by_last_name(app, env):
    """Names that nothing here has, such as Tensor in ten thousand signatures, are not looked for among all the others.

    Sphinx goes through every object for each of them, which was most of the time that a build took.
    """
    domain = env.domains["py"]
    known, plain = {name.rpartition(".")[2] for name in domain.objects}, domain.find_obj

    def find_obj(env, modname, classname, name, *how):
        return plain(env, modname, classname, name, *how) if name.rpartition(".")[2].rstrip("()") in known else []

    domain.find_obj = find_obj


def share_tree(app, pagename, templatename, context, doctree):
    """Pages that stand in no table of contents show the same tree in every folder; made anew for each it takes minutes.

    Modules, their sources and the experiments are such pages: a thousand of them.
    """
    listed = {name for names in app.env.toctree_includes.values() for name in names}
    if "toctree" not in context or pagename in listed or pagename == "index":
        return
    folder, own = pagename.rpartition("/")[0], context["toctree"]

    def tree(**how):
        place = (folder, *sorted(how.items()))
        if place not in trees:
            trees[place] = own(**how)
        return trees[place]

    context["toctree"] = tree
