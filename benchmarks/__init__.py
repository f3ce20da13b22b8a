"""Times a training step of tinygrad_xe beside hand-written NumPy and whichever other engines are installed."""
