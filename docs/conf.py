"""Settings of both languages; the tag zh or en picks one: sphinx-build -c docs -t zh docs/zh …"""

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE.parent / "build"
sys.path.insert(0, str(HERE))  # for _ext

LANG = "zh" if tags.has("zh") else "en"  # noqa: F821 (Sphinx puts `tags` into this file)
os.environ["CNNGUIDE_LANG"] = LANG  # the notebooks' kernels inherit it

project = {"en": "CNN Guide", "zh": "CNN指南"}[LANG]
author = {"en": "The CNN Guide authors", "zh": "CNN指南的作者们"}[LANG]
project_copyright = f"2026, {author}"
release = installed_version("cnnguide")
language = {"en": "en", "zh": "zh_CN"}[LANG]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "_ext.colons",
    "_ext.description",
    "_ext.furo_words",
    "_ext.gallery",
    "_ext.glossary",
    "_ext.mathml",
    "_ext.notebooks",
    "_ext.pagefind",
    "_ext.stale",
    "_ext.twin",
]
exclude_patterns = [f"gallery/**.{end}" for end in ("ipynb", "py", "json", "md5", "zip")]
templates_path = ["_templates"]
locale_dirs = [str(HERE / "locale")]
gettext_compact = "docstrings"  # one catalogue: the docstrings, see `make reference`

# What no inventory can be fetched for (builds are offline)
nitpick_ignore_regex = [("py:.*", r"(torch|matplotlib)\..*|Tensor")]

myst_enable_extensions = [
    "amsmath",
    "attrs_block",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "fieldlist",
    "substitution",
]
nb_execution_mode = "cache"
nb_execution_cache_path = str(BUILD / "cells" / LANG)
nb_execution_raise_on_error = nb_execution_show_tb = True
nb_execution_timeout = 120  # seconds a cell
nb_merge_streams = True  # else what one cell prints may fall into several boxes, even empty ones
nb_code_prompt_show = {"en": "Show the answer", "zh": "显示答案"}[LANG]
nb_code_prompt_hide = {"en": "Hide the answer", "zh": "收起答案"}[LANG]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the types are in the docstrings, in words
napoleon_google_docstring = napoleon_use_param = napoleon_use_rtype = False

# It also counts a space above the project's folder, where one does no harm; the scripts' own
# names are held to letters and underscores by tests/test_examples.py
suppress_warnings = ["sphinx_gallery.space_in_filename"]
sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "examples" / LANG),
    "gallery_dirs": "gallery",
    "subsection_order": [
        f"../../examples/{LANG}/{group}"
        for group in ("channels", "convolution", "activations", "architecture", "gan")
    ],
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("cnnguide",),
    "image_scrapers": ("_ext.motion.scrape",),
    "reset_modules": ("matplotlib", "_ext.gallery.reset_figures"),
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "min_reported_time": float("inf"),  # wall-clock times would make builds differ
    "write_computation_times": False,
    "show_signature": False,
    "remove_config_comments": True,
}

html_theme = "furo"
html_title = project
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
html_use_index = html_domain_indices = False  # Pagefind finds names
html_math_renderer = "mathml"
html_sidebars = {
    "**": [f"sidebar/{part}.html" for part in ("brand", "search", "scroll-start", "navigation")]
    + ["sidebar/scroll-end.html"]
}
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {"color-brand-primary": "#0a6478", "color-brand-content": "#0a6478"},
    "dark_css_variables": {"color-brand-primary": "#62c4dc", "color-brand-content": "#62c4dc"},
}
