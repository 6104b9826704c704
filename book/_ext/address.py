"""The address of the repository: it stands in `_config.yml`, and everything else is derived from it here."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def repository():
    """(url, branch) of the repository, from `_config.yml`."""
    found = yaml.safe_load((ROOT / "book" / "_config.yml").read_text("utf8"))["repository"]
    return plain(found["url"]), found["branch"]


def plain(url):
    """An address without what git and browsers add to it."""
    return url.rstrip("/").removesuffix(".git")


def owner_and_name(url):
    """The last two parts of a GitHub address. Raises ValueError on another one."""
    found = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+)", url)
    if not found:
        raise ValueError(f"repository.url in book/_config.yml is {url!r}, takes https://github.com/OWNER/NAME")
    return found[1], found[2]


def published(url):
    """Where GitHub Pages shows the book of this repository."""
    owner, name = owner_and_name(url)
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def set_base(app, config):
    url, _ = repository()
    config.html_baseurl = published(url)
    config.html_theme_options["repository_url"] = url  # the theme's buttons take it as it is


def setup(app):
    app.connect("config-inited", set_base)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
