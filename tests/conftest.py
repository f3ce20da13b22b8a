"""Fixtures that several test files share: PyTorch as an oracle."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def torch() -> Any:
    """PyTorch on one thread; the test is skipped where it is not installed."""
    module = pytest.importorskip("torch", reason="PyTorch, the oracle, is not installed: pip install '.[reference]'")
    module.set_num_threads(1)
    return module
