"""Two repairs of the theme: no live-code scripts that would come from another host, and a valid colour mode."""

from internals import is_live_code


def repair(app, pagename, templatename, context, doctree):
    """Jupyter Book always loads sphinx-thebe, whose constants then stand twice on a page and raise an error."""
    context["default_mode"] = "auto"
    if "script_files" in context:
        context["script_files"] = [s for s in context["script_files"] if not is_live_code(s)]


def setup(app):
    app.connect("html-page-context", repair, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
