"""Modules whose examples need a package that may be missing are left out where it is."""

import importlib.util

needs = {"tinygrad_xe/program/symbols.py": ("sympy", "mpmath")}
collect_ignore = [path for path, names in needs.items() if not all(map(importlib.util.find_spec, names))]
