//! What is said to a question: pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use simple_dns::rdata::{OPT, PTR, RData};
use simple_dns::{
    CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord, SimpleDnsError,
    TYPE, header_buffer,
};

use super::roster::{Found, Wanted};

/// Seconds for which an answer may be kept: containers come and go.
const TTL: u32 = 1;

/// The length of a header, in bytes (RFC 1035, 4.1.1).
const HEADER: usize = 12;

/// The longest answer in a datagram to who does not say that it takes more (RFC 1035, 4.2.1), and to who does.
const SHORT: usize = 512;
const LONG: usize = 4096;

/// A question comes with an OPT record and perhaps a signature; one with more than this is not meant well.
const MOST_ADDITIONAL: u16 = 4;

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Transport {
    Datagram,
    Stream,
}

/// What becomes of a packet.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    Answer(Vec<u8>),
    /// Others are to be asked.
    Forward,
    /// Not a question.
    Ignore,
}

/// Judges what somebody sent; `find` looks up what it asks for.
pub fn judge(packet: &[u8], transport: Transport, find: impl FnOnce(&Wanted) -> Found) -> Verdict {
    if !matches!(header_buffer::has_flags(packet, PacketFlag::RESPONSE), Ok(false)) {
        return Verdict::Ignore;
    }
    if header_buffer::opcode(packet) != Ok(OPCODE::StandardQuery) {
        return Verdict::Answer(bare(packet, RCODE::NotImplemented));
    }
    let head = head(packet);
    let query = match head.as_deref().map(Packet::parse) {
        Some(Ok(query)) => query,
        Some(Err(SimpleDnsError::InvalidQType(_))) => return judge_unknown(packet, transport, find),
        _ => return Verdict::Answer(bare(packet, RCODE::FormatError)),
    };
    let Some(question) = query.questions.first() else {
        return Verdict::Answer(bare(packet, RCODE::FormatError));
    };
    match question.qtype {
        QTYPE::AXFR | QTYPE::IXFR => return Verdict::Answer(reply(&query, RCODE::Refused, Vec::new())),
        _ if !matches!(question.qclass, QCLASS::CLASS(CLASS::IN) | QCLASS::ANY) => return Verdict::Forward,
        _ => {}
    }
    let (code, records) = match find(&wanted(question)) {
        Found::Elsewhere => return Verdict::Forward,
        Found::Nobody => (RCODE::NameError, Vec::new()),
        Found::Addresses(addresses) => (RCODE::NoError, of_addresses(question, &addresses)),
        Found::Name(name) => (RCODE::NoError, of_name(question, &name)),
    };
    Verdict::Answer(fit(reply(&query, code, records), packet, transport))
}

/// Judges a question for a kind of record that is unknown here: of who is here there is none, and of others somebody
/// else may know. That a name is nobody's would be believed of its addresses too.
fn judge_unknown(packet: &[u8], transport: Transport, find: impl FnOnce(&Wanted) -> Found) -> Verdict {
    let Some(at) = kind_at(packet) else { return Verdict::Answer(bare(packet, RCODE::FormatError)) };
    let mut known = packet.to_vec();
    known[at..at + 2].copy_from_slice(&u16::from(TYPE::NULL).to_be_bytes());
    let mut verdict = judge(&known, transport, find);
    if let Verdict::Answer(answer) = &mut verdict
        && let Some(kind) = answer.get_mut(at..at + 2)
    {
        kind.copy_from_slice(&packet[at..at + 2]);
    }
    verdict
}

/// Where the kind of the first question is: behind its name.
fn kind_at(packet: &[u8]) -> Option<usize> {
    let mut at = HEADER;
    loop {
        match packet.get(at)? {
            0 => break,
            // A question has nothing before it that its name could lead to.
            length @ 1..=63 => at += 1 + usize::from(*length),
            _ => return None,
        }
    }
    packet.get(at + 1..at + 3).map(|_| at + 1)
}

/// Why a question cannot be answered. A packet that cannot be read gets no more than its id back.
pub fn refuse(packet: &[u8], code: RCODE) -> Vec<u8> {
    match head(packet).as_deref().map(Packet::parse) {
        Some(Ok(query)) => reply(&query, code, Vec::new()),
        _ => bare(packet, code),
    }
}

/// An answer that is too long for a datagram is replaced by the advice to ask again over TCP.
pub fn fit(answer: Vec<u8>, packet: &[u8], transport: Transport) -> Vec<u8> {
    let head = head(packet);
    let query = head.as_deref().and_then(|head| Packet::parse(head).ok());
    let accepted = query.as_ref().and_then(Packet::opt).map_or(SHORT, |opt| opt.udp_packet_size.into());
    if transport == Transport::Stream || answer.len() <= accepted.clamp(SHORT, LONG) {
        return answer;
    }
    let mut short = refuse(packet, RCODE::NoError);
    if let Some(flags) = short.get_mut(2) {
        *flags |= (PacketFlag::TRUNCATION.bits() >> 8) as u8;
    }
    short
}

