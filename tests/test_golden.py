"""The cross-entropies against 407 recorded cases of TensorFlow and a 60-digit reference (`data/golden`)."""

import collections
import importlib.util
import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "data" / "golden"
CASES = FOLDER / "golden_dev.json"

spec = importlib.util.spec_from_file_location("check_golden", FOLDER / "check_golden.py")
assert spec is not None and spec.loader is not None
check_golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_golden)

# the labels of softmax_cross_entropy_with_logits want a gradient in every case, to see that they get none
pytestmark = pytest.mark.filterwarnings("ignore::tinygrad_xe.LabelGradientWarning")


def run(monkeypatch, capsys, *options):
    """Exit status of the checker, and the lines that it prints."""
    monkeypatch.setattr(sys, "path", list(sys.path))  # it adds the current folder
    status = check_golden.main([str(CASES), *map(str, options)])
    return status, capsys.readouterr().out.splitlines()


def test_every_case_is_within_16_units_of_the_reference_second_order_and_infinite_limits_included(monkeypatch, capsys):
    status, lines = run(monkeypatch, capsys, "--impl", "tinygrad_xe", "--strict-limits")
    assert lines[-1].startswith("golden: 407/407 passed"), "\n".join(lines)
    assert status == 0


@pytest.mark.parametrize(
    "function, quantity, largest",
    [
        ("sigmoid_cross_entropy_with_logits", "loss", 1.9),
        ("softmax_cross_entropy_with_logits", "loss", 11),
        ("softmax_cross_entropy_with_logits_v2", "loss", 11),
        ("softmax_cross_entropy_with_logits_v2", "dlabels", 16),
        ("sparse_softmax_cross_entropy_with_logits", "loss", 2.3),
        ("sparse_softmax_cross_entropy_with_logits", "dlogits", 4),
        ("binary_cross_entropy", "loss", 2),
        ("binary_cross_entropy", "dlogits", 2),
        ("cross_entropy", "loss", 2),
    ],
)
def test_the_error_in_units_of_the_result_itself_stays_below_the_best_known(per_case, function, quantity, largest):
    assert 0 < per_case[function, quantity] <= largest


@pytest.fixture(scope="module")
def per_case(tmp_path_factory):
    """The largest strict error of each function and quantity."""
    file = tmp_path_factory.mktemp("golden") / "per_case.json"
    path = list(sys.path)
    assert check_golden.main([str(CASES), "--impl", "tinygrad_xe", "--strict-limits", "--per-case", str(file)]) == 0
    sys.path[:] = path
    names = {case["id"]: case["name"] for case in json.loads(CASES.read_text())["cases"]}
    largest = collections.defaultdict(float)
    for case, quantities in json.loads(file.read_text()).items():
        for quantity, (strict, *_) in quantities.items():
            largest[names[case], quantity] = max(largest[names[case], quantity], strict)
    return largest


def test_the_checker_finds_what_tensorflow_itself_gets_wrong(monkeypatch, capsys):
    status, lines = run(monkeypatch, capsys, "--impl", "stored-tf")
    assert lines[-1].startswith("golden: 273/359 passed")
    assert status == 1
