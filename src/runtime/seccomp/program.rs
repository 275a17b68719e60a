//! Writes classic BPF programs, last instruction first.
//!
//! Jumps go forward only, so what is jumped to is written before the jump, and every distance is known when
//! it is needed. A conditional jump skips at most 255 instructions: what is farther away is reached through
//! an unconditional jump, and a `return` is simply repeated nearby.
//!
//! Only loads, jumps, one `and` and returns of constants are written. Where a path to "allow" loads nothing
//! but the architecture and the number, the kernel finds that out when the filter is loaded and from then on
//! does not run the filter for this number at all (`seccomp_is_const_allow`, Linux 5.11). That is why numbers
//! are searched by comparing, and not by the shorter way of shifting a bit map.

use crate::sys::bpf::Instruction;

const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;
const JUMP: u16 = 0x05;

/// A comparison of the loaded word with a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Test {
    Equal = 0x15,
    Greater = 0x25,
    GreaterOrEqual = 0x35,
    /// Any of the bits is set.
    AnyBit = 0x45,
}

/// Where a path goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The filter's answer, a `SECCOMP_RET_` value.
    Return(u32),
    /// An instruction already written; counted from the end of the program.
    At(usize),
}

/// From `first` up to the next span, the path goes on at `target`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub first: u32,
    pub target: Target,
}

/// A program in the making.
#[derive(Debug, Default)]
pub struct Program {
    /// The last instruction first.
    reversed: Vec<Instruction>,
    /// Answers that stand in the program, and where.
    returns: Vec<(u32, usize)>,
}

impl Program {
    /// The instructions in the order the kernel takes them; the program starts at `entry`.
    pub fn finish(mut self, entry: Target) -> Vec<Instruction> {
        self.fall_into(entry);
        self.reversed.reverse();
        self.reversed
    }

    /// Loads the word at this offset of `seccomp_data`, then goes on at `next`.
    pub fn load(&mut self, offset: u32, next: Target) -> Target {
        self.fall_into(next);
        self.push(LOAD, offset)
    }

    /// Takes the bits of `mask` from the loaded word, then goes on at `next`.
    pub fn and(&mut self, mask: u32, next: Target) -> Target {
        self.fall_into(next);
        self.push(AND, mask)
    }

    /// Compares the loaded word and goes one of two ways.
    pub fn branch(&mut self, test: Test, value: u32, yes: Target, no: Target) -> Target {
        if yes == no {
            return yes;
        }
        let (yes, no) = (self.within_reach(yes), self.within_reach(no));
        let at = self.reversed.len();
        let (jt, jf) = ((at - yes - 1) as u8, (at - no - 1) as u8);
        self.reversed.push(Instruction { code: test as u16, jt, jf, k: value });
        Target::At(at)
    }

    /// Goes to the target of the span that the loaded word falls into. The spans are in order and the first
    /// begins at 0.
    pub fn search(&mut self, spans: &[Span]) -> Target {
        match spans {
            [] => Target::Return(super::plan::KILL_PROCESS),
            [span] => span.target,
            [rest, ..] if is_one_with_exceptions(spans) => {
                let exceptions = spans.iter().skip(1).step_by(2);
                exceptions.rev().fold(rest.target, |other, exception| {
                    self.branch(Test::Equal, exception.first, exception.target, other)
                })
            }
            _ => {
                let (low, high) = spans.split_at(spans.len() / 2);
                let above = self.search(high);
                let below = self.search(low);
                self.branch(Test::GreaterOrEqual, high[0].first, above, below)
            }
        }
    }

    fn push(&mut self, code: u16, k: u32) -> Target {
        self.reversed.push(Instruction { code, jt: 0, jf: 0, k });
        Target::At(self.reversed.len() - 1)
    }

    /// Makes the target the instruction that follows what is written next.
    fn fall_into(&mut self, target: Target) {
        let next = self.reversed.len().checked_sub(1);
        match target {
            Target::At(at) if next == Some(at) => {}
            Target::At(at) => self.jump(at),
            Target::Return(answer)
                if self.returns.last().is_some_and(|last| Some(last.1) == next && last.0 == answer) => {}
            Target::Return(answer) => self.answer(answer),
        }
    }

    /// A place at most 253 instructions away from the next one, so that two more may come between.
    fn within_reach(&mut self, target: Target) -> usize {
        let nearest = self.reversed.len().saturating_sub(253);
        match target {
            Target::At(at) if at >= nearest => return at,
            Target::At(at) => self.jump(at),
            Target::Return(answer) => {
                let known = self.returns.iter().rev().find(|(known, _)| *known == answer);
                match known {
                    Some((_, at)) if *at >= nearest => return *at,
                    _ => self.answer(answer),
                }
            }
        }
        self.reversed.len() - 1
    }

    fn jump(&mut self, at: usize) {
        let distance = self.reversed.len() - at - 1;
        self.reversed.push(Instruction { code: JUMP, jt: 0, jf: 0, k: distance as u32 });
    }

    fn answer(&mut self, answer: u32) {
        self.returns.push((answer, self.reversed.len()));
        self.reversed.push(Instruction { code: RETURN, jt: 0, jf: 0, k: answer });
    }
}

/// Whether everything goes one way but for a few single numbers: then each costs one comparison, not two.
fn is_one_with_exceptions(spans: &[Span]) -> bool {
    let single = |pair: &[Span]| pair[0].first.checked_add(1) == Some(pair[1].first);
    spans.len() % 2 == 1
        && spans.len() <= 7
        && spans.iter().step_by(2).all(|span| span.target == spans[0].target)
        && spans[1..].chunks_exact(2).all(single)
}
