"""The benchmark's engines compute what its plain NumPy reference computes; nothing is timed here but one smoke run."""

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.agreement import agrees, disagreement
from benchmarks.children import CHECKOUT, environment, run
from benchmarks.engines import ENGINES, REFERENCE, Bench, build
from benchmarks.report import report
from benchmarks.workloads import WORKLOADS


@pytest.mark.parametrize("name", WORKLOADS)
@pytest.mark.parametrize("engine", ["tinygrad_xe", "numpy_hand", "torch"])
def test_an_engine_computes_what_plain_numpy_computes(engine, name):
    if not ENGINES[engine].installed:
        pytest.skip(f"{engine} is not installed")
    workload = WORKLOADS[name]()
    bench = build(engine, workload)
    if bench is None:
        pytest.skip(f"{engine} does not have {name}")
    difference = disagreement(bench, workload)
    assert agrees(difference, workload), f"relative difference {difference:.1e}"


@pytest.mark.parametrize("spoil", [lambda g: g * (1 + 1e-6), lambda g: g * np.nan, lambda g: g[:-1]])
def test_an_engine_with_a_wrong_gradient_does_not_agree(spoil):
    workload = WORKLOADS["chain"]()
    right = build(REFERENCE, workload)
    wrong = Bench(right.step, gradients=lambda: [*right.gradients()[:-1], spoil(right.gradients()[-1])])
    assert agrees(disagreement(right, workload), workload)
    assert not agrees(disagreement(wrong, workload), workload)


def test_an_engine_with_a_wrong_update_does_not_agree():
    workload = WORKLOADS["W2"]()
    still = build(REFERENCE, workload)
    first = still.step()
    assert not agrees(disagreement(Bench(lambda: first), workload), workload)


def test_building_and_running_an_engine_leaves_the_workload_as_it_was():
    for name in ("W1", "W4a", "chain"):
        workload, untouched = WORKLOADS[name](), WORKLOADS[name]()
        disagreement(build("tinygrad_xe", workload), workload)
        for array, expected in zip([workload.inputs, *workload.parameters], [untouched.inputs, *untouched.parameters]):
            np.testing.assert_array_equal(array, expected)


def test_a_child_has_fixed_threads_and_no_setting_that_changes_the_blas_kernel(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    monkeypatch.setenv("OPENBLAS_L2_SIZE", "256")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    env = environment(2)
    assert "OPENBLAS_CORETYPE" not in env and "OPENBLAS_L2_SIZE" not in env
    assert env["OMP_NUM_THREADS"] == env["OPENBLAS_NUM_THREADS"] == "2"


def test_a_child_that_fails_or_hangs_is_reported():
    assert run(["-c", "raise ValueError('no luck')"], threads=1) == {"error": "ValueError: no luck"}
    assert run(["-c", "raise SystemExit(3)"], threads=1) == {"error": "exit status 3"}
    assert "not done after" in run(["-c", "import time; time.sleep(60)"], threads=1, timeout=0.2)["error"]


def test_the_report_gives_best_and_median_against_the_limit_and_torch():
    engines = {
        "tinygrad_xe": {"us": [6.0, 8.0, 10.0], "difference": 0.0},
        "numpy_hand": {"us": [2.0] * 3, "difference": 0.0},
        "torch": {"us": [10.0] * 3, "difference": 1e-16},
        "jax": {"error": "ValueError: no"},
        "micrograd": {"absent": True},
    }
    page = report([{"workload": "chain", "blas": [], "engines": engines}], threads=1)
    assert "| **chain** | tinygrad_xe | 6.0 / 8.0 | 3.00 / 4.00 | 0.60 / 0.80 | 0 |" in page
    assert "| **chain** | jax | ValueError: no |" in page
    assert "| **chain** | micrograd" not in page
    assert "chain: 0.60 / 0.80 of torch's time; budget 0.6: missed" in page
    assert "BLAS: not known" in page


def test_the_command_prints_a_table_and_writes_the_samples(tmp_path):
    file = tmp_path / "out.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--impl", "numpy_hand,tinygrad_xe", "--workloads", "W2", "--rounds", "2",
         "--json", str(file)], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert "| **W2** | numpy_hand |" in done.stdout and "| **W2** | tinygrad_xe |" in done.stdout
    [result] = json.loads(file.read_text())
    assert [len(said["us"]) for said in result["engines"].values()] == [2, 2]
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("arguments", [["--workloads", "W99"], ["--impl", "theano"], ["--rounds", "0"], ["nonsense"],
                                       ["--json", "no/such/directory/out.json"]])
def test_bad_arguments_exit_with_code_2(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err
