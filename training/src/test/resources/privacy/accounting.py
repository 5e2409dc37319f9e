"""Writes accounting.json beside it: Renyi DP and (epsilon, delta) of the Poisson-subsampled Gaussian mechanism.

Independent of the accountant: no binomial series, but the integral that defines the divergence,

    A(alpha) = E_{x ~ N(0, sigma^2)} [ ((1 - q) + q N(x; 1, sigma^2) / N(x; 0, sigma^2)) ^ alpha ],

by the trapezoidal rule (exponentially precise for such integrands), summed in log space. epsilon is the minimum over
the orders. Of the Gaussian mechanism itself (q = 1) also the exact epsilon (Balle and Wang, 2018, theorem 8), which
RDP can only overestimate.

Run: python3 accounting.py (needs numpy and scipy)
"""

import json
import pathlib

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_ndtr, logsumexp


def rdp(q, sigma, alpha):
    if q == 1:
        return alpha / (2 * sigma**2)
    # Its mass lies from x = 0 (the record is not drawn) to x = alpha.
    # Whole multiples of the width: a rounded width would be 1e-13 off.
    width = sigma / 40
    x = width * np.arange(-1600, 1601 + np.ceil(alpha / width))
    density = -(x**2) / (2 * sigma**2) - np.log(sigma * np.sqrt(2 * np.pi))
    ratio = np.logaddexp(np.log1p(-q), np.log(q) + (2 * x - 1) / (2 * sigma**2))
    return (logsumexp(density + alpha * ratio) + np.log(width)) / (alpha - 1)


def epsilon(q, sigma, steps, delta):
    orders = [1 + i / 10 for i in range(1, 100)] + list(range(11, 65)) + [80, 96, 128, 192, 256, 512, 1024]
    return min(
        steps * rdp(q, sigma, alpha) + np.log(1 - 1 / alpha) - np.log(alpha * delta) / (alpha - 1) for alpha in orders
    )


def gaussian(sigma, delta):
    def excess(e):
        return np.exp(log_ndtr(1 / (2 * sigma) - e * sigma)) - np.exp(e + log_ndtr(-1 / (2 * sigma) - e * sigma)) - delta

    return brentq(excess, 0, 100, xtol=1e-13)


def main():
    divergences = [
        {"rate": q, "noise": sigma, "order": alpha, "rdp": float(rdp(q, sigma, alpha))}
        for q, sigma in [(256 / 60000, 1.1), (0.01, 4), (0.1, 0.7), (0.5, 2), (0.9, 1), (0.001, 0.4)]
        for alpha in [1.1, 1.5, 2, 2.7, 5, 8.3, 16, 32]
    ]
    trainings = [
        # The tutorial of TensorFlow Privacy on MNIST: 256 of 60000 a step.
        {"rate": 256 / 60000, "noise": noise, "steps": epochs * 60000 // 256, "delta": 1e-5}
        for noise, epochs in [(1.3, 15), (1.1, 60), (0.7, 45)]
    ] + [
        {"rate": 0.01, "noise": 4.0, "steps": 1000, "delta": 4.243484012034273e-6},
        {"rate": 0.08, "noise": 1.0, "steps": 150, "delta": 1e-5},
        {"rate": 1.0, "noise": 5.0, "steps": 1, "delta": 1e-5},
    ]
    for training in trainings:
        training["epsilon"] = float(epsilon(training["rate"], training["noise"], training["steps"], training["delta"]))
    gaussians = [
        {"noise": noise, "delta": delta, "epsilon": float(gaussian(noise, delta))}
        for noise in [0.5, 1.0, 2.0, 5.0, 20.0]
        for delta in [1e-5, 1e-8]
    ]
    target = pathlib.Path(__file__).with_suffix(".json")
    target.write_text(
        json.dumps({"divergences": divergences, "trainings": trainings, "gaussians": gaussians}, indent=1) + "\n"
    )


main()
