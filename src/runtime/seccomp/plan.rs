//! What is answered to which number of which interface, and the whole program made of that.

use crate::sys::bpf::Instruction;

use super::abi::{ARM_PRIVATE, Abi, X32_BIT};
use super::program::{Program, Span, Target, Test};
use super::rules::{self, Rule};

/// Answers of a filter (`SECCOMP_RET_` in `linux/seccomp.h`).
pub const ALLOW: u32 = 0x7fff_0000;
pub const KILL_PROCESS: u32 = 0x8000_0000;
const ERRNO: u32 = 0x0005_0000;

/// Offsets in `seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// The answer "refused with this error".
pub const fn errno(errno: i32) -> u32 {
    ERRNO | errno.unsigned_abs()
}

/// A filter before it becomes instructions.
#[derive(Debug)]
pub struct Plan {
    /// For every number that no table has.
    pub default: u32,
    /// For numbers above the newest that a table knows.
    pub newer: u32,
    /// Rules that several numbers may share.
    pub rules: Vec<Vec<Rule>>,
    /// One for each interface; a call through any other kills the process.
    pub tables: Vec<Table>,
}

/// The numbers of one interface.
#[derive(Debug)]
pub struct Table {
    abi: Abi,
    /// In ascending order, without repetition.
    calls: Vec<(u32, Verdict)>,
    /// The highest number of a call the profile knows, ARM's own aside; `None` if it knows none.
    newest: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Return(u32),
    /// An index of [`Plan::rules`].
    Rules(usize),
}

impl Table {
    /// A table whose calls are all the profile knows.
    pub fn new(abi: Abi, calls: Vec<(u32, Verdict)>) -> Self {
        let newest = calls.iter().map(|(number, _)| *number).rfind(|number| is_numbered_by_age(abi, *number));
        Self { abi, calls, newest }
    }

    /// The same, where the profile names these: some of them it leaves to the default, and a multiplexer that
    /// stands for a call that it names is not one of them.
    pub fn knowing(self, names: impl Iterator<Item = u32>) -> Self {
        let known = names.filter(|number| is_numbered_by_age(self.abi, *number)).max();
        Self { newest: known, ..self }
    }
}

/// ARM's own calls are numbered far above and say nothing about the age of a kernel.
fn is_numbered_by_age(abi: Abi, number: u32) -> bool {
    abi != Abi::Arm || number < ARM_PRIVATE
}

impl Plan {
    /// The program: architecture, then number, then arguments where they matter.
    pub fn assemble(&self) -> Vec<Instruction> {
        let mut program = Program::default();
        let rules: Vec<Target> =
            self.rules.iter().map(|rules| rules::write(&mut program, rules, self.default)).collect();
        let mut audits: Vec<u32> = self.tables.iter().map(|table| table.abi.audit()).collect();
        audits.dedup();
        // The first of them is compared first, so it is written last.
        let other = audits.iter().rev().fold(Target::Return(KILL_PROCESS), |other, audit| {
            let search = program.search(&self.spans(*audit, &rules));
            let numbers = program.load(NUMBER, search);
            program.branch(Test::Equal, *audit, numbers, other)
        });
        let entry = program.load(ARCHITECTURE, other);
        program.finish(entry)
    }

    /// Every number that can come with this architecture.
    fn spans(&self, audit: u32, rules: &[Target]) -> Vec<Span> {
        let mut spans = Vec::with_capacity(256);
        for table in self.tables.iter().filter(|table| table.abi.audit() == audit) {
            self.add_spans(table, rules, &mut spans);
        }
        if audit == Abi::X86_64.audit() && !self.tables.iter().any(|table| table.abi == Abi::X32) {
            add(&mut spans, X32_BIT, Target::Return(KILL_PROCESS));
        }
        spans
    }

    fn add_spans(&self, table: &Table, rules: &[Target], spans: &mut Vec<Span>) {
        let newer_from = table.newest.map(|newest| newest + 1);
        let is_newer = |number: u32| newer_from.is_some_and(|from| number >= from);
        let unlisted = |number: u32| Target::Return(if is_newer(number) { self.newer } else { self.default });
        let mut boundary = newer_from;
        add(spans, table.abi.first(), unlisted(table.abi.first()));
        for (number, verdict) in &table.calls {
            if let Some(from) = boundary.take_if(|from| *from <= *number) {
                add(spans, from, unlisted(from));
            }
            let target = match verdict {
                Verdict::Return(answer) => Target::Return(*answer),
                Verdict::Rules(index) => rules[*index],
            };
            add(spans, *number, target);
            add(spans, number + 1, unlisted(number + 1));
        }
        if let Some(from) = boundary {
            add(spans, from, unlisted(from));
        }
    }
}

/// Begins a span; one that would not differ from its neighbour is none.
fn add(spans: &mut Vec<Span>, first: u32, target: Target) {
    if spans.last().is_some_and(|last| last.first == first) {
        spans.pop();
    }
    if spans.last().is_none_or(|last| last.target != target) {
        spans.push(Span { first, target });
    }
}
