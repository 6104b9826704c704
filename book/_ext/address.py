"""The address of the repository: it stands in `_config.yml`, and everything else is derived from it here."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def repository():
    """(url, branch) of the repository, from `_config.yml`."""
    found = yaml.safe_load((ROOT / "book" / "_config.yml").read_text("utf8"))["repository"]
    return found["url"].rstrip("/"), found["branch"]


def owner_and_name(url):
    """The last two parts of a GitHub address. Raises ValueError on another one."""
    found = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+)", url)
    if not found:
        raise ValueError(f"repository.url in book/_config.yml is {url!r}, takes https://github.com/OWNER/NAME")
    return found[1], found[2]


def published(url):
    """Where GitHub Pages shows the book of this repository."""
    owner, name = owner_and_name(url)
    return f"https://{owner.lower()}.github.io/{name}/"


def set_base(app, config):
    config.html_baseurl = published(repository()[0])


def setup(app):
    app.connect("config-inited", set_base)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
