//! Rules on the arguments of one system call, and how they become instructions.

use super::program::{Program, Span, Target, Test};

/// Answers with `action` where every condition holds; a rule without conditions always does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub conditions: Vec<Condition>,
    pub action: u32,
}

/// A comparison of argument `index`, 0 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    pub index: u8,
    pub comparison: Comparison,
}

/// A comparison of an unsigned argument of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal(u64),
    NotEqual(u64),
    Less(u64),
    LessOrEqual(u64),
    Greater(u64),
    GreaterOrEqual(u64),
    /// The bits of `mask` are those of `value`.
    Masked {
        mask: u64,
        value: u64,
    },
}

impl Comparison {
    /// Whether it is true of this argument.
    pub fn holds(self, argument: u64) -> bool {
        match self {
            Self::Equal(value) => argument == value,
            Self::NotEqual(value) => argument != value,
            Self::Less(value) => argument < value,
            Self::LessOrEqual(value) => argument <= value,
            Self::Greater(value) => argument > value,
            Self::GreaterOrEqual(value) => argument >= value,
            Self::Masked { mask, value } => argument & mask == value,
        }
    }

    /// The same for an interface whose arguments have 32 bits: the upper half is zero there.
    pub fn narrow(self) -> Self {
        let low = |value: u64| value & u64::from(u32::MAX);
        match self {
            Self::Equal(value) => Self::Equal(low(value)),
            Self::NotEqual(value) => Self::NotEqual(low(value)),
            Self::Less(value) => Self::Less(low(value)),
            Self::LessOrEqual(value) => Self::LessOrEqual(low(value)),
            Self::Greater(value) => Self::Greater(low(value)),
            Self::GreaterOrEqual(value) => Self::GreaterOrEqual(low(value)),
            Self::Masked { mask, value } => Self::Masked { mask: low(mask), value: low(value) },
        }
    }

    /// The values from which on the answer may be another one; none for a mask.
    fn edges(self) -> Option<[u64; 2]> {
        match self {
            Self::Equal(value) | Self::NotEqual(value) => Some([value, value.saturating_add(1)]),
            Self::Less(value) | Self::GreaterOrEqual(value) => Some([value; 2]),
            Self::LessOrEqual(value) | Self::Greater(value) => Some([value.saturating_add(1); 2]),
            Self::Masked { .. } => None,
        }
    }
}

/// Writes the decision by these rules: the first that holds answers, else `default` does.
pub fn write(program: &mut Program, rules: &[Rule], default: u32) -> Target {
    if let Some(ranges) = Ranges::of(rules, default) {
        return ranges.write(program);
    }
    rules.iter().rev().fold(Target::Return(default), |otherwise, rule| {
        rule.conditions.iter().rev().fold(Target::Return(rule.action), |holds, condition| {
            compare(program, *condition, holds, otherwise)
        })
    })
}

/// Rules that look at one argument alone, and only at values below 2³², turned into ranges of that argument:
/// a list of allowed values is then searched instead of compared one by one.
struct Ranges {
    index: u8,
    spans: Vec<Span>,
    /// The answer from 2³² on.
    above: u32,
}

impl Ranges {
    fn of(rules: &[Rule], default: u32) -> Option<Self> {
        let mut comparisons = Vec::with_capacity(rules.len());
        let mut edges = vec![0];
        for rule in rules {
            let [condition] = rule.conditions.as_slice() else { return None };
            if condition.index != rules.first()?.conditions.first()?.index {
                return None;
            }
            for edge in condition.comparison.edges()? {
                if edge > 1 << 32 {
                    return None;
                }
                edges.extend(u32::try_from(edge));
            }
            comparisons.push((condition.comparison, rule.action));
        }
        edges.sort_unstable();
        edges.dedup();
        let answer = |argument: u64| {
            let holding = comparisons.iter().find(|(comparison, _)| comparison.holds(argument));
            holding.map_or(default, |(_, action)| *action)
        };
        let mut spans: Vec<Span> = edges
            .into_iter()
            .map(|first| Span { first, target: Target::Return(answer(u64::from(first))) })
            .collect();
        spans.dedup_by_key(|span| span.target);
        Some(Self { index: rules.first()?.conditions.first()?.index, spans, above: answer(u64::MAX) })
    }

    fn write(self, program: &mut Program) -> Target {
        let low = program.search(&self.spans);
        let low = program.load(low_word(self.index), low);
        let high = program.branch(Test::Equal, 0, low, Target::Return(self.above));
        program.load(high_word(self.index), high)
    }
}

/// `seccomp_data` has the arguments from offset 16 on; of the machines here the lower half comes first.
fn low_word(index: u8) -> u32 {
    16 + 8 * u32::from(index)
}

fn high_word(index: u8) -> u32 {
    low_word(index) + 4
}

fn compare(program: &mut Program, condition: Condition, yes: Target, no: Target) -> Target {
    let index = condition.index;
    match condition.comparison {
        Comparison::Equal(value) => masked(program, index, u64::MAX, value, yes, no),
        Comparison::NotEqual(value) => masked(program, index, u64::MAX, value, no, yes),
        Comparison::Masked { mask, value } => masked(program, index, mask, value, yes, no),
        Comparison::Greater(value) => above(program, index, Test::Greater, value, yes, no),
        Comparison::GreaterOrEqual(value) => above(program, index, Test::GreaterOrEqual, value, yes, no),
        Comparison::Less(value) => above(program, index, Test::GreaterOrEqual, value, no, yes),
        Comparison::LessOrEqual(value) => above(program, index, Test::Greater, value, no, yes),
    }
}

fn masked(program: &mut Program, index: u8, mask: u64, value: u64, yes: Target, no: Target) -> Target {
    if value & !mask != 0 {
        return no;
    }
    let low = masked_word(program, low_word(index), mask as u32, value as u32, yes, no);
    masked_word(program, high_word(index), (mask >> 32) as u32, (value >> 32) as u32, low, no)
}

fn masked_word(program: &mut Program, offset: u32, mask: u32, value: u32, yes: Target, no: Target) -> Target {
    let test = match (mask, value) {
        (0, _) => return yes,
        (_, 0) => program.branch(Test::AnyBit, mask, no, yes),
        (u32::MAX, _) => program.branch(Test::Equal, value, yes, no),
        _ => {
            let test = program.branch(Test::Equal, value, yes, no);
            program.and(mask, test)
        }
    };
    program.load(offset, test)
}

/// The upper halves decide unless they are equal; `test` is what decides about the lower ones.
fn above(program: &mut Program, index: u8, test: Test, value: u64, yes: Target, no: Target) -> Target {
    let (high, low) = ((value >> 32) as u32, value as u32);
    let lower = program.branch(test, low, yes, no);
    let lower = program.load(low_word(index), lower);
    let equal = program.branch(Test::Equal, high, lower, no);
    let upper = program.branch(Test::Greater, high, yes, equal);
    program.load(high_word(index), upper)
}
