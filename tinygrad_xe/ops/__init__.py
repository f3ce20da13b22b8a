"""Rule tables: every operation that can be differentiated, one family a file."""
