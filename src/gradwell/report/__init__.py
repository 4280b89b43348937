"""How findings are shown: one function each from findings to output."""
