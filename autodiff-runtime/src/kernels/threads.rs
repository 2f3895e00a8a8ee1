//! Tasks at once, if there are threads.
//!
//! A thread of the pool that has nothing to do falls asleep after some microseconds, and to wake it takes longer than
//! many of the tasks that are worth a thread of their own. So the body of a function whose calls use several threads runs
//! in the pool as a whole, while another thread stays awake for its tasks: see [`Threads`].

/// Runs both: in parallel if `parallel` and the feature `rayon` is on, else one after the other.
pub(super) fn join(parallel: bool, left: impl FnOnce() + Send, right: impl FnOnce() + Send) {
    #[cfg(feature = "rayon")]
    if parallel {
        rayon::join(left, right);
        return;
    }
    let _ = parallel;
    left();
    right();
}

/// How many threads there are.
#[cfg(feature = "rayon")]
pub(super) fn threads() -> usize {
    rayon::current_num_threads()
}

/// Whether there is another thread, and the work is enough for it: at least `enough` if it must be woken first.
#[inline]
pub(super) fn pays(work: usize, enough: usize) -> bool {
    #[cfg(feature = "rayon")]
    if work >= enough / AWAKE_SHARE && threads() > 1 {
        return pool::pays(work, enough);
    }
    let _ = (work, enough);
    false
}

/// The least work of a part that another thread does, where `asleep` is that for a thread that must be woken first.
#[inline]
pub(super) fn part(asleep: usize) -> usize {
    #[cfg(feature = "rayon")]
    if pool::awake() {
        return asleep / AWAKE_SHARE;
    }
    asleep
}

/// What a thread that is awake needs to pay, as a share of that for one that is asleep.
#[cfg(feature = "rayon")]
const AWAKE_SHARE: usize = 4;

/// Whether the calls of a function go to the pool as a whole: if the last one had work for several threads.
///
/// The result does not depend on it.
#[derive(Debug, Default)]
pub struct Threads {
    #[cfg(feature = "rayon")]
    pay: std::sync::atomic::AtomicBool,
}

impl Threads {
    /// Those of a function that was not called yet.
    pub const fn new() -> Self {
        Threads {
            #[cfg(feature = "rayon")]
            pay: std::sync::atomic::AtomicBool::new(false),
        }
    }
}

/// The call of a function with its arguments.
pub struct Call<A, R> {
    arguments: std::cell::Cell<Option<A>>,
    function: fn(A) -> R,
}

impl<A, R> Call<A, R> {
    /// A call that is yet to run.
    pub fn new(arguments: A, function: fn(A) -> R) -> Self {
        Call { arguments: std::cell::Cell::new(Some(arguments)), function }
    }

    fn result(&self) -> R {
        (self.function)(self.arguments.take().expect("a call runs once"))
    }
}

/// Runs a call where it pays, if its arguments and its result may go to another thread.
pub trait RunInPool<R> {
    /// The result.
    fn run(&self, threads: &Threads) -> R;
}

/// Runs a call in this thread. What is no [`RunInPool`] is this: a method is looked for with fewer references last.
pub trait RunHere<R> {
    /// The result.
    fn run(&self, threads: &Threads) -> R;
}

impl<A: Send, R: Send> RunInPool<R> for &Call<A, R> {
    #[cfg(feature = "rayon")]
    fn run(&self, threads: &Threads) -> R {
        let (arguments, function) = (self.arguments.take().expect("a call runs once"), self.function);
        let (mut arguments, mut result) = (Some(arguments), None);
        pool::run(threads, &mut || result = arguments.take().map(function));
        result.expect("the call ran")
    }

    #[cfg(not(feature = "rayon"))]
    fn run(&self, _: &Threads) -> R {
        self.result()
    }
}

impl<A, R> RunHere<R> for Call<A, R> {
    fn run(&self, _: &Threads) -> R {
        self.result()
    }
}

#[cfg(feature = "rayon")]
mod pool {
    use super::{AWAKE_SHARE, Threads};
    use std::cell::Cell;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    thread_local! {
        /// The work of this thread that another one that is awake could share, in shares of what wakes one.
        static SHARED: Cell<usize> = const { Cell::new(0) };
        /// Whether another thread is awake for tasks of this one.
        static AWAKE: Cell<bool> = const { Cell::new(false) };
    }

    /// How long a thread looks for a task all the time, and how long it sleeps between looks then.
    const PATIENCE: Duration = Duration::from_millis(1);
    const NAP: Duration = Duration::from_micros(50);

    /// The shares from which a call goes to the pool, which takes as long as to wake a thread twice.
    const PAYS: usize = 8 * AWAKE_SHARE;

    pub(super) fn pays(work: usize, enough: usize) -> bool {
        SHARED.set(SHARED.get().wrapping_add((work / (enough / AWAKE_SHARE).max(1)).min(PAYS)));
        AWAKE.get() || work >= enough
    }

    pub(super) fn awake() -> bool {
        AWAKE.get()
    }

    /// Runs `f`, in the pool if it pays.
    pub(super) fn run(threads: &Threads, f: &mut (dyn FnMut() + Send)) {
        let pays = threads.pay.load(Ordering::Relaxed);
        let used = if pays && !awake() { in_pool(f) } else { counted(f) };
        if used != pays {
            threads.pay.store(used, Ordering::Relaxed);
        }
    }

