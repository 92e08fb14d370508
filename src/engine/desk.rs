//! The desk at which workers get their tasks: those who ask while a question to the store is under way share the next one, so
//! that under load one statement brings many tasks, and a single task never waits.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::state::{Seq, StateError, Store, Work};

type Answer = Result<Option<Work>, Arc<StateError>>;

/// The way to the desk. It closes when all ways to it are gone.
#[derive(Clone)]
pub(super) struct Desk(mpsc::UnboundedSender<(Seq, oneshot::Sender<Answer>)>);

impl Desk {
    /// Opens a desk.
    pub(super) fn open<S: Store>(store: Arc<S>) -> Self {
        let (desk, questions) = mpsc::unbounded_channel();
        tokio::spawn(serve(store, questions));
        Self(desk)
    }

    /// A task with what is known of its object; none if the task has ended.
    pub(super) async fn work(&self, seq: Seq) -> Answer {
        let (answer, answered) = oneshot::channel();
        // A desk that is closed has no tasks any more.
        let _ = self.0.send((seq, answer));
        answered.await.unwrap_or(Ok(None))
    }
}

async fn serve<S: Store>(store: Arc<S>, mut questions: mpsc::UnboundedReceiver<(Seq, oneshot::Sender<Answer>)>) {
    const MOST: usize = 64;
    let mut asked = Vec::with_capacity(MOST);
    while questions.recv_many(&mut asked, MOST).await > 0 {
        let seqs: Vec<_> = asked.iter().map(|(seq, _)| *seq).collect();
        match store.work(&seqs).await {
            Ok(found) => {
                let mut found: HashMap<_, _> = found.into_iter().map(|work| (work.entry.seq, work)).collect();
                for (seq, answer) in asked.drain(..) {
                    // Only a worker that is gone does not listen.
                    let _ = answer.send(Ok(found.remove(&seq)));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for (_, answer) in asked.drain(..) {
                    let _ = answer.send(Err(Arc::clone(&error)));
                }
            }
        }
    }
}
