//! Random names for containers, `adjective_surname`, as docker gives them.
//!
//! The words are our own: plain cheerful adjectives, and people who measured, sailed, built or found
//! something and died long enough ago.

/// A random name, e.g. `steady_harrison`.
pub fn random() -> String {
    let mut bytes = [0; 4];
    super::id::fill_random(&mut bytes);
    pick(u32::from_le_bytes(bytes))
}

/// The name that a number stands for; every pair of words is reached.
fn pick(number: u32) -> String {
    let number = number as usize % (ADJECTIVES.len() * SURNAMES.len());
    format!("{}_{}", ADJECTIVES[number % ADJECTIVES.len()], SURNAMES[number / ADJECTIVES.len()])
}

/// First words.
#[rustfmt::skip]
const ADJECTIVES: [&str; 146] = [
    "able", "agile", "alert", "amber", "ample", "apt", "arctic", "atlantic", "baltic", "bold", "bonny",
    "brave", "breezy", "bright", "brisk", "bronze", "buoyant", "calm", "candid", "canny", "careful",
    "cheery", "chief", "civil", "clear", "clever", "coastal", "cobalt", "copper", "coral", "cosy", "crisp",
    "daring", "deep", "deft", "devoted", "distant", "eager", "early", "earnest", "easy", "even", "fair",
    "faithful", "fast", "fearless", "fine", "firm", "fleet", "fluent", "frank", "free", "fresh", "gallant",
    "gentle", "gifted", "glad", "golden", "good", "grand", "hale", "handy", "hardy", "hearty", "honest",
    "humble", "ivory", "jolly", "keen", "kind", "lasting", "lively", "loyal", "lucid", "lucky", "mellow",
    "merry", "mighty", "mild", "misty", "modest", "native", "neat", "nimble", "noble", "nordic", "open",
    "patient", "plucky", "polar", "prompt", "proud", "quick", "quiet", "rapid", "ready", "restless",
    "robust", "rosy", "round", "salty", "serene", "sharp", "shining", "silent", "silver", "simple",
    "sincere", "sleek", "smart", "snug", "solid", "sound", "speedy", "spry", "stable", "starry", "steady",
    "stellar", "stout", "strong", "sturdy", "sunny", "sure", "swift", "tall", "tender", "thrifty", "tidal",
    "tidy", "tireless", "tranquil", "trim", "true", "trusty", "upbeat", "valiant", "vast", "vivid", "warm",
    "watchful", "wise", "witty", "worthy", "young", "zesty",
];

/// Second words.
#[rustfmt::skip]
const SURNAMES: [&str; 308] = [
    "agnesi", "agricola", "airy", "alberti", "alhazen", "alvarez", "amontons", "amundsen", "anning",
    "apollonius", "appert", "arago", "archimedes", "argelander", "aryabhata", "ayrton", "baekeland",
    "baffin", "baird", "banks", "barents", "bascom", "bazalgette", "beaufort", "behaim", "bering", "bessel",
    "bessemer", "biruni", "blackburn", "blanchard", "boole", "borda", "borlaug", "bouguer", "boulton",
    "bowditch", "boyle", "bradley", "brahe", "bramah", "brendan", "brindley", "brown", "brunel", "bunsen",
    "byron", "cabot", "cabral", "cannon", "carnot", "cartier", "cassini", "cavendish", "caxton",
    "celsius", "chapman", "chappe", "chatelet", "chichester", "clairaut", "clapeyron", "coanda", "cochrane",
    "colding", "cook", "cooper", "copernicus", "coriolis", "cort", "coulomb", "crompton", "cugnot",
    "curtiss", "cuvier", "daguerre", "daimler", "dalton", "dampier", "darby", "darwin", "davis", "davy",
    "descartes", "deville", "diaz", "diesel", "dobereiner", "dollond", "doppler", "drake", "drebbel",
    "dufour", "dumont", "eads", "earnshaw", "eckert", "eiffel", "ekman", "elder", "ellet",
    "eratosthenes", "ericsson", "eriksson", "euclid", "euler", "evans", "faraday", "fermat", "fessenden",
    "fick", "finlay", "finsen", "fitzroy", "flinders", "foucault", "fourier", "franklin", "fraunhofer",
    "fresnel", "frobisher", "fulton", "galilei", "galton", "galvani", "gama", "gauss", "germain", "giffard",
    "gilbert", "goddard", "goethals", "gooch", "graham", "gresham", "grimaldi", "guericke", "gutenberg",
    "hadley", "halley", "hamilton", "harrison", "harvey", "heaviside", "helmholtz", "henry", "herreshoff",
    "herschel", "hertz", "hipparchus", "hooke", "hopkinson", "hudson", "humboldt", "hunley", "hutton",
    "huygens", "hypatia", "jacquard", "jansky", "jenner", "joule", "kaplan", "kelvin", "kepler",
    "khwarizmi", "kirchhoff", "kovalevsky", "laennec", "lagrange", "lalande", "lamarr", "lambert",
    "langley", "laplace", "lavoisier", "lawes", "leavitt", "leeuwenhoek", "leibniz", "lenoir", "lenz",
    "lilienthal", "linnaeus", "lister", "locke", "lomonosov", "lovelace", "lyell", "mach", "magellan",
    "magnus", "malpighi", "marconi", "maskelyne", "maudslay", "maury", "maxwell", "mayer", "meikle",
    "mendel", "mercator", "michell", "mitchell", "moissan", "monge", "montgolfier", "morland", "morse",
    "mudge", "murdoch", "mushet", "nansen", "napier", "nares", "nasmyth", "navier", "newcomen", "newton",
    "niepce", "nobel", "nordenskiold", "oersted", "ohm", "otis", "otto", "papin", "parry", "parsons",
    "pascal", "pasteur", "peary", "peltier", "perkin", "petrov", "piccard", "pickard", "planck", "plimsoll",
    "poisson", "polhem", "pritchard", "ptolemy", "pythagoras", "rankine", "rayleigh", "reaumur", "reis",
    "rennie", "reynolds", "ritter", "roebuck", "roemer", "ross", "rumford", "rumsey", "russell", "sabine",
    "santos", "savery", "scoresby", "seebeck", "shackleton", "siemens", "slocum", "smeaton", "snell",
    "sobrero", "somerville", "sopwith", "spallanzani", "stevin", "stirling", "stokes", "swan", "symington",
    "talbot", "tasman", "telford", "tesla", "thales", "torricelli", "trevithick", "tsiolkovsky", "tull",
    "turing", "vancouver", "vauban", "vespucci", "viete", "vinci", "vitruvius", "volta", "wallis", "watt",
    "wedgwood", "wegener", "weston", "wheatstone", "whewell", "whitney", "whitworth", "wilkes", "wilkinson",
    "wren", "wright", "zeppelin", "zheng",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::is_valid_name;
    use std::collections::HashSet;

    #[test]
    fn words_are_distinct_and_plain() {
        for words in [&ADJECTIVES[..], &SURNAMES[..]] {
            let distinct: HashSet<_> = words.iter().collect();
            assert_eq!(distinct.len(), words.len());
            assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())));
        }
    }

    #[test]
    fn numbers_reach_every_pair() {
        let pairs = ADJECTIVES.len() * SURNAMES.len();
        let names: HashSet<_> = (0..pairs as u32).map(pick).collect();
        assert_eq!(names.len(), pairs);
        assert_eq!(pick(pairs as u32), pick(0));
    }

    #[test]
    fn names_may_name_a_container() {
        assert!(is_valid_name(&random()));
    }
}
