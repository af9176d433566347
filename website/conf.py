"""Sphinx's settings of the course's site; `python -m website` builds it."""

import os

project = "From Strides to Masks"
author = "The authors of From Strides to Masks"
copyright = "the authors of From Strides to Masks; text CC BY 4.0, code MIT"

extensions = ["myst_parser", "website.mathml"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_dmath_double_inline = True
myst_heading_anchors = 4
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
html_math_renderer = "mathml"


html_theme = "sphinx_book_theme"
html_title = project
html_static_path = [os.path.join(os.path.dirname(__file__), "static")]
html_js_files = ["laboratory.js"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
pygments_style = "a11y-high-contrast-light"
html_theme_options = {
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navbar_start": [],
    "navbar_persistent": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
if repository := os.environ.get("GITHUB_REPOSITORY"):
    html_theme_options["repository_url"] = f"https://github.com/{repository}"
    html_theme_options["use_repository_button"] = True
