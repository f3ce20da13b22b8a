"""The error and warning types; each error is also the built-in that a caller would expect to catch."""


class XeError(Exception):
    """Base of every error that this library raises on purpose."""


class ShapeError(XeError, ValueError):
    """Arrays whose shapes, axes or sizes do not go together."""


class BoundsError(ShapeError, IndexError):
    """An index or an axis that an array does not have."""


class ArgumentError(XeError, ValueError):
    """A value that an argument can't have: an unknown word, a number out of range."""


class DTypeError(XeError, TypeError):
    """A value of a type or dtype that can't be used here."""


class GraphError(XeError, RuntimeError):
    """A request that the recorded graph can't serve: used up, changed underneath, or never recorded."""


class TraceError(XeError, TypeError):
    """Code that a program can't hold: a Python decision on a traced value, or a call that isn't known."""


class GradientLostError(DTypeError):
    """A conversion to a plain number or array that would silently cut a gradient off."""


class DeclarationError(XeError, TypeError):
    """An operation declared with a signature or a gradient rule that does not fit together."""


class FileError(XeError, ValueError):
    """A file that can't be read: cut off, changed, of another kind, or of a later version."""


class NonFiniteError(XeError, ArithmeticError):
    """A NaN or an infinity, found under ``detect_nonfinite()`` or by ``fit``, which adds what there was until then."""

    history: object = None
    step: int | None = None
    epoch: int | None = None


class GradientMismatchError(XeError, AssertionError):
    """A gradient that differs from the differences of the function; `report` has the numbers."""

    report: object = None


class XeWarning(UserWarning):
    """Base of every warning that this library gives."""


class LabelGradientWarning(XeWarning):
    """Labels that want a gradient were given to a loss that treats them as constants."""


class EmptyMeanWarning(XeWarning):
    """A weighted mean whose weights are all zero: the result is 0, with gradient 0."""


class MixedDtypeWarning(XeWarning):
    """A layer of float32 weights that was given float64 numbers: all that follows is computed in float64."""


class OptimizerWarning(XeWarning):
    """A step that was most likely not meant: with gradients never zeroed or used before, or without any."""
