"""What a piece of code stands on: the modules of the package that it imports, and a digest of what they compute.

An import is followed by name. A room's ``__init__`` hands on names from its files; who takes ``rbm.free_energy`` from a
room depends on the file that defines it, not on the whole room. Comments and docstrings compute nothing and are left
out of the digest.
"""

import ast
import hashlib
import re
import sys
from collections import Counter, defaultdict
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

LOOKED_UP = "*"  # in place of a name: the module itself is found by a name that is put together
NAME = re.compile(r"[\w.:-]{3,80}")
SHOWS_SOURCE = re.compile(r"\bgetsource|\bhelp\(|__doc__|\w\?$", re.MULTILINE)  # a cell that prints the package's text


class Need(NamedTuple):
    """A module, and the one name that is taken from it (None: all of it; "": it is imported and not used)."""

    module: str
    name: str | None


class Code:
    """The packages in a folder, as far as what they import and compute."""

    def __init__(self, folder):
        self.folder = Path(folder)
        # Each module is read once, whatever the number of chapters that stand on it.
        self._read, self._computing, self._all_needs = map(cache, (self._read, self._computing, self._all_needs))
        self._behind, self._constants, self._keys = map(cache, (self._behind, self._constants, self._keys))
        self.texts = {name: path.read_text("utf8") for name, path in self.modules.items()}  # all as of one moment

    @cached_property
    def modules(self):
        """The path of each module by its dotted name."""
        found = {}
        for path in sorted(self.folder.rglob("*.py")):
            parts = path.relative_to(self.folder).with_suffix("").parts
            if not any(part in ("__pycache__", "build") or part.endswith(".egg-info") for part in parts):
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return found

    def _read(self, module):
        return ast.parse(self.texts[module])

    def _computing(self, module):
        return computing(ast.parse(self.texts[module]))

    def _constants(self, module):
        return constants(self._read(module))

    def _keys(self, module):
        return keys(self._read(module))

    def needed(self, source):
        """The names of the modules whose code a source, or its tree, runs, directly or through others."""
        tree = source if isinstance(source, ast.AST) else ast.parse(source)
        todo, seen, asked = list(self._needs(tree, "")), set(), constants(tree)
        while todo:
            need = todo.pop()
            if need.name == LOOKED_UP:
                todo += self._looked_up(need.module, asked)
            elif need not in seen and need.module in self.modules:
                seen.add(need)
                todo += self._behind(need)
        return {module for need in seen for module in self._parents(need.module)}

    def digest(self, source):
        """Hash of the computing lines of those modules, and of the data files that they or the source name."""
        tree = ast.parse(source)
        digest, named, shown = hashlib.sha256(sys.version.encode()), constants(tree), SHOWS_SOURCE.search(source)
        for module in sorted(self.needed(tree)):
            digest.update(f"\0{module}\0{self.texts[module] if shown else self._computing(module)}".encode())
            named |= self._constants(module)
        for path in self.data(named):
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()[:16]

    def data(self, named):
        """The files beside the modules (weights) whose name, or its beginning, is a string of the code."""
        exact, begins = {n for n in named if not n.endswith("*")}, tuple(n[:-1] for n in named if n.endswith("*"))
        return [
            path
            for package in sorted({self.folder / name.split(".")[0] for name in self.modules})
            for path in sorted(package.rglob("*"))
            if path.is_file()
            and path.suffix != ".py"
            and "__pycache__" not in path.parts
            and (path.stem in exact or path.stem.startswith(begins))
        ]

    def _behind(self, need):
        """What taking a name from a module needs in turn."""
        tree = self._read(need.module)
        if need.name == "":
            return []
        if need.name is not None and self.modules[need.module].name == "__init__.py":
            if f"{need.module}.{need.name}" in self.modules:
                return [Need(f"{need.module}.{need.name}", None)]
            for node in tree.body:
                targets = getattr(node, "targets", [])
                if need.name in [getattr(t, "id", None) for t in targets] and isinstance(node.value, ast.Constant):
                    return []  # a version, say
                for alias in node.names if isinstance(node, ast.ImportFrom) else []:
                    if (alias.asname or alias.name) == need.name:
                        return [Need(self._absolute(node, need.module), alias.name)]
        return self._all_needs(need.module)

    def _all_needs(self, module):
        return list(self._needs(self._read(module), module))

    def _needs(self, tree, here):
        """What the import statements of a tree ask for."""
        used = uses(tree)
        for node in ast.walk(tree):
            if _called(node) in ("import_module", "__import__"):
                yield from (Need(name, LOOKED_UP) for name in constants(node.args[0]) or {"*"})
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    names = {None} if alias.asname or "." in alias.name else used.get(alias.name, {""})
                    yield from (Need(alias.name, name) for name in names)
            elif isinstance(node, ast.ImportFrom):
                origin = self._absolute(node, here)
                for alias in node.names:
                    module = f"{origin}.{alias.name}"
                    if alias.name == "*":
                        yield Need(origin, None)
                    elif module in self.modules:
                        yield from (Need(module, name) for name in used.get(alias.asname or alias.name, {""}))
                    else:
                        yield Need(origin, alias.name)

    def _looked_up(self, name, asked):
        """The modules behind an import by a name that is put together: those with an entry that the source asks for."""
        return [
            Need(module, None)
            for module in self.modules
            if module == name or (name[-1] == "*" and module.startswith(name[:-1]) and asked & self._keys(module))
        ]

    def _absolute(self, node, here):
        """The dotted name of the module that a from-import names."""
        if not node.level:
            return node.module
        package = here.split(".")
        keep = len(package) - node.level + (self.modules[here].name == "__init__.py")
        return ".".join([*package[:keep], *([node.module] if node.module else [])])

    def _parents(self, module):
        """The module and the rooms around it, whose ``__init__`` is run first."""
        parts = module.split(".")
        return [name for k in range(len(parts)) if (name := ".".join(parts[: k + 1])) in self.modules]


def uses(tree):
    """Which attributes are taken from each name of a tree; None where a name is used in another way, so as a whole."""
    taken, loads = defaultdict(set), Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            taken[node.value.id].add(node.attr)
            loads[node.value.id] -= 1
        elif isinstance(node, ast.Name):
            loads[node.id] += 1
    return {name: {None} if count else taken[name] for name, count in loads.items()}


def computing(tree):
    """A tree as text, without its docstrings; comments and the places of the lines are not in it anyway."""

    class Bare(ast.NodeTransformer):
        def generic_visit(self, node):
            super().generic_visit(node)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
                node.body = node.body[1:]
            return node

    return ast.dump(Bare().visit(tree))


def constants(tree):
    """The strings of a tree that could be names; of one that is put together, its beginning with a star."""
    found, todo = set(), [tree]
    while todo:
        node = todo.pop()
        begins = node.values[0] if isinstance(node, ast.JoinedStr) else node
        if isinstance(begins, ast.Constant) and isinstance(begins.value, str) and NAME.fullmatch(begins.value):
            found.add(begins.value + "*" * (begins is not node))
        todo += [] if begins is not node else ast.iter_child_nodes(node)
    return found


def keys(tree):
    """The keys of the dictionaries that a tree writes out."""
    found = (key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys)
    return {key.value for key in found if isinstance(key, ast.Constant)}


def _called(node):
    """The name of a function where a node calls one."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "id", getattr(function, "attr", None))
