"""The gradients by hand in NumPy (and LAPACK through SciPy), as a careful programmer writes them."""

import numpy as np
from scipy.linalg import lapack


def logistic(w, b, x, y):
    n = len(y)
    z = x @ w + b
    e = np.exp(-np.abs(z))
    value = np.mean(np.maximum(z, 0) - y * z + np.log1p(e)) + 0.01 * (w @ w)
    g = (np.where(z >= 0, 1, e) / (1 + e) - y) / n
    return value, [x.T @ g + 0.02 * w, g.sum()]


def _cross_entropy(z, labels):
    rows = np.arange(len(z))
    z = z - z.max(axis=1, keepdims=True)
    e = np.exp(z)
    s = e.sum(axis=1, keepdims=True)
    value = np.mean(np.log(s[:, 0]) - z[rows, labels])
    e /= s
    e[rows, labels] -= 1
    e /= len(z)
    return value, e


def softmax(w, b, x, labels):
    value, g = _cross_entropy(x @ w + b, labels)
    return value, [x.T @ g, g.sum(axis=0)]


def mlp(w1, b1, w2, b2, w3, b3, x, labels):
    h1 = x @ w1
    h1 += b1
    np.maximum(h1, 0, out=h1)
    h2 = h1 @ w2
    h2 += b2
    np.maximum(h2, 0, out=h2)
    value, g3 = _cross_entropy(h2 @ w3 + b3, labels)
    g2 = g3 @ w3.T
    g2 *= h2 > 0
    g1 = g2 @ w2.T
    g1 *= h1 > 0
    return value, [x.T @ g1, g1.sum(axis=0), h1.T @ g2, g2.sum(axis=0), h2.T @ g3, g3.sum(axis=0)]


def _softmax_rows(a):
    a -= a.max(axis=-1, keepdims=True)
    np.exp(a, out=a)
    a /= a.sum(axis=-1, keepdims=True)
    return a


def _softmax_rows_grad(a, g):
    g -= np.sum(a * g, axis=-1, keepdims=True)
    g *= a
    return g


def attention(w_q, w_k, w_v, x):
    scale = x.dtype.type(1 / np.sqrt(x.shape[1]))
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    q *= scale
    a = _softmax_rows(q @ k.T)
    out = a @ v
    value = 0.5 * np.mean(out * out)
    out /= out.size
    s = _softmax_rows_grad(a, out @ v.T)
    return value, [x.T @ (s @ k) * scale, x.T @ (s.T @ q), x.T @ (a.T @ out)]


def _layer_norm(x, w, b):
    x = x - x.mean(axis=1, keepdims=True)
    r = 1 / np.sqrt(np.mean(x * x, axis=1, keepdims=True) + x.dtype.type(1e-5))
    x *= r
    return x * w + b, x, r


def _layer_norm_grad(g, n, r, w):
    dw, db = np.sum(g * n, axis=0), g.sum(axis=0)
    g = g * w
    g -= g.mean(axis=1, keepdims=True) + n * np.mean(g * n, axis=1, keepdims=True)
    g *= r
    return g, dw, db


