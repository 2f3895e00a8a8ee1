"""The workloads in JAX: jit of value_and_grad."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def logistic(p, x, y):
    w, b = p
    z = x @ w + b
    return jnp.mean(jax.nn.softplus(z) - y * z) + 0.01 * (w @ w)


def _cross_entropy(z, labels):
    picked = jnp.take_along_axis(z, labels[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - picked)


def softmax(p, x, labels):
    w, b = p
    return _cross_entropy(x @ w + b, labels)


def mlp(p, x, labels):
    w1, b1, w2, b2, w3, b3 = p
    h1 = jax.nn.relu(x @ w1 + b1)
    h2 = jax.nn.relu(h1 @ w2 + b2)
    return _cross_entropy(h2 @ w3 + b3, labels)


def attention(p, x):
    w_q, w_k, w_v = p
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    out = jax.nn.softmax(q @ k.T / np.sqrt(x.shape[1]).astype(x.dtype), axis=1) @ v
    return 0.5 * jnp.mean(out * out)


def _layer_norm(x, w, b):
    x = x - x.mean(axis=1, keepdims=True)
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=1, keepdims=True) + 1e-5) * w + b


def block(p, x, batch, heads):
    ln1_w, ln1_b, w_q, w_k, w_v, w_o, ln2_w, ln2_b, w_up, b_up, w_down, b_down = p
    n, d = x.shape
    t = n // batch
    split = lambda y: y.reshape(batch, t, heads, d // heads)
    h = _layer_norm(x, ln1_w, ln1_b)
    q, k, v = split(h @ w_q), split(h @ w_k), split(h @ w_v)
    a = jax.nn.dot_product_attention(q, k, v, is_causal=True)
    x = x + a.reshape(n, d) @ w_o
    h = _layer_norm(x, ln2_w, ln2_b)
    out = x + jax.nn.gelu(h @ w_up + b_up, approximate=True) @ w_down + b_down
    return 0.5 * jnp.mean(out * out)


def rosenbrock(p):
    (x,) = p
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def gp(p, x, y):
    length, variance, noise = p
    sq = jnp.sum(x * x, axis=1)
    dist = jnp.maximum(sq[:, None] + sq - 2 * (x @ x.T), 0)
    k = variance * jnp.exp(-0.5 * dist / length**2) + noise * jnp.eye(len(y), dtype=x.dtype)
    factor = jnp.linalg.cholesky(k)
    alpha = jax.scipy.linalg.cho_solve((factor, True), y)
    return 0.5 * (y @ alpha) + jnp.sum(jnp.log(jnp.diag(factor))) + 0.5 * len(y) * np.log(2 * np.pi)


class Case:
    def __init__(self, function, params, constants):
        self.params = params
        self.constants = [c for c in constants if not isinstance(c, int)]
        numbers = [c for c in constants if isinstance(c, int)]
        self.function = jax.jit(jax.value_and_grad(lambda p, *c: function(p, *c, *numbers)))

    def run(self):
        self.result = jax.block_until_ready(self.function(self.params, *self.constants))

    def answer(self):
        value, grads = self.result
        assert all(g.dtype == p.dtype for g, p in zip(grads, self.params)), "the precision changed"
        return float(value), float(np.sqrt(sum(np.sum(np.asarray(g, np.float64) ** 2) for g in grads)))


def make(name, params, constants, dtype):
    def device(a):
        if not isinstance(a, np.ndarray):
            return a
        return jnp.asarray(a.astype(dtype) if a.dtype.kind == "f" else a)

    return Case(globals()[name], [device(a) for a in params], [device(a) for a in constants])
