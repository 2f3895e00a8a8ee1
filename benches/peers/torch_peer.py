"""The workloads in PyTorch, eager or compiled."""

import os

import numpy as np
import torch
import torch.nn.functional as F

COMPILED = False
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def logistic(p, x, y):
    w, b = p
    return F.binary_cross_entropy_with_logits(x @ w + b, y) + 0.01 * (w @ w)


def softmax(p, x, labels):
    w, b = p
    return F.cross_entropy(torch.addmm(b, x, w), labels)


def mlp(p, x, labels):
    w1, b1, w2, b2, w3, b3 = p
    h1 = torch.relu(torch.addmm(b1, x, w1))
    h2 = torch.relu(torch.addmm(b2, h1, w2))
    return F.cross_entropy(torch.addmm(b3, h2, w3), labels)


def attention(p, x):
    w_q, w_k, w_v = p
    q, k, v = x @ w_q, x @ w_k, x @ w_v
    out = F.scaled_dot_product_attention(q[None, None], k[None, None], v[None, None])
    return 0.5 * (out * out).mean()


def block(p, x, batch, heads):
    ln1_w, ln1_b, w_q, w_k, w_v, w_o, ln2_w, ln2_b, w_up, b_up, w_down, b_down = p
    n, d = x.shape
    t = n // batch
    split = lambda y: y.view(batch, t, heads, d // heads).transpose(1, 2)
    h = F.layer_norm(x, (d,), ln1_w, ln1_b)
    a = F.scaled_dot_product_attention(split(h @ w_q), split(h @ w_k), split(h @ w_v), is_causal=True)
    x = x + a.transpose(1, 2).reshape(n, d) @ w_o
    h = F.layer_norm(x, (d,), ln2_w, ln2_b)
    out = x + torch.addmm(b_down, F.gelu(torch.addmm(b_up, h, w_up), approximate="tanh"), w_down)
    return 0.5 * (out * out).mean()


def rosenbrock(p):
    (x,) = p
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def gp(p, x, y):
    length, variance, noise = p
    sq = (x * x).sum(dim=1)
    dist = (sq[:, None] + sq - 2 * (x @ x.T)).clamp(min=0)
    k = variance * torch.exp(-0.5 * dist / length**2) + noise * torch.eye(len(y), dtype=x.dtype)
    factor = torch.linalg.cholesky(k)
    alpha = torch.cholesky_solve(y[:, None], factor)[:, 0]
    return 0.5 * (y @ alpha) + torch.log(torch.diagonal(factor)).sum() + 0.5 * len(y) * np.log(2 * np.pi)


class Case:
    def __init__(self, function, params, constants):
        self.params, self.constants = params, constants
        torch._dynamo.reset() if COMPILED else None
        self.function = torch.compile(function, dynamic=False) if COMPILED else function

    def run(self):
        value = self.function(self.params, *self.constants)
        self.result = value, torch.autograd.grad(value, self.params)

    def answer(self):
        value, grads = self.result
        return value.item(), float(np.sqrt(sum(np.sum(g.numpy().astype(np.float64) ** 2) for g in grads)))


def make(name, params, constants, dtype):
    cast = lambda a: torch.from_numpy(a.astype(dtype) if a.dtype.kind == "f" else a) if isinstance(a, np.ndarray) else a
    params = [torch.from_numpy(np.array(a, dtype)).requires_grad_() for a in params]
    return Case(globals()[name], params, [cast(a) for a in constants])