def block(ln1_w, ln1_b, w_q, w_k, w_v, w_o, ln2_w, ln2_b, w_up, b_up, w_down, b_down, x, batch, heads):
    n, d = x.shape
    t = n // batch
    scale = x.dtype.type(1 / np.sqrt(d // heads))
    split = lambda y: np.ascontiguousarray(y.reshape(batch, t, heads, d // heads).transpose(0, 2, 1, 3))
    join = lambda y: y.transpose(0, 2, 1, 3).reshape(n, d)
    h, n1, _ = _layer_norm(x, ln1_w, ln1_b)
    q, k, v = split(h @ w_q), split(h @ w_k), split(h @ w_v)
    q *= scale
    s = q @ k.transpose(0, 1, 3, 2)
    s[:, :, ~np.tri(t, dtype=bool)] = -np.inf
    a = _softmax_rows(s)
    o = join(a @ v)
    x2 = o @ w_o
    x2 += x
    h2, n2, r2 = _layer_norm(x2, ln2_w, ln2_b)
    u = h2 @ w_up
    u += b_up
    c, c3 = x.dtype.type(np.sqrt(2 / np.pi)), x.dtype.type(0.044715)
    u2 = u * u
    th = np.tanh(c * u * (1 + c3 * u2))
    m = 0.5 * u * (1 + th)
    out = m @ w_down
    out += b_down
    out += x2
    value = 0.5 * np.mean(out * out)
    g = out
    g /= out.size
    d_w_down, d_b_down = m.T @ g, g.sum(axis=0)
    gu = g @ w_down.T
    gu *= 0.5 * (1 + th) + 0.5 * u * (1 - th * th) * (c * (1 + 3 * c3 * u2))
    d_w_up, d_b_up = h2.T @ gu, gu.sum(axis=0)
    gx, d_ln2_w, d_ln2_b = _layer_norm_grad(gu @ w_up.T, n2, r2, ln2_w)
    gx += g
    d_w_o = o.T @ gx
    go = split(gx @ w_o.T)
    gv = a.transpose(0, 1, 3, 2) @ go
    gs = _softmax_rows_grad(a, go @ v.transpose(0, 1, 3, 2))
    gq = gs @ k
    gq *= scale
    gk = gs.transpose(0, 1, 3, 2) @ q
    gq, gk, gv = join(gq), join(gk), join(gv)
    gh = gq @ w_q.T
    gh += gk @ w_k.T
    gh += gv @ w_v.T
    grads = [np.sum(gh * n1, axis=0), gh.sum(axis=0), h.T @ gq, h.T @ gk, h.T @ gv, d_w_o]
    return value, grads + [d_ln2_w, d_ln2_b, d_w_up, d_b_up, d_w_down, d_b_down]


def rosenbrock(x):
    a, b = x[:-1], x[1:]
    r = b - a * a
    s = 1 - a
    g = np.zeros_like(x)
    g[:-1] = -400 * r * a - 2 * s
    g[1:] += 200 * r
    return 100 * (r @ r) + s @ s, [g]


def gp(length, variance, noise, x, y):
    n = len(y)
    potrf, potri = (lapack.dpotrf, lapack.dpotri) if x.dtype == np.float64 else (lapack.spotrf, lapack.spotri)
    potrs = lapack.dpotrs if x.dtype == np.float64 else lapack.spotrs
    sq = np.sum(x * x, axis=1)
    dist = np.maximum(sq[:, None] + sq - 2 * (x @ x.T), 0)
    rbf = np.exp(-0.5 / (length * length) * dist)
    k = variance * rbf
    k.flat[:: n + 1] += noise
    # The matrix is symmetric, so its transpose in Fortran's order is the same without a copy.
    factor, info = potrf(k.T, lower=1, overwrite_a=1)
    assert info == 0
    alpha, _ = potrs(factor, y, lower=1)
    value = 0.5 * (y @ alpha) + np.sum(np.log(np.diag(factor))) + 0.5 * n * np.log(2 * np.pi)
    inverse, _ = potri(factor, lower=1, overwrite_c=1)
    # The lower triangle of ½(K⁻¹ − ααᵀ); off the diagonal each element stands for two.
    half = np.tril(inverse)
    half -= np.tril(np.outer(alpha, alpha))
    half.flat[:: n + 1] *= 0.5
    weighted = half * rbf
    return value, [variance / length**3 * np.sum(weighted * dist), weighted.sum(), np.trace(half)]


class Case:
    def __init__(self, name, params, constants):
        self.function, self.arguments = globals()[name], [*params, *constants]

    def run(self):
        self.result = self.function(*self.arguments)

    def answer(self):
        value, grads = self.result
        return float(value), float(np.sqrt(sum(np.sum(np.asarray(g, np.float64) ** 2) for g in grads)))


def make(name, params, constants, dtype):
    cast = lambda a: a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
    scalars = lambda a: a[()] if isinstance(a, np.ndarray) and a.ndim == 0 else a
    return Case(name, [scalars(cast(a)) for a in params], [cast(a) for a in constants])
