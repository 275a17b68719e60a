//! Work on many things by a few threads, each with a share of its own.

use std::thread;

/// Gives every one of at most `threads` threads a share of `items`, none of fewer than `least` unless it is the only
/// one, and returns what each made of its share, in order. The first share is the caller's own: few items start
/// nothing. A thread that panics has said so; of its share the default stands.
///
/// A joined thread can still be one for the kernel: who unshares a user namespace afterwards asks for one thread.
pub fn work<T, R, F>(items: &[T], least: usize, threads: usize, work: F) -> Vec<R>
where
    T: Sync,
    R: Default + Send,
    F: Fn(&[T]) -> R + Sync,
{
    let threads = items.len().div_ceil(least).clamp(1, threads);
    let share = items.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let (first, rest) = items.split_at(share.min(items.len()));
        let work = &work;
        let others: Vec<_> = rest.chunks(share).map(|share| scope.spawn(move || work(share))).collect();
        let mut made = vec![work(first)];
        made.extend(others.into_iter().map(|other| other.join().unwrap_or_default()));
        made
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_in_one_share_in_order() {
        for (items, least, threads, shares) in [
            (0, 4, 4, 1),
            (1, 4, 4, 1),
            (4, 4, 4, 1),
            (5, 4, 4, 2),
            (16, 4, 4, 4),
            (100, 4, 4, 4),
            (100, 4, 1, 1),
        ] {
            let items: Vec<usize> = (0..items).collect();
            let made = work(&items, least, threads, <[usize]>::to_vec);
            assert_eq!((made.len(), made.concat()), (shares, items));
        }
    }

    #[test]
    fn few_items_start_no_thread() {
        let own = thread::current().id();
        assert_eq!(work(&[1, 2, 3], 3, 4, |_| Some(thread::current().id())), [Some(own)]);
    }
}
