"""Runs the workloads in all peers in turn, checks that they agree, and reports times and ratios."""

import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import subprocess
import sys

import report

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PEERS = ["numpy", "jax", "torch", "torch-compiled"]

# Workload, size, the ratio of our time to the best peer's that is wanted.
ROWS = [
    ("logistic", "100x10", 0.25),
    ("logistic", "10000x100", 0.55),
    ("softmax", "512x784", 0.45),
    ("mlp", "64", 0.9),
    ("mlp", "512", 0.95),
    ("attention", "128x64", 0.8),
    ("attention", "512x256", 0.95),
    ("block", "4x64x128x4", 0.65),
    ("block", "8x256x384x6", 0.75),
    ("rosenbrock", "100", 0.1),
    ("rosenbrock", "10000", 0.1),
    ("gp", "200x5", 0.9),
    ("gp", "1000x5", 0.9),
]

# Largest relative differences of values and of gradients' norms.
TOLERANCE = {"f64": (1e-9, 1e-8), "f32": (2e-5, 2e-4)}


class Worker:
    """A process that holds one workload at a time. All get the same processors and the same number of threads."""

    def __init__(self, peer, threads):
        self.peer = peer
        environment = dict(os.environ)
        for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
            environment.pop(name, None)
        for name in ("RAYON", "OMP", "OPENBLAS", "MKL"):
            environment[f"{name}_NUM_THREADS"] = str(threads)
        environment["TORCHINDUCTOR_CACHE_DIR"] = str(HERE / ".venv" / "inductor")
        processors = sorted(os.sched_getaffinity(0))[-threads:]
        command = [ROOT / "target/release/worker"] if peer == "here" else [sys.executable, HERE / "worker.py", peer]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
        )

    def ask(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().split()
        if not answer:
            sys.exit(f"{self.peer} stopped at: {' '.join(map(str, words))}")
        return None if answer == ["none"] else [float(a) for a in answer]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def check(row, precision, answers):
    """Ends the program unless all values, and all gradients' norms, agree."""
    for what, index in (("values", 0), ("gradient norms", 1)):
        reference = answers["here"][index]
        for peer, answer in answers.items():
            if not math.isclose(answer[index], reference, rel_tol=TOLERANCE[precision][index]):
                sys.exit(f"{row}: the {what} differ: here {reference!r}, {peer} {answer[index]!r}")


def measure(options):
    results = []
    for threads in options.threads:
        workers = {peer: Worker(peer, threads) for peer in ["here", *options.peers]}
        for name, size, wanted in ROWS:
            for precision in options.precision:
                row = f"{name} {size} {precision}, threads: {threads}"
                if not any(only in row for only in options.only):
                    continue
                answers = {"here": workers["here"].ask("prepare", name, size, precision)}
                if answers["here"] is None:
                    print(f"{row}: not among the workloads here", file=sys.stderr)
                    continue
                if name == "gp" and precision == "f32":
                    continue  # the matrix is too ill-conditioned for a comparison
                for peer in options.peers:
                    answers[peer] = workers[peer].ask("prepare", name, size, precision)
                check(row, precision, answers)
                times = {peer: math.inf for peer in workers}
                for _ in range(options.rounds):
                    for peer, worker in workers.items():
                        times[peer] = min(times[peer], worker.ask("time", options.span)[0])
                best = min(options.peers, key=times.get)
                result = dict(workload=name, size=size, precision=precision, threads=threads, times=times, best=best,
                              ratio=times["here"] / times[best], wanted=wanted)
                results.append(result)
                shown = "  ".join(f"{peer} {1e3 * time:.4g}" for peer, time in times.items())
                print(f"{row}: ms: {shown}  ratio {result['ratio']:.2f} (wanted {wanted})", flush=True)
        for worker in workers.values():
            worker.close()
    return results


def processor():
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds, in each of which every peer is timed (5)")
    parser.add_argument("--span", type=float, default=0.2, help="seconds for each peer in a round (0.2)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads (1 2)")
    parser.add_argument("--precision", nargs="+", default=["f32", "f64"], choices=["f32", "f64"])
    parser.add_argument("--peers", nargs="+", default=PEERS, choices=PEERS)
    parser.add_argument("--only", nargs="+", default=[""], metavar="TEXT", help="rows whose name has one of these in it")
    parser.add_argument("--readme", action="store_true", help="write the README's table and its chart as well")
    parser.add_argument("--from-results", action="store_true", help="write them from the last results, without measuring")
    options = parser.parse_args()

    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    if options.from_results:
        run = json.loads((folder / "results.json").read_text())
    else:
        load = os.getloadavg()[0]
        print(f"load average before: {load:.2f}", flush=True)
        run = dict(load=load, date=str(datetime.date.today()), processor=processor(), processors=os.cpu_count(), results=measure(options))
        (folder / "results.json").write_text(json.dumps(run, indent=1))
    table = report.markdown(run)
    (folder / "results.md").write_text(table)
    (folder / "results.svg").write_text(report.chart(run))
    print("\n" + table)
    if options.readme:
        report.write_readme(ROOT, run)


if __name__ == "__main__":
    main()
