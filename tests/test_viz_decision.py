"""The plot of a decision: the field, its lines, the points, and what is refused."""

import numpy as np
import pytest
from plot_reader import CORNERS, INF, NAN, closed, colors, drawn, entries, right_half, same  # noqa: F401

import tinygrad_xe as xe
from tinygrad_xe.viz.palette import LIGHT


def test_a_decision_is_a_field_lines_and_points():
    ax = drawn(xe.viz.plot_decision(right_half, CORNERS, [0, 0, 1, 1], resolution=50, classes=["left", "right"]))
    field = ax.images[0].get_array()
    assert field.shape == (50, 50)
    assert (field[:, 0] < 0.01).all() and (field[:, -1] > 0.99).all()
    half, outer = (c for c in ax.collections if hasattr(c, "levels"))
    assert list(half.levels) == [0.5] and list(outer.levels) == [0.1, 0.9]
    np.testing.assert_allclose(half.get_paths()[0].vertices[:, 0], 0.5, atol=1e-3)
    left, right = (c for c in ax.collections if not hasattr(c, "levels"))
    np.testing.assert_array_equal(left.get_offsets(), CORNERS[:2])
    np.testing.assert_array_equal(right.get_offsets(), CORNERS[2:])
    assert entries(ax) == ["left", "right", "probability 0.5", "0.1 and 0.9"]


def test_the_classifier_gets_points_in_the_plane_in_parts():
    seen = []

    def predict(x):
        seen.append(x.shape)
        return np.full((len(x), 1), 0.25)

    ax = drawn(xe.viz.plot_decision(predict, CORNERS, [0, 0, 1, 1]))
    assert sum(rows for rows, _ in seen) == 200 * 200 and {columns for _, columns in seen} == {2}
    assert max(rows for rows, _ in seen) <= 8192
    assert entries(ax) == ["class 0", "class 1"]  # nowhere 0.5


def test_a_model_is_asked_in_evaluation_mode_without_a_graph_and_stays_as_it_was():
    recorded = []
    model = xe.nn.Sequential(
        xe.nn.Linear(2, 8, rng=0), xe.nn.BatchNorm1d(8), xe.nn.Dropout(0.5, rng=0), xe.nn.Linear(8, 3, rng=1)
    )
    model[1].eval()
    model.register_forward_hook(lambda module, args, out: recorded.append((module.training, out.requires_grad)))
    before = model.state_dict()
    first = drawn(xe.viz.plot_decision(model, CORNERS, [0, 0, 1, 1])).images[0].get_array()
    second = drawn(xe.viz.plot_decision(model, CORNERS, [0, 0, 1, 1])).images[0].get_array()
    np.testing.assert_array_equal(first, second)
    assert set(recorded) == {(False, False)}
    assert [part.training for part in model.modules()] == [True, True, False, True, True]
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    model.register_forward_hook(lambda module, args, out: out[:, 0])
    with pytest.raises(xe.ArgumentError, match="expected probabilities"):
        xe.viz.plot_decision(model, 100 * CORNERS, [0, 0, 1, 1])
    assert model.training and not model[1].training


def test_a_function_is_asked_without_a_graph_too():
    recorded, layer = [], xe.nn.Linear(2, 3, rng=0)

    def predict(x):
        recorded.append(layer(x).requires_grad)
        return layer(x)

    drawn(xe.viz.plot_decision(predict, CORNERS, [0, 0, 1, 1]))
    assert recorded and not any(recorded)


def test_of_several_classes_the_largest_score_wins():
    ax = drawn(xe.viz.plot_decision(lambda x: xe.tensor(x @ [[-1, 0, 1], [0, 0.5, 0]]), CORNERS, [0, 1, 2, 2]))
    field = ax.images[0].get_array()
    assert set(np.unique(field)) == {0, 1, 2}
    assert entries(ax) == ["class 0", "class 1", "class 2", "decision"]


def test_ten_classes_are_told_apart():
    X = np.random.default_rng(0).standard_normal((30, 2))
    W = np.random.default_rng(1).standard_normal((2, 10))
    ax = drawn(xe.viz.plot_decision(lambda x: x @ W, X, (X @ W).argmax(axis=1), resolution=30))
    points = [c for c in ax.collections if not hasattr(c, "levels")]
    looks = {(colors.to_hex(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes()) for c in points}
    assert len(looks) == len(points) == 10


def test_nan_of_the_classifier_is_shown_as_such():
    ax = drawn(xe.viz.plot_decision(lambda x: np.where(x[:, 0] > 0.5, NAN, 0.2), CORNERS, [0, 0, 1, 1]))
    assert ax.images[0].get_array().mask.mean() == pytest.approx(0.5, abs=0.02)
    assert entries(ax)[-1] == "not a number"
    assert same(ax.images[0].get_cmap().get_bad(), LIGHT.grad)
    drawn(xe.viz.plot_decision(lambda x: np.full(len(x), NAN), CORNERS, [0, 0, 1, 1]))
    drawn(xe.viz.plot_decision(lambda x: np.full((len(x), 3), NAN), CORNERS, [0, 0, 1, 1]))
    drawn(xe.viz.plot_decision(lambda x: np.where(x[:, :1] > [0.5, 0.6, 0.7], INF, -INF), CORNERS, [0, 0, 1, 1]))


def test_points_that_are_not_finite_are_counted():
    X = np.vstack([CORNERS, [[NAN, 0], [INF, 0]]])
    ax = drawn(xe.viz.plot_decision(right_half, X, [0, 0, 1, 1, 1, 1]))
    assert entries(ax)[:2] == ["class 0", "class 1 (2 not finite)"]


def test_points_on_a_line_have_room():
    drawn(xe.viz.plot_decision(right_half, np.array([[0.5, 2.0], [0.5, 2.0]]), [0, 1]))


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((right_half, np.ones((4, 3)), [0, 0, 1, 1]), xe.ShapeError, r"X has shape \(4, 3\)"),
        ((right_half, CORNERS, [0, 1]), xe.ShapeError, r"y has shape \(2,\)"),
        ((right_half, CORNERS, [-1, -1, 1, 1]), xe.ArgumentError, "y has -1 at 0; expected class numbers"),
        ((right_half, CORNERS, [0, 0, 1, 2]), xe.ArgumentError, "y has class 2, but predict knows 2 classes"),
        ((right_half, CORNERS, np.eye(4)), xe.ShapeError, r"Write y.argmax\(axis=1\)"),
        ((right_half, CORNERS, ["a"] * 4), xe.DTypeError, "y has dtype <U1"),
        ((lambda x: 9 * x[:, 0], CORNERS, [0, 0, 1, 1]), xe.ArgumentError, r"Write lambda x: xe.sigmoid\(logits"),
        ((lambda x: 1.0, CORNERS, [0, 0, 1, 1]), xe.ShapeError, r"predict returned shape \(\)"),
        ((right_half, np.full((4, 2), NAN), [0, 0, 1, 1]), xe.ArgumentError, "no row of X is finite"),
    ],
)
def test_a_decision_that_cannot_be_drawn_says_why(arguments, error, said):
    with pytest.raises(error, match=said):
        xe.viz.plot_decision(*arguments)
    with pytest.raises(xe.ArgumentError, match="resolution is 1"):
        xe.viz.plot_decision(right_half, CORNERS, [0, 0, 1, 1], resolution=1)
