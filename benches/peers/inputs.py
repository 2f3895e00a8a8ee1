"""The inputs of the workloads, the same numbers as benches/src/input.rs makes."""

import numpy as np


def hashes(seed, n):
    x = np.arange(n, dtype=np.uint32) + np.uint32(seed * 0x9E3779B9 & 0xFFFFFFFF)
    x = (x ^ (x >> 16)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * np.uint32(0x846CA68B)
    return x ^ (x >> 16)


def uniform(seed, shape, scale):
    n = int(np.prod(shape))
    return (scale * (hashes(seed, n) / 2147483648.0 - 1.0)).reshape(shape)


def weights(seed, rows, columns):
    return uniform(seed, (rows, columns), np.sqrt(3.0 / rows))


def labels(seed, n, classes):
    return (hashes(seed, n) % classes).astype(np.int64)


def arguments(name, size):
    """(differentiated, constant) arguments in float64, labels as int64; numbers are Python's."""
    if name == "logistic":
        n, d = size
        return [uniform(1, d, np.sqrt(3.0 / d)), np.array(0.1)], [uniform(2, (n, d), 1.0), labels(3, n, 2) * 1.0]
    if name == "softmax":
        n, d = size
        return [weights(1, d, 10), uniform(2, 10, 0.1)], [uniform(3, (n, d), 1.0), labels(4, n, 10)]
    if name == "mlp":
        (n,) = size
        w = [weights(1, 784, 256), uniform(2, 256, 0.1), weights(3, 256, 128), uniform(4, 128, 0.1), weights(5, 128, 10), uniform(6, 10, 0.1)]
        return w, [uniform(7, (n, 784), 1.0), labels(8, n, 10)]
    if name == "attention":
        t, d = size
        return [weights(s, d, d) for s in (1, 2, 3)], [uniform(4, (t, d), 1.0)]
    if name == "block":
        b, t, d, heads = size
        w = [uniform(1, d, 0.1) + 1, uniform(2, d, 0.1)] + [weights(s, d, d) for s in (3, 4, 5, 6)]
        w += [uniform(7, d, 0.1) + 1, uniform(8, d, 0.1)]
        w += [weights(9, d, 4 * d), uniform(10, 4 * d, 0.1), weights(11, 4 * d, d), uniform(12, d, 0.1)]
        return w, [uniform(13, (b * t, d), 1.0), b, heads]
    if name == "rosenbrock":
        return [uniform(1, size, 1.0)], []
    if name == "gp":
        n, d = size
        return [np.array(1.5), np.array(1.2), np.array(0.1)], [uniform(1, (n, d), 1.0), uniform(2, n, 1.0)]
    raise KeyError(name)