    /// Runs `f`; whether that had enough work for several threads.
    fn counted(f: &mut (dyn FnMut() + Send)) -> bool {
        let before = SHARED.get();
        f();
        SHARED.get().wrapping_sub(before) >= PAYS
    }

    fn in_pool(f: &mut (dyn FnMut() + Send)) -> bool {
        /// Ends the wait of the others, also if the function panics.
        struct Done<'a>(&'a AtomicBool);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                AWAKE.set(false);
                self.0.store(true, Ordering::Release);
            }
        }
        let done = AtomicBool::new(false);
        let body = || {
            let _done = Done(&done);
            AWAKE.set(true);
            counted(f)
        };
        rayon::join(body, || stay_awake(rayon::current_num_threads() - 1, &done)).0
    }

    /// Keeps some threads awake until all is done.
    fn stay_awake(threads: usize, done: &AtomicBool) {
        if threads > 1 {
            rayon::join(|| stay_awake(1, done), || stay_awake(threads - 1, done));
            return;
        }
        let mut idle = Instant::now();
        while !done.load(Ordering::Acquire) {
            if rayon::yield_now() == Some(rayon::Yield::Executed) {
                idle = Instant::now();
            } else if idle.elapsed() > PATIENCE {
                // What is not taken from the other thread meanwhile, that one does itself.
                std::thread::sleep(NAP);
            } else {
                // Other programs go first.
                std::thread::yield_now();
            }
        }
    }
}

/// Runs a function of generated code where it pays: see [`Threads`].
#[doc(hidden)]
#[macro_export]
macro_rules! __in_threads {
    ($threads:expr, $function:expr, $($argument:ident),* $(,)?) => {{
        #[allow(unused_imports)]
        use $crate::kernels::{RunHere as _, RunInPool as _};
        let call = $crate::kernels::Call::new(($($argument,)*), |($($argument,)*)| $function($($argument),*));
        (&&call).run(&$threads)
    }};
}

pub use crate::__in_threads as in_threads;

#[cfg(all(test, feature = "rayon"))]
mod tests {
    use super::*;
    use std::rc::Rc;
    use std::thread::{ThreadId, current};

    /// Runs in the pool if its arguments may, and tells the thread. It has `work` for other threads.
    fn place(threads: &Threads, work: usize) -> ThreadId {
        fn function(work: usize) -> ThreadId {
            pays(work, 100);
            current().id()
        }
        crate::kernels::in_threads!(threads, function, work)
    }

    fn pool() -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool")
    }

    #[test]
    fn a_call_goes_to_the_pool_after_one_that_had_work_for_it() {
        if rayon::current_num_threads() == 1 {
            return;
        }
        let (threads, here) = (Threads::new(), current().id());
        assert_eq!(place(&threads, 10), here, "the first call");
        assert_eq!(place(&threads, 10_000), here, "one after a small one");
        assert_ne!(place(&threads, 10_000), here, "one after a large one");
        assert_ne!(place(&threads, 10), here, "still in the pool");
        assert_eq!(place(&threads, 10), here, "one after a small one again");
    }

    #[test]
    fn what_may_not_go_to_another_thread_stays() {
        let (threads, here) = (Threads::new(), current().id());
        fn taking(counted: Rc<i32>, work: usize) -> (ThreadId, i32) {
            pays(work, 100);
            (current().id(), *counted)
        }
        fn giving(work: usize) -> (ThreadId, Rc<usize>) {
            pays(work, 100);
            (current().id(), Rc::new(work))
        }
        for _ in 0..3 {
            let (counted, work) = (Rc::new(1), 10_000);
            assert_eq!(crate::kernels::in_threads!(threads, taking, counted, work), (here, 1));
            assert_eq!(crate::kernels::in_threads!(threads, giving, work), (here, Rc::new(work)));
        }
    }

    #[test]
    fn tasks_inside_of_a_call_and_calls_inside_of_tasks() {
        fn halves(n: u64) -> u64 {
            pays(10_000, 100);
            let (mut left, mut right) = (0, 0);
            join(true, || left = (0..n / 2).sum(), || right = (n / 2..n).sum());
            left + right
        }
        let sum = |threads: &Threads| (0..20).map(|n| crate::kernels::in_threads!(threads, halves, n)).sum::<u64>();
        let threads = Threads::new();
        let expected: u64 = (0..20).map(|n: u64| (0..n).sum::<u64>()).sum();
        assert_eq!(sum(&threads), expected);
        pool().install(|| {
            assert_eq!(sum(&threads), expected);
            let (one, two) = rayon::join(|| sum(&threads), || sum(&threads));
            assert_eq!((one, two), (expected, expected));
        });
    }

    #[test]
    fn a_panic_comes_through_and_nothing_hangs() {
        fn fails(round: usize) {
            pays(10_000, 100);
            assert!(round == 9, "round {round}");
        }
        let threads = Threads::new();
        for round in 0..4 {
            let failed = std::panic::catch_unwind(|| crate::kernels::in_threads!(threads, fails, round));
            assert!(failed.is_err());
            assert!(place(&threads, 10_000) == current().id() || round > 0);
        }
    }
}
