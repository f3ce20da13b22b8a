"""Modules whose examples need a package that may be missing are left out where it is."""

import importlib.util

PLOTS = ("plots", "decision", "histograms", "confusion")

needs = {"tinygrad_xe/program/symbols.py": ("sympy", "mpmath")}
needs |= {f"tinygrad_xe/viz/{name}.py": ("matplotlib",) for name in PLOTS}
collect_ignore = [path for path, names in needs.items() if not all(map(importlib.util.find_spec, names))]
