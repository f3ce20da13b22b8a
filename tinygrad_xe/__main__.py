"""``python -m tinygrad_xe``, the same as the command ``tinygrad-xe``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
