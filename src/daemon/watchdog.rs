//! Are we still alive? The service manager hears so only after the runtime has run this task, a worker has taken the
//! question and the store's writer has answered it. That the writer refuses, say on a full disk, is an answer as well:
//! phones are served on, and a restart would mend nothing.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Calls `tell` three times in each `within`, each time after `ask` has come back.
pub async fn watch(
    ask: impl Fn() + Send + Sync + 'static,
    tell: impl Fn(),
    within: Duration,
    stop: CancellationToken,
) -> io::Result<()> {
    let ask = Arc::new(ask);
    loop {
        let ask = Arc::clone(&ask);
        let answered = tokio::task::spawn_blocking(move || ask());
        // No answer, no word: after `within` the service manager ends us and starts anew.
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            answered = answered => {
                if answered.is_ok() {
                    tell();
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(within / 3) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_service_manager_hears_nothing_before_the_writer_has_answered() {
        let (answers, writer) = mpsc::channel::<()>();
        let writer = std::sync::Mutex::new(writer);
        let (events, seen) = mpsc::channel();
        let asked = events.clone();
        let ask = move || {
            asked.send("asked").unwrap();
            let _ = writer.lock().unwrap().recv();
        };
        let tell = move || events.send("told").unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let stop = CancellationToken::new();
        let watching = runtime.spawn(watch(ask, tell, Duration::from_millis(3), stop.clone()));
        for _ in 0..3 {
            assert_eq!(seen.recv(), Ok("asked"));
            assert!(seen.try_recv().is_err(), "told before the answer");
            answers.send(()).unwrap();
            assert_eq!(seen.recv(), Ok("told"));
        }
        stop.cancel();
        drop(answers);
        runtime.block_on(watching).unwrap().unwrap();
    }
}
