"""Backpropagation laid open: the chain rule applied by hand, one layer after the other, with every factor kept.

delta_l = (W_(l+1)^T delta_(l+1)) * f'(z_l), dL/dW_l = delta_l a_(l-1)^T, dL/db_l = delta_l summed over the examples
"""

from gradwell.nets.backprop.explain import Explanation, Factor, explain

__all__ = ["Explanation", "Factor", "explain"]