/// Whether a packet is the answer to a question that was sent with this id.
pub fn is_answer(answer: &[u8], query: &[u8], id: u16) -> bool {
    if header_buffer::id(answer) != Ok(id)
        || header_buffer::has_flags(answer, PacketFlag::RESPONSE) != Ok(true)
    {
        return false;
    }
    // A server that does not understand may not repeat the question.
    if header_buffer::questions(answer) == Ok(0) {
        return header_buffer::rcode(answer) != Ok(RCODE::NoError);
    }
    let (asked, answered) = (question_of(query), question_of(answer));
    match (asked, answered) {
        (Some(asked), Some(answered)) => {
            asked.qname == answered.qname && asked.qtype == answered.qtype && asked.qclass == answered.qclass
        }
        // Of a kind that is unknown here.
        (None, None) => true,
        _ => false,
    }
}

fn question_of(packet: &[u8]) -> Option<Question<'static>> {
    let mut head = head(packet)?;
    head[10..HEADER].fill(0);
    let mut questions = Packet::parse(&head).ok()?.questions;
    (questions.len() == 1).then(|| questions.remove(0).into_owned())
}

/// The part of a packet that is looked at, the question and what says how to answer it; none if it has not exactly
/// one question. The numbers of records are what anybody may write there, so nothing is made by them.
fn head(packet: &[u8]) -> Option<Vec<u8>> {
    let additional = header_buffer::additional_records(packet).ok()?;
    if header_buffer::questions(packet) != Ok(1) {
        return None;
    }
    let mut head = packet.to_vec();
    if header_buffer::has_flags(packet, PacketFlag::RESPONSE) == Ok(true) || additional > MOST_ADDITIONAL {
        head[10..HEADER].fill(0);
    }
    head[6..10].fill(0);
    Some(head)
}

/// A header alone.
fn bare(packet: &[u8], code: RCODE) -> Vec<u8> {
    let mut packet = Packet::new_reply(header_buffer::id(packet).unwrap_or_default());
    *packet.rcode_mut() = code;
    packet.build_bytes_vec().unwrap_or_default()
}

fn reply(query: &Packet<'_>, code: RCODE, records: Vec<ResourceRecord<'_>>) -> Vec<u8> {
    let mut reply = Packet::new_reply(query.id());
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
    for flag in [PacketFlag::RECURSION_DESIRED, PacketFlag::CHECKING_DISABLED] {
        if query.has_flags(flag) {
            reply.set_flags(flag);
        }
    }
    *reply.rcode_mut() = code;
    reply.questions.clone_from(&query.questions);
    reply.answers = records;
    // Who speaks EDNS is answered in it (RFC 6891, 6.1.1).
    *reply.opt_mut() =
        query.opt().map(|_| OPT { opt_codes: Vec::new(), udp_packet_size: LONG as u16, version: 0 });
    reply.build_bytes_vec_compressed().unwrap_or_else(|_| Vec::new())
}

/// What a question looks for: an address where the name is one's (RFC 1035, 3.5; RFC 3596, 2.5).
fn wanted(question: &Question<'_>) -> Wanted {
    let labels: Vec<_> = question
        .qname
        .iter()
        .map(|label| String::from_utf8_lossy(label.as_ref()).to_ascii_lowercase())
        .collect();
    let labels: Vec<_> = labels.iter().map(String::as_str).collect();
    match address(&labels) {
        Some(address) => Wanted::Address(address),
        None => Wanted::Name(labels.join(".")),
    }
}

fn address(labels: &[&str]) -> Option<IpAddr> {
    match labels {
        [digits @ .., "in-addr", "arpa"] if digits.len() == 4 => {
            let digits: Vec<_> = digits.iter().rev().copied().collect();
            digits.join(".").parse().ok().map(|address: Ipv4Addr| address.into())
        }
        [digits @ .., "ip6", "arpa"] if digits.len() == 32 && digits.iter().all(|digit| digit.len() == 1) => {
            let digits: String = digits.iter().rev().copied().collect();
            let bits = u128::from_str_radix(&digits, 16).ok()?;
            Some(Ipv6Addr::from_bits(bits).into())
        }
        _ => None,
    }
}

