"""The pages for people: one file each, with their own style and script, and nothing from elsewhere."""

from importlib.resources import files

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
        "img-src 'self' data: blob:; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page(name: str) -> str:
    """A page by name: "page" where a model is tried, "docs" where its interface is described."""
    folder = files(__package__) / "templates"
    text = (folder / f"{name}.html").read_text(encoding="utf-8")
    style = (folder / "style.css").read_text(encoding="utf-8")
    script = (folder / f"{name}.js").read_text(encoding="utf-8")
    forms = (folder / "forms.js").read_text(encoding="utf-8")
    return text.replace("/*STYLE*/", style).replace("/*SCRIPT*/", script.replace("/*FORMS*/", forms))
