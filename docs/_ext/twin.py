"""Tell every page where its twin in the other language is."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

TWINS = {"en": ("zh", "zh-CN", "中文"), "zh_CN": ("en", "en", "English")}


def add_twin(app: Sphinx, page: str, template: str, context: dict[str, Any], _: object) -> None:
    folder, code, name = TWINS[app.config.language]
    up = "../" * (page.count("/") + 1)
    context["twin"] = {"url": f"{up}{folder}/{page}.html", "code": code, "name": name}


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("html-page-context", add_twin)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
