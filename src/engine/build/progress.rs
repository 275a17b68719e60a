//! What a build tells while it goes on.

/// Shows what a build does. A vertex is a step, or anything else that takes its time (BuildKit's word).
pub trait Watch {
    /// Something begins; the number that is returned names it from then on.
    fn begin(&mut self, name: &str) -> usize;
    /// It was in the cache.
    fn cached(&mut self, vertex: usize);
    /// Its program has printed this; it need not be whole lines.
    fn print(&mut self, vertex: usize, bytes: &[u8]);
    /// It is about something else now, or is done with that.
    fn say(&mut self, vertex: usize, text: &str);
    fn done(&mut self, vertex: usize);
    fn failed(&mut self, vertex: usize, why: &str);
    /// Time has passed; called several times a second while steps run.
    fn tick(&mut self);
}

/// Tells something that is done at once.
pub fn note(watch: &mut dyn Watch, name: &str, lines: &[String]) {
    let vertex = watch.begin(name);
    for line in lines {
        watch.say(vertex, line);
    }
    watch.done(vertex);
}
