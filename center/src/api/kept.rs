//! Features that were read a moment ago: a portal that a thousand phones ask, or a map that pages through ten thousand cameras, reads the store once.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use super::problem::Outcome;
use crate::{feeds::feature::Feature, rights::Filter};

/// So long nothing is read anew, whatever changed.
const FRESH: Duration = Duration::from_secs(1);

/// And so long where no incident, camera or gateway changed.
const GOOD: Duration = Duration::from_secs(5);

/// Kept at once: for so many different rights.
const KEPT_MAX: usize = 32;

struct Entry {
    collection: &'static str,
    seen_by: Filter,
    at: Instant,
    sequence: i64,
    features: Arc<Vec<Feature>>,
}

/// Features by collection and by what whoever asks may see.
#[derive(Default)]
pub struct Kept(Mutex<Vec<Entry>>);

impl Kept {
    /// What is kept, or what `read` brings. Who asks meanwhile waits for it rather than reading too.
    pub async fn features(
        &self,
        (collection, seen_by): (&'static str, &Filter),
        sequence: i64,
        read: impl Future<Output = Outcome<Vec<Feature>>>,
    ) -> Outcome<Arc<Vec<Feature>>> {
        let mut kept = self.0.lock().await;
        let good = |entry: &Entry| entry.at.elapsed() < if entry.sequence == sequence { GOOD } else { FRESH };
        kept.retain(good);
        if let Some(entry) = kept.iter().find(|entry| entry.collection == collection && entry.seen_by == *seen_by) {
            return Ok(entry.features.clone());
        }
        let features = Arc::new(read.await?);
        if kept.len() >= KEPT_MAX {
            kept.remove(0);
        }
        kept.push(Entry { collection, seen_by: seen_by.clone(), at: Instant::now(), sequence, features: features.clone() });
        Ok(features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_just_read_is_not_read_again_but_for_other_rights() {
        let kept = Kept::default();
        let everything = Filter::everything();
        let nothing = Filter { allow: Vec::new(), deny: Vec::new() };
        let read = std::cell::Cell::new(0);
        let ask = async |seen_by: &Filter, collection: &'static str| {
            let reading = async {
                read.set(read.get() + 1);
                Ok(Vec::new())
            };
            kept.features((collection, seen_by), 1, reading).await.unwrap();
            read.get()
        };
        assert_eq!(ask(&everything, "cameras").await, 1);
        assert_eq!(ask(&everything, "cameras").await, 1);
        assert_eq!(ask(&nothing, "cameras").await, 2, "somebody else's features are not shown");
        assert_eq!(ask(&everything, "traffic").await, 3);
        assert_eq!(ask(&everything, "cameras").await, 3);
    }
}
