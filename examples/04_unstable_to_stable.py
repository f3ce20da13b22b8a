"""From the article's formula to one that survives floating point: one loss written four ways.

Label 0; the loss is log(1 + exp(z)) and its derivative sigmoid(z). Output:

    z = 10
      -log(1 - p)              loss 10.000045   slope 0.9999546021
      log(1 + exp(z))          loss 10.000045   slope 0.9999546021
      logaddexp(0, z)          loss 10.000045   slope 0.9999546021
      xe.losses                loss 10.000045   slope 0.9999546021
    z = 1000
      -log(1 - p)              loss inf         slope nan
      log(1 + exp(z))          loss inf         slope nan
      logaddexp(0, z)          loss 1000.000000 slope 1.0000000000
      xe.losses                loss 1000.000000 slope 1.0000000000
    who made the first infinity of the first form?
      forward: log made -inf
"""

import numpy as np

import tinygrad_xe as xe

forms = {
    "-log(1 - p)": lambda z: -np.log(1 - 1 / (1 + np.exp(-z))),
    "log(1 + exp(z))": lambda z: np.log(1 + np.exp(z)),
    "logaddexp(0, z)": lambda z: np.logaddexp(0, z),
    "xe.losses": lambda z: xe.losses.sigmoid_cross_entropy_with_logits(labels=0.0, logits=z),
}

for value in (10.0, 1000.0):
    print(f"z = {value:g}")
    for name, form in forms.items():
        z = xe.tensor(value, requires_grad=True)
        with np.errstate(all="ignore"):  # NumPy would warn of the overflow too
            loss = form(z)
        loss.backward()
        print(f"  {name:<24} loss {f'{loss.item():.6f}':<11} slope {z.grad:.10f}")

print("who made the first infinity of the first form?")
try:
    with np.errstate(all="ignore"), xe.detect_nonfinite():
        forms["-log(1 - p)"](xe.tensor(1000.0, requires_grad=True)).backward()
except xe.NonFiniteError as error:
    print(" ", str(error).splitlines()[0])
