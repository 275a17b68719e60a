//! Signals by name and number, as docker's flags write them.
//!
//! Numbers are Linux's on every architecture but MIPS, SPARC and Alpha (signal(7)).

/// The first of the real-time signals as programs see them; the C library keeps 32 and 33 for itself.
const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

/// Names without `SIG`; where a number has two names, the first is the one shown.
const NAMES: &[(&str, i32)] = &[
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
];

/// A text that names no signal. The text is docker's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid signal: {0}")]
pub struct InvalidSignal(String);

/// Every name, without `SIG`.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, _)| *name)
}

/// Reads `15`, `TERM`, `SIGTERM`, `rtmin+3` or `SIGRTMAX-14`, in any case.
pub fn parse(text: &str) -> Result<i32, InvalidSignal> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let number = match text.parse::<i32>() {
        Ok(number) => Some(number),
        Err(_) => named(name).or_else(|| real_time(name)),
    };
    number.filter(|number| (1..=RTMAX).contains(number)).ok_or_else(|| InvalidSignal(text.to_owned()))
}

fn named(name: &str) -> Option<i32> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

fn real_time(name: &str) -> Option<i32> {
    let number = match name {
        "RTMIN" => RTMIN,
        "RTMAX" => RTMAX,
        _ => match (name.strip_prefix("RTMIN+"), name.strip_prefix("RTMAX-")) {
            (Some(up), _) => RTMIN.checked_add(offset(up)?)?,
            (_, Some(down)) => RTMAX.checked_sub(offset(down)?)?,
            _ => return None,
        },
    };
    (RTMIN..=RTMAX).contains(&number).then_some(number)
}

/// Digits alone: a sign of its own would make `RTMIN+-1` a signal.
fn offset(text: &str) -> Option<i32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_numbers() {
        for (text, number) in [
            ("15", 15),
            ("TERM", 15),
            ("SIGTERM", 15),
            ("sigterm", 15),
            ("Hup", 1),
            ("IOT", 6),
            ("SIGCLD", 17),
            ("SIGPOLL", 29),
            ("RTMIN", 34),
            ("SIGRTMIN+0", 34),
            ("rtmin+15", 49),
            ("SIGRTMAX-14", 50),
            ("RTMAX", 64),
            ("RTMAX-30", 34),
            ("64", 64),
            ("33", 33),
        ] {
            assert_eq!(parse(text), Ok(number), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_none() {
        for text in [
            "",
            "0",
            "-1",
            "65",
            "SIG",
            "SIGSIGTERM",
            "TERM ",
            "BOGUS",
            "RTMIN+31",
            "RTMAX-31",
            "RTMIN-1",
            "RTMIN+-1",
            "RTMIN++1",
            "RTMIN+",
            "RTMIN+99999999999",
            "99999999999",
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.to_string(), format!("invalid signal: {text}"));
        }
    }

    #[test]
    fn agrees_with_the_kernel_headers() {
        for (name, number) in [("STKFLT", libc::SIGSTKFLT), ("PWR", libc::SIGPWR), ("URG", libc::SIGURG)] {
            assert_eq!(parse(name), Ok(number));
        }
        assert_eq!((RTMIN, RTMAX), (libc::SIGRTMIN(), libc::SIGRTMAX()));
    }
}
