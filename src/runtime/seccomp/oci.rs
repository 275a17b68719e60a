//! Reads the seccomp section of an OCI runtime specification (`config-linux.md`, "Seccomp").

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use oci_spec::runtime::{
    LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompFilterFlag, LinuxSeccompOperator,
    LinuxSyscall,
};

use super::abi::{Abi, MULTIPLEXED};
use super::plan::{Plan, Table, Verdict, errno};
use super::rules::{Comparison, Condition, Rule};

/// `SECCOMP_FILTER_FLAG_` bits of `linux/seccomp.h`.
const LOG: u32 = 1 << 1;
const SPEC_ALLOW: u32 = 1 << 2;
const NEW_LISTENER: u32 = 1 << 3;
const WAIT_KILLABLE_RECV: u32 = 1 << 5;

/// For a profile that names no flags at all. As in runc, the mitigation of speculative store bypass is then
/// not switched on, which before Linux 5.16 every filter did and which costs all programs in it dearly.
pub const DEFAULT_FLAGS: u32 = SPEC_ALLOW;

/// The flags the profile asks for.
pub fn flags(seccomp: &LinuxSeccomp) -> u32 {
    let asked = seccomp
        .flags()
        .as_ref()
        .map_or(DEFAULT_FLAGS, |flags| flags.iter().fold(0, |bits, flag| bits | flag_bit(*flag)));
    if notifies(seccomp) { asked | NEW_LISTENER } else { asked }
}

fn flag_bit(flag: LinuxSeccompFilterFlag) -> u32 {
    match flag {
        LinuxSeccompFilterFlag::SeccompFilterFlagLog => LOG,
        // A filter is loaded by a process of one thread, so there is none to bring along.
        LinuxSeccompFilterFlag::SeccompFilterFlagTsync => 0,
        LinuxSeccompFilterFlag::SeccompFilterFlagSpecAllow => SPEC_ALLOW,
        LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv => WAIT_KILLABLE_RECV,
    }
}

fn rules_of(seccomp: &LinuxSeccomp) -> &[LinuxSyscall] {
    seccomp.syscalls().as_deref().unwrap_or_default()
}

fn notifies(seccomp: &LinuxSeccomp) -> bool {
    rules_of(seccomp).iter().any(|rule| rule.action() == LinuxSeccompAction::ScmpActNotify)
}

/// Looks up every name of the profile and resolves what several rules say about one call.
pub fn plan(seccomp: &LinuxSeccomp) -> Result<Plan> {
    check_notifications(seccomp)?;
    let default = answer(seccomp.default_action(), seccomp.default_errno_ret())?;
    let mut plan = Plan { default, newer: newer(seccomp, default), rules: Vec::new(), tables: Vec::new() };
    for abi in abis(seccomp) {
        let table = table(abi, seccomp, &mut plan)?;
        plan.tables.push(table);
    }
    Ok(plan)
}

/// A listener answers every notification by writing to its descriptor, so the call that would hand the
/// descriptor over must not wait for it (runc refuses the same).
fn check_notifications(seccomp: &LinuxSeccomp) -> Result<()> {
    const NOTIFY: LinuxSeccompAction = LinuxSeccompAction::ScmpActNotify;
    ensure!(seccomp.default_action() != NOTIFY, "SCMP_ACT_NOTIFY cannot be used as default action");
    let mut notified = rules_of(seccomp).iter().filter(|rule| rule.action() == NOTIFY).peekable();
    let listens = seccomp.listener_path().as_ref().is_some_and(|path| !path.as_os_str().is_empty());
    ensure!(notified.peek().is_none() || listens, "SCMP_ACT_NOTIFY needs a listenerPath");
    let names_write = notified.any(|rule| rule.names().iter().any(|name| name == "write"));
    ensure!(!names_write, "SCMP_ACT_NOTIFY cannot be used for the write syscall");
    Ok(())
}

/// A default that lets calls through also lets new ones through; a tracer is taken to know them.
fn newer(seccomp: &LinuxSeccomp, default: u32) -> u32 {
    match seccomp.default_action() {
        LinuxSeccompAction::ScmpActAllow
        | LinuxSeccompAction::ScmpActLog
        | LinuxSeccompAction::ScmpActTrace => default,
        _ => errno(libc::ENOSYS),
    }
}

/// The native interface, and of the others that this kernel may have those that the profile names.
fn abis(seccomp: &LinuxSeccomp) -> impl Iterator<Item = Abi> {
    let named = seccomp.architectures().as_deref().unwrap_or_default();
    Abi::HOST.iter().copied().filter(|abi| *abi == Abi::NATIVE || named.contains(&abi.oci()))
}

/// What the profile says about one call.
#[derive(Default)]
struct Call {
    always: Option<u32>,
    rules: Vec<Rule>,
}

