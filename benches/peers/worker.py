"""One peer, driven over standard input and output: the same protocol as benches/src/bin/worker.rs."""

import importlib
import os
import sys
import time

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print goes elsewhere

import numpy as np

from inputs import arguments


def shortest(case, span):
    start = time.perf_counter()
    case.run()
    batch = int(min(max(50e-6 / (time.perf_counter() - start), 1), 1000))
    least, start = np.inf, time.perf_counter()
    while time.perf_counter() - start < span:
        call = time.perf_counter()
        for _ in range(batch):
            case.run()
        least = min(least, (time.perf_counter() - call) / batch)
    return least


def main(peer):
    library, _, variant = peer.partition("-")
    module = importlib.import_module(f"{library}_peer")
    if variant == "compiled":
        module.COMPILED = True
    case = None
    for line in sys.stdin:
        command, *words = line.split()
        if command == "prepare":
            name, size, precision = words
            dtype = np.float32 if precision == "f32" else np.float64
            case = module.make(name, *arguments(name, tuple(map(int, size.split("x")))), dtype)
            for _ in range(3):
                case.run()
            value, norm = case.answer()
            print(repr(value), repr(norm), file=answers, flush=True)
        else:
            print(repr(float(shortest(case, float(words[0])))), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
