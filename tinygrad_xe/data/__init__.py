"""Real data sets that come with the package, each with a fixed split into training and test rows."""

from .embedded import Dataset, load_breast_cancer, load_digits, load_iris

__all__ = ["Dataset", "load_breast_cancer", "load_digits", "load_iris"]