fn table(abi: Abi, seccomp: &LinuxSeccomp, plan: &mut Plan) -> Result<Table> {
    let mut calls: BTreeMap<u32, Call> = BTreeMap::new();
    let mut known = Vec::new();
    for syscall in rules_of(seccomp) {
        known.extend(syscall.names().iter().filter_map(|name| abi.number(name)));
        let action = answer(syscall.action(), syscall.errno_ret())?;
        if action == plan.default {
            continue;
        }
        for name in syscall.names() {
            add_call(&mut calls, abi, name, &rules(syscall, action, abi)?, action);
        }
    }
    let verdicts = calls.into_iter().map(|(number, call)| (number, verdict(call, plan))).collect();
    Ok(Table::new(abi, verdicts).knowing(known.into_iter()))
}

fn add_call(calls: &mut BTreeMap<u32, Call>, abi: Abi, name: &str, rules: &[Rule], action: u32) {
    if let Some(number) = abi.number(name) {
        let call = calls.entry(number).or_default();
        if rules.is_empty() {
            call.always.get_or_insert(action);
        }
        call.rules.extend_from_slice(rules);
    }
    // Where the arguments matter they are behind a pointer and out of a filter's sight.
    if abi == Abi::X86 && rules.is_empty() {
        add_multiplexed(calls, name, action);
    }
}

fn add_multiplexed(calls: &mut BTreeMap<u32, Call>, name: &str, action: u32) {
    let Some((_, by, selector)) = MULTIPLEXED.iter().find(|(call, _, _)| *call == name) else { return };
    if let Some(number) = Abi::X86.number(by) {
        let comparison = Comparison::Equal((*selector).into());
        let rule = Rule { conditions: vec![Condition { index: 0, comparison }], action };
        calls.entry(number).or_default().rules.push(rule);
    }
}

fn verdict(call: Call, plan: &mut Plan) -> Verdict {
    if let Some(action) = call.always {
        return Verdict::Return(action);
    }
    let known = plan.rules.iter().position(|rules| *rules == call.rules);
    Verdict::Rules(known.unwrap_or_else(|| {
        plan.rules.push(call.rules);
        plan.rules.len() - 1
    }))
}

/// The rules on the arguments of one entry; none if it has no arguments.
fn rules(syscall: &LinuxSyscall, action: u32, abi: Abi) -> Result<Vec<Rule>> {
    let arguments = syscall.args().as_deref().unwrap_or_default();
    let conditions: Vec<Condition> =
        arguments.iter().map(|argument| condition(argument, abi)).collect::<Result<_>>()?;
    let repeats = |at: usize| conditions[..at].iter().any(|earlier| earlier.index == conditions[at].index);
    Ok(if conditions.is_empty() {
        Vec::new()
    } else if (1..conditions.len()).any(repeats) {
        conditions.into_iter().map(|condition| Rule { conditions: vec![condition], action }).collect()
    } else {
        vec![Rule { conditions, action }]
    })
}

fn condition(argument: &LinuxSeccompArg, abi: Abi) -> Result<Condition> {
    let value = argument.value();
    let comparison = match argument.op() {
        LinuxSeccompOperator::ScmpCmpNe => Comparison::NotEqual(value),
        LinuxSeccompOperator::ScmpCmpLt => Comparison::Less(value),
        LinuxSeccompOperator::ScmpCmpLe => Comparison::LessOrEqual(value),
        LinuxSeccompOperator::ScmpCmpEq => Comparison::Equal(value),
        LinuxSeccompOperator::ScmpCmpGe => Comparison::GreaterOrEqual(value),
        LinuxSeccompOperator::ScmpCmpGt => Comparison::Greater(value),
        LinuxSeccompOperator::ScmpCmpMaskedEq => {
            Comparison::Masked { mask: value, value: argument.value_two().unwrap_or(0) }
        }
    };
    match u8::try_from(argument.index()) {
        Ok(index @ 0..=5) => Ok(Condition {
            index,
            comparison: if abi.is_narrow() { comparison.narrow() } else { comparison },
        }),
        _ => bail!("seccomp profile: a system call has no argument {}", argument.index()),
    }
}

/// The kernel's number for an action.
fn answer(action: LinuxSeccompAction, errno_ret: Option<u32>) -> Result<u32> {
    let takes_number = matches!(action, LinuxSeccompAction::ScmpActErrno | LinuxSeccompAction::ScmpActTrace);
    match errno_ret {
        Some(_) if !takes_number => bail!("seccomp profile: {action} takes no errnoRet"),
        Some(number) if number > 0xffff => bail!("seccomp profile: errnoRet {number} is out of range"),
        _ => Ok(action.as_u32(errno_ret)),
    }
}
