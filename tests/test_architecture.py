"""The house rules of the package, read from its source: what each storey may import, and how big a thing may grow.

Each rule is a function from modules to faults, and each is shown a planted fault it must find."""

import ast
import graphlib
import re
import statistics
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "ebbtide"

WINGS = {"triggers", "brokers", "results", "runners", "deploy"}
DOORS = {"cli", "console", "contrib", "connect", "web", "on_lambda", "__main__"}

# The standard library's ways to the world outside, and those that cost too much to import.
OUTSIDE = {
    *("asyncio", "concurrent", "ctypes", "fcntl", "ftplib", "glob", "http", "importlib", "io", "logging", "mmap"),
    *("multiprocessing", "os", "select", "selectors", "shelve", "shutil", "signal", "smtplib", "socket", "sqlite3"),
    *("ssl", "subprocess", "tempfile", "threading", "urllib", "webbrowser"),
}
# A lock is memory and opens nothing; a thread is a runner's business. Time zones are files, which zoneinfo opens:
# to look first whether one is there touches no more.
HARMLESS = {"threading.Lock", "threading.RLock", "os.path.isdir", "os.path.isfile"}
OPENING_CALLS = {"open", "print", "input", "breakpoint"}
OPENING_METHODS = {
    *("cwd", "exists", "expanduser", "home", "is_dir", "is_file", "iterdir", "mkdir", "open", "read_bytes"),
    *("read_text", "rmdir", "touch", "unlink", "write_bytes", "write_text"),
}

# X2 of the bar: at most three places may do what the rule forbids, each as "path: what", each with its reason.
ALLOWED_DANGERS: dict[str, str] = {
    "connect/brokers.py: import_module": "the names stand in its table of adapters, none comes from a URL",
    "connect/target.py: import_module": "a TARGET names the user's own module, to be run",
}

MOST_LINES_IN_A_FILE = 400
MOST_LINES_IN_A_FUNCTION = 60
MEDIAN_LINES_IN_A_FILE = 100


@dataclass(frozen=True)
class Module:
    """One source file: its path below the package ("brokers/sqlite.py"), its text, and the tree of it."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def is_package(self) -> bool:
        return self.path.endswith("__init__.py")

    @property
    def name(self) -> str:
        """Dotted name: "ebbtide.brokers.sqlite"; a package's own for its __init__.py."""
        parts = ["ebbtide", *self.path.removesuffix(".py").split("/")]
        return ".".join(parts[:-1] if self.is_package else parts)

    @property
    def storey(self) -> str:
        """The wing it stands in, or "door", "core", or "top" for the package's own __init__.py."""
        if self.path == "__init__.py":
            return "top"
        return storey_of(self.name)


class Import(NamedTuple):
    line: int
    target: str


def storey_of(name: str) -> str:
    part = name.split(".")[1]
    if part in WINGS:
        return part
    return "door" if part in DOORS else "core"


@cache
def read_package(root: Path) -> list[Module]:
    return [
        Module(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob("*.py"))
    ]


def imports(module: Module) -> Iterator[Import]:
    """Every import, wherever it stands, by the dotted name imported; relative ones made absolute."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.name.split(".")
            above = above[: len(above) - node.level + module.is_package] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (Import(node.lineno, f"{base}.{alias.name}") for alias in node.names)


def internal_imports(module: Module) -> Iterator[Import]:
    return (found for found in imports(module) if found.target.split(".")[0] == "ebbtide" and "." in found.target)


def calls(module: Module) -> Iterator[tuple[ast.Call, str]]:
    """Every call with the name called, as written: "open", "yaml.load"; of a call's result only ".read_text"."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield node, written(node.func)