/// The records of the family that was asked for. Who takes the first comes to another each time.
fn of_addresses<'a>(question: &Question<'a>, addresses: &[IpAddr]) -> Vec<ResourceRecord<'a>> {
    let any = question.qtype == QTYPE::ANY;
    let record = |address: &IpAddr| {
        let (kind, data) = match address {
            IpAddr::V4(address) => (TYPE::A, RData::A((*address).into())),
            IpAddr::V6(address) => (TYPE::AAAA, RData::AAAA((*address).into())),
        };
        (any || question.qtype == QTYPE::TYPE(kind))
            .then(|| ResourceRecord::new(question.qname.clone(), CLASS::IN, TTL, data))
    };
    let mut records: Vec<_> = addresses.iter().filter_map(record).collect();
    if records.len() > 1 {
        let mut random = [0];
        crate::base::id::fill_random(&mut random);
        let by = usize::from(random[0]) % records.len();
        records.rotate_left(by);
    }
    records
}

fn of_name<'a>(question: &Question<'a>, name: &str) -> Vec<ResourceRecord<'a>> {
    if !matches!(question.qtype, QTYPE::TYPE(TYPE::PTR) | QTYPE::ANY) {
        return Vec::new();
    }
    // A container's name may be longer than a label; it has no address then, and nobody looks for it.
    let Ok(name) = Name::new(name) else { return Vec::new() };
    let data = RData::PTR(PTR(name.into_owned()));
    vec![ResourceRecord::new(question.qname.clone(), CLASS::IN, TTL, data)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn query(name: &str, kind: QTYPE) -> Vec<u8> {
        let mut packet = Packet::new_query(7);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let name = Name::new(name).unwrap();
        packet.questions.push(Question::new(name, kind, QCLASS::CLASS(CLASS::IN), false));
        packet.build_bytes_vec().unwrap()
    }

    /// Knows `web` and 10.0.0.2, and that nobody has 10.0.0.9.
    fn find(wanted: &Wanted) -> Found {
        match wanted {
            Wanted::Name(name) if name == "web" => {
                Found::Addresses(vec!["10.0.0.2".parse().unwrap(), "fd00::2".parse().unwrap()])
            }
            Wanted::Name(name) if name == "crowd" => {
                Found::Addresses((0..100).map(|number| [10, 0, 0, number].into()).collect())
            }
            Wanted::Address(address) if *address == IpAddr::from([10, 0, 0, 2]) => {
                Found::Name("web.lan".to_owned())
            }
            Wanted::Address(IpAddr::V6(_)) => Found::Name("six.lan".to_owned()),
            Wanted::Address(address) if *address == IpAddr::from([10, 0, 0, 9]) => Found::Nobody,
            _ => Found::Elsewhere,
        }
    }

    /// The code and the records of an answer, as text; "forward" or "ignore" for the rest.
    fn outcome(packet: &[u8]) -> String {
        match judge(packet, Transport::Datagram, find) {
            Verdict::Forward => "forward".to_owned(),
            Verdict::Ignore => "ignore".to_owned(),
            Verdict::Answer(answer) => {
                let answer = Packet::parse(&answer).unwrap();
                assert_eq!((answer.id(), answer.has_flags(PacketFlag::RESPONSE)), (7, true));
                let data = |record: &ResourceRecord<'_>| match &record.rdata {
                    RData::A(a) => Ipv4Addr::from(a.address).to_string(),
                    RData::AAAA(a) => Ipv6Addr::from(a.address).to_string(),
                    RData::PTR(name) => name.0.to_string(),
                    other => format!("{other:?}"),
                };
                let records: Vec<_> = answer.answers.iter().map(data).collect();
                format!("{:?} {}", answer.rcode(), records.join(","))
            }
        }
    }

    #[test]
    fn questions_and_what_is_said() {
        let six = format!("2.{}d.f.ip6.arpa", "0.".repeat(29));
        for (name, kind, want) in [
            ("web", TYPE::A.into(), "NoError 10.0.0.2"),
            ("WEB", TYPE::A.into(), "NoError 10.0.0.2"),
            ("web", TYPE::AAAA.into(), "NoError fd00::2"),
            ("web", TYPE::MX.into(), "NoError "),
            ("web", TYPE::HTTPS.into(), "NoError "),
            ("web", QTYPE::AXFR, "Refused "),
            ("example.org", TYPE::A.into(), "forward"),
            ("2.0.0.10.in-addr.arpa", TYPE::PTR.into(), "NoError web.lan"),
            ("2.0.0.10.IN-ADDR.ARPA", TYPE::PTR.into(), "NoError web.lan"),
            ("2.0.0.10.in-addr.arpa", TYPE::A.into(), "NoError "),
            ("9.0.0.10.in-addr.arpa", TYPE::PTR.into(), "NameError "),
            ("8.8.8.8.in-addr.arpa", TYPE::PTR.into(), "forward"),
            ("1.2.in-addr.arpa", TYPE::PTR.into(), "forward"),
            (six.as_str(), TYPE::PTR.into(), "NoError six.lan"),
        ] {
            assert_eq!(outcome(&query(name, kind)), want, "{name} {kind:?}");
        }
    }

    #[test]
    fn packets_that_are_no_questions() {
        let good = query("web", TYPE::A.into());
        let with = |at: usize, byte: u8| {
            let mut packet = good.clone();
            packet[at] = byte;
            packet
        };
        for (what, packet, want) in [
            ("empty", vec![], "ignore"),
            ("short", good[..11].to_vec(), "ignore"),
            ("an answer", with(2, 0x81), "ignore"),
            ("an update", with(2, 5 << 3), "NotImplemented "),
            ("no question", with(5, 0), "FormatError "),
            ("two questions", with(5, 2), "FormatError "),
            ("cut off", good[..good.len() - 3].to_vec(), "FormatError "),
            ("header only", good[..12].to_vec(), "FormatError "),
            ("a name that leads to itself", [&good[..12], &[0xc0, 12, 0, 1, 0, 1]].concat(), "FormatError "),
            ("many answers said to follow", with(6, 0xff), "NoError 10.0.0.2"),
            ("many records said to follow", with(10, 0xff), "NoError 10.0.0.2"),
            ("another class", with(good.len() - 1, 3), "forward"),
        ] {
            assert_eq!(outcome(&packet), want, "{what}");
        }
    }

    #[test]
    fn there_is_no_record_of_an_unknown_kind() {
        let of_unknown_kind = |name: &str| {
            let mut packet = query(name, TYPE::A.into());
            let at = packet.len() - 4;
            packet[at] = 0xfe;
            packet
        };
        let asked = of_unknown_kind("web");
        let Verdict::Answer(answer) = judge(&asked, Transport::Datagram, find) else { panic!("no answer") };
        assert_eq!(header_buffer::rcode(&answer), Ok(RCODE::NoError));
        assert_eq!(header_buffer::answers(&answer), Ok(0));
        assert_eq!(answer[HEADER..], asked[HEADER..], "the question is repeated as it was");
        assert_eq!(outcome(&of_unknown_kind("example.org")), "forward");
    }

    #[test]
    fn a_long_answer_is_for_who_can_take_it() {
        let plain = query("crowd", TYPE::A.into());
        let mut packet = Packet::parse(&plain).unwrap();
        *packet.opt_mut() = Some(OPT { opt_codes: Vec::new(), udp_packet_size: 4096, version: 0 });
        let extended = packet.build_bytes_vec().unwrap();
        for (query, transport, is_whole) in [
            (&plain, Transport::Datagram, false),
            (&plain, Transport::Stream, true),
            (&extended, Transport::Datagram, true),
        ] {
            let Verdict::Answer(bytes) = judge(query, transport, find) else { panic!("no answer") };
            let answer = Packet::parse(&bytes).unwrap();
            assert_eq!(answer.has_flags(PacketFlag::TRUNCATION), !is_whole);
            assert_eq!(answer.answers.len(), if is_whole { 100 } else { 0 });
            assert_eq!(answer.opt().is_some(), query == &extended);
        }
    }

    #[test]
    fn only_what_was_asked_is_an_answer() {
        let asked = query("example.org", TYPE::A.into());
        let answer = |packet: &[u8]| refuse(packet, RCODE::NoError);
        assert!(is_answer(&answer(&asked), &asked, 7));
        assert!(is_answer(&answer(&query("EXAMPLE.org", TYPE::A.into())), &asked, 7));
        assert!(is_answer(&bare(&asked, RCODE::FormatError), &asked, 7));
        for (what, packet, id) in [
            ("another id", answer(&asked), 8),
            ("the question itself", asked.clone(), 7),
            ("another name", answer(&query("example.com", TYPE::A.into())), 7),
            ("another kind", answer(&query("example.org", TYPE::AAAA.into())), 7),
            ("nothing", vec![], 7),
            ("a header", bare(&asked, RCODE::NoError), 7),
        ] {
            assert!(!is_answer(&packet, &asked, id), "{what}");
        }
    }

    proptest! {
        /// Whatever is sent, something is decided; and what is said is a packet with the id of the question.
        #[test]
        fn nothing_that_is_sent_does_harm(
            base in prop::sample::select(vec!["web", "crowd", "example.org", "2.0.0.10.in-addr.arpa"]),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            tail in prop::collection::vec(any::<u8>(), 0..64),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut packet = query(base, TYPE::A.into());
            packet.extend(tail);
            for (at, byte) in changes {
                let at = at.index(packet.len());
                packet[at] = byte;
            }
            packet.truncate(cut.index(packet.len() + 1));
            for transport in [Transport::Datagram, Transport::Stream] {
                if let Verdict::Answer(answer) = judge(&packet, transport, find) {
                    prop_assert_eq!(&answer[..2], &packet[..2]);
                    prop_assert!(transport == Transport::Stream || answer.len() <= LONG);
                }
            }
            is_answer(&packet, &query(base, TYPE::A.into()), 7);
            refuse(&packet, RCODE::ServerFailure);
        }
    }
}
