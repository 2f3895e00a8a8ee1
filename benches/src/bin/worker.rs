//! Our side of the comparison with peers, driven over standard input and output by `benches/peers/compare.py`.
//!
//! `prepare NAME SIZE PRECISION` answers with the value and the gradient's norm, `time SECONDS` with the shortest
//! time of a call within that span, in seconds.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use autodiff_benches::Case;
use autodiff_benches::workloads::find;

fn prepare(name: &str, size: &str, precision: &str) -> Option<Box<dyn Case>> {
    let size = size.split('x').map(str::parse).collect::<Result<Vec<usize>, _>>().ok()?;
    let workload = find(name)?;
    match precision {
        "f32" => Some((workload.f32)(&size)),
        "f64" => Some((workload.f64)(&size)),
        _ => None,
    }
}

/// The shortest time of a call within `span`. Short calls are timed in batches, since reading the clock takes time too.
fn shortest(case: &mut dyn Case, span: Duration) -> f64 {
    let once = Instant::now();
    case.run();
    let batch = (50e-6 / once.elapsed().as_secs_f64()).clamp(1.0, 1000.0) as u32;
    let start = Instant::now();
    let mut least = f64::INFINITY;
    while start.elapsed() < span {
        let call = Instant::now();
        for _ in 0..batch {
            std::hint::black_box(case.run());
        }
        least = least.min(call.elapsed().as_secs_f64() / f64::from(batch));
    }
    least
}

fn main() -> io::Result<()> {
    let mut case: Option<Box<dyn Case>> = None;
    for line in io::stdin().lines() {
        let line = line?;
        match (line.split_whitespace().collect::<Vec<_>>().as_slice(), &mut case) {
            (["prepare", name, size, precision], case) => match prepare(name, size, precision) {
                Some(mut made) => {
                    println!("{:e} {:e}", made.run(), made.gradient_norm());
                    *case = Some(made);
                }
                None => println!("none"),
            },
            (["time", span], Some(case)) => {
                let span = span.parse().map_err(io::Error::other)?;
                println!("{:e}", shortest(&mut **case, Duration::from_secs_f64(span)));
            }
            _ => return Err(io::Error::other(format!("not understood: {line}"))),
        }
        io::stdout().flush()?;
    }
    Ok(())
}
