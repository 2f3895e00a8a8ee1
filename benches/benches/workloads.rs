//! Value and gradient of every workload: `cargo bench -p autodiff-benches --bench workloads [FILTER]`.
//!
//! Runs with one thread, then with two; `RAYON_NUM_THREADS=n` asks for n alone.

use std::process::{Command, exit};
use std::{env, fmt};

use autodiff_benches::case::size_text;
use autodiff_benches::workloads::WORKLOADS;
use autodiff_benches::{Case, Workload};
use divan::Bencher;

/// The pool of threads is made once in a process, so each count has a process of its own.
fn main() {
    if env::var_os("RAYON_NUM_THREADS").is_some() {
        return divan::main();
    }
    let program = env::current_exe().expect("the path of this program");
    for threads in ["1", "2"] {
        println!("threads: {threads}");
        let status = Command::new(&program).args(env::args().skip(1)).env("RAYON_NUM_THREADS", threads).status();
        let status = status.expect("this program starts");
        if !status.success() {
            exit(status.code().unwrap_or(1));
        }
    }
}

/// A row of the report.
struct Row {
    workload: &'static Workload,
    size: &'static [usize],
    double: bool,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.workload.name, size_text(self.size), if self.double { "f64" } else { "f32" })
    }
}

fn rows() -> impl Iterator<Item = Row> {
    let sizes = WORKLOADS.iter().flat_map(|workload| workload.sizes.iter().map(move |&size| (workload, size)));
    sizes.flat_map(|(workload, size)| [false, true].map(|double| Row { workload, size, double }))
}

#[divan::bench(args = rows(), min_time = 0.2, max_time = 1)]
fn value_and_grad(bencher: Bencher, row: &Row) {
    let make = if row.double { row.workload.f64 } else { row.workload.f32 };
    let mut case: Box<dyn Case> = make(row.size);
    case.run();
    bencher.bench_local(move || case.run());
}