def written(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return f"{written(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def functions(module: Module) -> Iterator[tuple[str, int, int]]:
    """Name, first line and length in lines of every function and method."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


# ── the rules ────────────────────────────────────────────────────────────────────────────────────────────────────


def core_that_touches_the_world(modules: list[Module]) -> list[str]:
    faults = []
    for module in (module for module in modules if module.storey == "core"):
        for line, target in imports(module):
            root = target.split(".")[0]
            if target in HARMLESS:
                continue
            if root in OUTSIDE or root not in {*sys.stdlib_module_names, "ebbtide"}:
                faults.append(f"{module.path}:{line}: imports {root}")
        for node, name in calls(module):
            if name in OPENING_CALLS or ("." in name and name.split(".")[-1] in OPENING_METHODS):
                faults.append(f"{module.path}:{node.lineno}: calls {name}()")
    return faults


def imports_that_point_upward_or_sideways(modules: list[Module]) -> list[str]:
    faults = []
    for module in modules:
        allowed = {"core": {"core"}, "top": {"core", "door", *WINGS}, "door": {"core", "door", *WINGS}}
        for line, target in internal_imports(module):
            if storey_of(target) not in allowed.get(module.storey, {"core", module.storey}):
                faults.append(f"{module.path}:{line}: a {module.storey} module imports {target}")
    return faults


def imports_not_at_the_top(modules: list[Module]) -> list[str]:
    faults = []
    for module in modules:
        for outer in ast.walk(module.tree):
            if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                for node in ast.walk(outer):
                    if isinstance(node, ast.Import | ast.ImportFrom):
                        faults.append(f"{module.path}:{node.lineno}: imports inside {outer.name}")
    return faults


def imports_for_the_type_checker_only(modules: list[Module]) -> list[str]:
    return [
        f"{module.path}:{node.lineno}: TYPE_CHECKING"
        for module in modules
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.alias | ast.Attribute | ast.Name)) and "TYPE_CHECKING" in _names(node)
    ]


def _names(node: ast.alias | ast.Attribute | ast.Name) -> set[str]:
    if isinstance(node, ast.alias):
        return {node.name}
    return {node.attr if isinstance(node, ast.Attribute) else node.id}


def imports_of_the_bare_package(modules: list[Module]) -> list[str]:
    """`import ebbtide` or `from ebbtide import App`: each loads all to get a part, and ends in a cycle."""
    known = {module.name for module in modules} - {"ebbtide"}
    return [
        f"{module.path}:{line}: imports {target} from the bare package"
        for module in modules
        for line, target in imports(module)
        if target == "ebbtide" or (target.startswith("ebbtide.") and target.count(".") == 1 and target not in known)
    ]


def import_cycles(modules: list[Module]) -> list[str]:
    """The first cycle found, as one fault. What a typed name costs counts: an import is an import."""
    known = {module.name for module in modules}
    edges: dict[str, set[str]] = {}
    for module in modules:
        # `from ebbtide.retry import X` means the module; `from ebbtide.brokers import sqlite` means the submodule.
        targets = {t if t in known else t.rpartition(".")[0] for _, t in internal_imports(module)}
        edges[module.name] = {target for target in targets & known if target != module.name}
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        return [" → ".join(reversed(error.args[1]))]
    return []


def modules_that_tell_no_story(modules: list[Module]) -> list[str]:
    return [f"{module.path}: no docstring" for module in modules if not ast.get_docstring(module.tree)]


def files_too_long(modules: list[Module]) -> list[str]:
    lengths = {module.path: len(module.text.splitlines()) for module in modules}
    return [f"{path}: {lines} lines" for path, lines in lengths.items() if lines > MOST_LINES_IN_A_FILE]


def functions_too_long(modules: list[Module]) -> list[str]:
    return [
        f"{module.path}:{line}: {name} has {length} lines"
        for module in modules
        for name, line, length in functions(module)
        if length > MOST_LINES_IN_A_FUNCTION
    ]


def median_too_high(modules: list[Module]) -> list[str]:
    """Package markers that only hold a docstring are left out: they would flatter the figure."""
    lengths = sorted(len(module.text.splitlines()) for module in modules if len(module.tree.body) > 1)
    median = statistics.median(lengths) if lengths else 0
    return [f"median {median} lines over {len(lengths)} files"] if median > MEDIAN_LINES_IN_A_FILE else []


def dangers(modules: list[Module]) -> list[str]:
    """X2 of the bar: what runs or unpacks what a stranger may have written."""
    faults = []
    for module in modules:
        for _, target in imports(module):
            if target.split(".")[0] in {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle"}:
                faults.append(f"{module.path}: {target.split('.')[0]}")
        for node, name in calls(module):
            last = name.rpartition(".")[2]
            constant = bool(node.args) and isinstance(node.args[0], ast.Constant)
            if name in {"eval", "exec", "__import__", "builtins.eval", "builtins.exec"}:
                faults.append(f"{module.path}: {last}")
            elif name in {"yaml.load", "yaml.unsafe_load", "yaml.full_load"}:
                faults.append(f"{module.path}: {name}")
            elif last == "import_module" and not constant:
                faults.append(f"{module.path}: import_module")
            elif last in {"extractall", "unpack_archive"}:
                faults.append(f"{module.path}: {last}")
            elif any(word.arg == "shell" and not _is_false(word.value) for word in node.keywords):
                faults.append(f"{module.path}: shell=True")
    return sorted(set(faults) - set(ALLOWED_DANGERS))


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def unexplained_silences(modules: list[Module]) -> list[str]:
    """X1 of the bar: `# noqa: S603 the reason`. A security rule is silenced by code, and the line says why."""
    faults = []
    for module in modules:
        for number, line in enumerate(module.text.splitlines(), 1):
            silence = re.search(r"#\s*(noqa|nosec)\b:?\s*((?:[A-Z]+\d+[,\s]*)*)(.*)", line)
            if silence and (not silence[2] or ("S" in silence[2] and len(silence[3].split()) < 2)):
                faults.append(f"{module.path}:{number}: {silence[0]}")
    return faults


def modules_the_contract_forgot(modules: list[Module]) -> list[str]:
    """import-linter says nothing of a module its layers do not name, so they must name every core file."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = " ".join(config["tool"]["importlinter"]["contracts"][0]["layers"])
    named = set(re.findall(r"ebbtide\.\w+", layers))
    return [
        f"{module.path}: not in pyproject's layers"
        for module in modules
        if module.path != "__init__.py" and module.name not in named and module.name.count(".") == 1
        if module.name != "ebbtide.__main__"
    ]


Rule = Callable[[list[Module]], list[str]]
PLANTED: dict[Rule, list[tuple[str, str]]] = {
    core_that_touches_the_world: [
        ("task.py", "import os"),
        ("task.py", "from os import environ"),
        ("task.py", "import urllib.request"),
        ("task.py", "def f():\n    import sqlite3"),
        ("task.py", "import boto3"),
        ("task.py", "from threading import RLock, Thread"),
        ("task.py", "open('x')"),
        ("task.py", "from pathlib import Path\nPath('x').read_text()"),
    ],
    imports_that_point_upward_or_sideways: [
        ("task.py", "from ebbtide.brokers.sqlite import SqliteBroker"),
        ("task.py", "import ebbtide.cli"),
        ("task.py", "from .runners import worker"),
        ("brokers/sqs.py", "from ebbtide.results import dynamodb"),
        ("brokers/sqs.py", "from ..results.dynamodb import Table"),
        ("brokers/sqs.py", "from ebbtide.connect import connect"),
    ],
    imports_not_at_the_top: [
        ("cli/run.py", "def f():\n    if True:\n        import os"),
        ("cli/run.py", "class A:\n    from os import path"),
        ("cli/run.py", "async def f():\n    from ebbtide.errors import E"),
    ],
    imports_for_the_type_checker_only: [
        ("task.py", "from typing import TYPE_CHECKING"),
        ("task.py", "import typing\nif typing.TYPE_CHECKING:\n    import os"),
    ],
    imports_of_the_bare_package: [
        ("cli/run.py", "import ebbtide"),
        ("cli/run.py", "from ebbtide import App"),
        ("cli/run.py", "from .. import App"),
    ],
    modules_that_tell_no_story: [("task.py", "x = 1"), ("brokers/__init__.py", "")],
    files_too_long: [("task.py", "x = 1\n" * 401)],
    median_too_high: [("task.py", "x = 1\n" * 101)],
    functions_too_long: [("task.py", "class A:\n  def f(self):\n" + "    x = 1\n" * 60)],
    dangers: [
        ("cli/run.py", "import pickle"),
        ("cli/run.py", "from marshal import loads"),
        ("cli/run.py", "import shelve"),
        ("cli/run.py", "eval('1')"),
        ("cli/run.py", "exec(text)"),
        ("cli/run.py", "import yaml\nyaml.load(x)"),
        ("cli/run.py", "run('ls', shell=True)"),
        ("cli/run.py", "run('ls', shell=flag)"),
        ("cli/run.py", "from importlib import import_module\nimport_module(name)"),
        ("cli/run.py", "import importlib\nimportlib.import_module(name)"),
        ("cli/run.py", "tarfile.open(x).extractall()"),
    ],
    unexplained_silences: [
        ("cli/run.py", "f()  # noqa"),
        ("cli/run.py", "f()  # noqa: S603"),
        ("cli/run.py", "f()  # nosec"),
    ],
    modules_the_contract_forgot: [("surprise.py", "x = 1")],
}
RULES = [*PLANTED, import_cycles]
PLANTED_CASES = [
    pytest.param(rule, *case, id=f"{rule.__name__}-{number}")
    for rule, cases in PLANTED.items()
    for number, case in enumerate(cases)
]

SOUND = [
    Module("__init__.py", '"""Top."""\n\nfrom ebbtide.task import Task\nfrom ebbtide.triggers.http import Http\n'),
    Module("errors.py", '"""E."""\n\n\nclass Bad(Exception):\n    pass\n'),
    Module(
        "task.py",
        '"""T."""\n\nfrom pathlib import Path\nfrom threading import Lock\n\nfrom ebbtide.errors import Bad\n',
    ),
    Module("brokers/__init__.py", '"""B."""\n\nfrom ebbtide.brokers.sqlite import Sqlite\n'),
    Module("brokers/sqlite.py", '"""S."""\n\nimport sqlite3\n\nimport ebbtide.task\n\nrun(["ls"], shell=False)\n'),
    Module(
        "cli/run.py",
        '"""R."""\n\nimport os\n\nimport ebbtide.brokers\n\nf()  # noqa: S603 a constant command\n',
    ),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps(rule: Rule) -> None:
    modules = read_package(SOURCE)
    assert modules, f"no source found below {SOURCE}"
    assert rule(modules) == []


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED_CASES)
def test_a_planted_fault_is_found_by(rule: Rule, path: str, text: str) -> None:
    assert len(rule([Module(path, text)])) >= 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_sound_package_is_left_in_peace_by(rule: Rule) -> None:
    assert rule(SOUND) == []


def test_a_planted_cycle_is_found_with_its_path() -> None:
    first = Module("task.py", "from ebbtide.retry import RetryPolicy")
    second = Module("retry.py", "from ebbtide.brokers import sqlite")
    third = Module("brokers/sqlite.py", "import ebbtide.task")
    (fault,) = import_cycles([first, second, third])
    assert set(fault.split(" → ")) == {"ebbtide.task", "ebbtide.retry", "ebbtide.brokers.sqlite"}
    assert import_cycles([first, second]) == []


def test_at_most_three_places_may_do_what_is_dangerous_and_each_says_why() -> None:
    assert len(ALLOWED_DANGERS) <= 3
    assert all(len(reason.split()) >= 3 for reason in ALLOWED_DANGERS.values())
