"""axe-core in a page of a test: the serious and critical faults of access in the elements that are ours."""

from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text("utf-8")

# axe takes for hidden what lies outside an element that cuts its content off, and JupyterLab's whole page does.
UNCUT = "body.jp-ThemedContainer { height: 100vh; } .jp-ThemedContainer { overflow: visible !important; }"


def faults(page: Page, *parts: str, but: str = "", without: str = "", only: str = "") -> list[tuple[str, str]]:
    """The rule and the element of each serious or critical fault in `parts` (CSS selectors), or in the whole page.

    but: what is not looked at in the parts. without: a rule that is not asked. only: the one rule that is.
    """
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(AXE)
        page.add_style_tag(content=UNCUT)
    context = {"include": [[part] for part in parts if page.locator(part).count()]} if parts else None
    result = page.evaluate(
        "([context, options]) => axe.run(context || document, options)",
        [
            {**context, **({"exclude": [[but]]} if but else {})} if context else None,
            {
                "resultTypes": ["violations"],
                "rules": {without: {"enabled": False}} if without else {},
                **({"runOnly": [only]} if only else {}),
            },
        ],
    )
    serious = [fault for fault in result["violations"] if fault["impact"] in ("serious", "critical")]
    return [(fault["id"], node["html"][:200]) for fault in serious for node in fault["nodes"]]
