"""The project as a whole: the version, the way imports run, machine paths, pickle, the files of the wheel."""

import ast
import configparser
import fnmatch
import graphlib
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tinygrad_xe"

# each row imports from its own row and the rows above it
ORDER = [
    {"_version", "errors"},
    {"op", "containers", "batch"},
    {"ops"},
    {"graph"},
    {"dispatch"},
    {"backward"},
    {"tensor"},
    {"watch", "witness", "variables", "bytecode", "pullback", "random"},
    {
        "transforms", "recompute", "losses", "closed_forms", "nn", "optim", "check", "differences", "metrics",
        "data", "custom", "custom_op", "custom_checks",
    },
    {"program"},
    {"study", "viz", "training", "checkpoints", "parallel"},
    {"demo", "demo_pictures", "user_code"},
    {"cli"},
    {"__main__"},
]
RANK = {unit: rank for rank, units in enumerate(ORDER) for unit in units}

Module = tuple[str, ...]

settings = configparser.ConfigParser()
settings.read(ROOT / "setup.cfg", encoding="utf-8")


def modules() -> dict[Module, Path]:
    """Every module of the package but the outermost ``__init__``, by its name below the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).with_suffix("").parts
        if name != ("__init__",):
            found[name[:-1] if name[-1] == "__init__" else name] = path
    return found


MODULES = modules()


def at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk a syntax tree, leaving out what stands under ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            continue
        yield node
        yield from at_run_time(node)


def imported_names(source: str, package: Module) -> Iterator[Module]:
    """The full names that ``source``, a module of ``package``, imports, whether modules or things in them."""
    for node in at_run_time(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            target = start + (tuple(node.module.split(".")) if node.module else ())
            yield from ((*target, alias.name) for alias in node.names)


def imports(name: Module) -> tuple[set[Module], set[str]]:
    """The modules of the package, () for the package itself, and the top-level others that a module imports."""
    path = MODULES[name]
    package = ("tinygrad_xe", *(name if path.name == "__init__.py" else name[:-1]))
    own, others = set(), set()
    for full in imported_names(path.read_text(encoding="utf-8"), package):
        if full[0] != "tinygrad_xe":
            others.add(full[0])
        else:
            below = full[1:]
            while below and below not in MODULES:
                below = below[:-1]
            own.add(below)
    return own - {name}, others


def test_the_reader_of_imports_understands_every_form():
    source = (
        "import numpy as np, tinygrad_xe.op\nfrom .. import errors\nfrom ..op import ufunc\nfrom . import reduce\n"
        "def f():\n    from .shape import reshape\nif TYPE_CHECKING:\n    from ..tensor import Tensor\n"
    )
    assert set(imported_names(source, ("tinygrad_xe", "ops"))) == {
        ("numpy",),
        ("tinygrad_xe", "op"),
        ("tinygrad_xe", "errors"),
        ("tinygrad_xe", "op", "ufunc"),
        ("tinygrad_xe", "ops", "reduce"),
        ("tinygrad_xe", "ops", "shape", "reshape"),
    }


def test_every_module_has_a_place_in_the_order():
    assert MODULES
    homeless = sorted({name[0] for name in MODULES} - set(RANK))
    assert not homeless, f"give {homeless} a row in ORDER"


def test_imports_run_one_way():
    against = [
        f"{'.'.join(name)} imports {'.'.join(target)}"
        for name in MODULES
        for target in sorted(imports(name)[0])
        if target and RANK[target[0]] > RANK[name[0]]
    ]
    assert not against


def test_no_module_imports_itself_by_way_of_others():
    graph = {name: imports(name)[0] - {()} for name in MODULES}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, with the cycle


def test_only_the_command_line_imports_the_public_package():
    importers = {name[0] for name in MODULES if () in imports(name)[0]}
    assert importers <= {"cli", "__main__"}


def test_a_rule_table_imports_op_errors_other_tables_numpy_and_the_standard_library_alone():
    for name in MODULES:
        if name[0] == "ops":
            own, others = imports(name)
            tables = {target for target in own if target[0] == "ops"}
            assert own - tables <= {("op",), ("errors",)}, f"{'.'.join(name)} imports {own}"
            assert others <= {"numpy"} | sys.stdlib_module_names, f"{'.'.join(name)} imports {others}"


def test_the_core_imports_numpy_and_the_standard_library_alone():
    for name in MODULES:
        if RANK.get(name[0], len(ORDER)) <= RANK["tensor"]:
            others = imports(name)[1]
            assert others <= {"numpy"} | sys.stdlib_module_names, f"{'.'.join(name)} imports {others}"


def test_importing_the_package_imports_numpy_and_the_standard_library_alone():
    if not (PACKAGE / "__init__.py").exists():
        pytest.skip("the package has no __init__ yet")
    program = (
        "import sys, numpy; before = set(sys.modules); import tinygrad_xe;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(*sorted(new - set(sys.stdlib_module_names)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(run.stdout.split()) <= {"numpy", "tinygrad_xe"}


def test_nothing_in_the_package_loads_pickles():
    picklers = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        where = path.relative_to(ROOT)
        assert not picklers & {name[0] for name in imported_names(source, ("tinygrad_xe",))}, where
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call):
                allowed = [ast.unparse(word.value) for word in node.keywords if word.arg == "allow_pickle"]
                assert allowed in ([], ["False"]), f"{where}:{node.lineno}"


def text_files() -> Iterator[tuple[Path, str]]:
    """The text files that belong to the project: no caches, builds or virtual environments."""
    made = {"__pycache__", "build", "dist", "htmlcov"}
    folders = [ROOT]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            if path.is_dir():
                hidden = path.name.startswith(".") and path.name not in (".ci", ".github")
                if not (hidden or path.name in made or path.suffix == ".egg-info" or (path / "pyvenv.cfg").exists()):
                    folders.append(path)
            elif not path.name.startswith(".coverage"):
                content = path.read_bytes()
                if b"\0" not in content:
                    yield path, content.decode("utf-8")


MACHINE_PATH = re.compile(r"(?<![\w./)\]}])/(?:work|tmp|root|farm|home|Users)(?![\w-])")


def test_the_search_for_machine_paths_finds_them():
    for found in ("open('{}tmp/x')", "{}work", "see {}root/.venv", "PATH={}home/me/bin"):
        assert MACHINE_PATH.search(found.format("/"))
    for free in ("https://example.org/tmp/x", "a/work", "x/root(y)", "./tmp", "/workers", "/tmpfs"):
        assert not MACHINE_PATH.search(free)


def test_no_text_file_names_a_path_of_some_machine():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path, text in text_files()
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not found


def test_changelog_settings_and_package_agree_on_the_version():
    from tinygrad_xe._version import __version__ as version

    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert settings["metadata"]["version"] == "attr: tinygrad_xe._version.__version__"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)
    assert headings[0] == "Unreleased"
    planned = re.search(r"^To be released as (\S+)\.$", changelog, re.MULTILINE)
    assert version == (planned.group(1) if planned else headings[1])
    try:
        installed = importlib.metadata.version("tinygrad_xe")
    except importlib.metadata.PackageNotFoundError:
        return
    assert installed == version


def test_the_package_data_take_along_every_file_that_is_not_python():
    patterns = {key: value.split() for key, value in settings["options.package_data"].items()}
    for path in PACKAGE.rglob("*"):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            package = ".".join(path.parent.relative_to(ROOT).parts)
            taken = any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns.get(package, []))
            assert taken, f"{path.relative_to(ROOT)} is left out"


def test_every_extra_that_the_readme_names_exists():
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("there is no README yet")
    named = re.findall(r"install (?:-e )?'(?:\.|tinygrad_xe)\[([\w,]+)\]'", readme.read_text(encoding="utf-8"))
    assert named
    assert {extra for names in named for extra in names.split(",")} <= set(settings["options.extras_require"])
