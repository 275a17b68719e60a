//! BuildKit's own tables of words, as far as they are about Unix.

use super::*;

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// `shell/envVarTest` of BuildKit; `error` where the word is refused.
const WORDS: &[(&str, &str)] = &[
    ("hello", "hello"),
    ("he'll'o", "hello"),
    ("he'llo", "error"),
    (r"he\'llo", "he'llo"),
    (r"he\\'llo", "error"),
    (r"abc\tdef", "abctdef"),
    (r#""abc\tdef""#, r"abc\tdef"),
    (r#""abc\\tdef""#, r"abc\tdef"),
    (r"'abc\tdef'", r"abc\tdef"),
    (r"hello\", "hello"),
    (r"hello\\", r"hello\"),
    (r#""hello"#, "error"),
    (r#""hello\""#, "error"),
    (r#""hel'lo""#, "hel'lo"),
    ("'hello", "error"),
    (r"'hello\'", r"hello\"),
    (r"'hello\\there'", r"hello\\there"),
    (r#""''""#, "''"),
    ("$.", "$."),
    ("he$1x", "hex"),
    ("he$.x", "he$.x"),
    ("he$pwd.", "he."),
    ("he$PWD", "he/home"),
    (r"he\$PWD", "he$PWD"),
    (r"he\\$PWD", r"he\/home"),
    (r#""he\$PWD""#, "he$PWD"),
    (r#""he\\$PWD""#, r"he\/home"),
    (r"\${}", "${}"),
    (r"he\${}xx", "he${}xx"),
    ("${}", "error"),
    ("${}aaa", "error"),
    ("he${hi}xx", "hexx"),
    ("he${PWD}", "he/home"),
    ("he${.}", "error"),
    ("he${XXX:-000}xx", "he000xx"),
    ("he${PWD:-000}xx", "he/homexx"),
    ("he${XXX:-$PWD}xx", "he/homexx"),
    ("he${XXX:-${PWD:-yyy}}xx", "he/homexx"),
    ("he${XXX:-${YYY:-yyy}}xx", "heyyyxx"),
    ("he${XXX:YYY}", "error"),
    ("he${XXX?}", "error"),
    ("he${XXX:?}", "error"),
    ("he${PWD:?}", "he/home"),
    ("he${NULL?}", "he"),
    ("he${NULL:?}", "error"),
    ("he${XXX:+${PWD}}xx", "hexx"),
    ("he${PWD:+${XXX}}xx", "hexx"),
    ("he${PWD:+${SHELL}}xx", "hebashxx"),
    ("he${PWD:+000}xx", "he000xx"),
    ("'he${XX}'", "he${XX}"),
    (r#""he'$PWD'""#, "he'/home'"),
    ("'$PWD'", "$PWD"),
    (r"'\$PWD'", r"\$PWD"),
    (r#"'"hello"'"#, r#""hello""#),
    ("he${PWD", "error"),
    ("he${PWD:=000}xx", "error"),
    ("he${PWD:+${PWD}:}xx", "he/home:xx"),
    (r"he${XXX:-\$PWD:}xx", "he$PWD:xx"),
    (r"he${XXX:-\${PWD}z}xx", "he${PWDz}xx"),
    ("안'녕'하세요", "안녕하세요"),
    (r"안녕\'하세요", "안녕'하세요"),
    (r"안녕\t하세요", "안녕t하세요"),
    (r#""안녕하세요\""#, "error"),
    ("안녕$KOREAN", "안녕한국어"),
    ("안녕$1x", "안녕x"),
    ("${{aaa}", "error"),
    ("${aaa}}", "}"),
    ("${aaa", "error"),
    ("${{aaa:-bbb}", "error"),
    ("${aaa:-bbb}}", "bbb}"),
    ("${aaa:-${bbb:-ccc}}", "ccc"),
    ("${aaa:-bbb ${foo}", "error"),
    ("${aaa:-bbb {foo}", "bbb {foo"),
    ("${:}", "error"),
    ("${:-bbb}", "error"),
    ("$1", ""),
    ("${1:+bbb}", ""),
    ("${1:-bbb}", "bbb"),
    ("$999aaa", "aaa"),
    ("${999}aaa", "aaa"),
    ("$001", ""),
    ("$@@@", "@@"),
    ("${@:-bbb}aaa", "bbbaaa"),
    ("$*", ""),
    ("${#:-bbb}", "bbb"),
    ("$?", ""),
    ("${-:-bbb}", "bbb"),
    ("$$", ""),
    ("${!:-bbb}", "bbb"),
    ("${0:-bbb}", "bbb"),
];

#[test]
fn words_as_buildkit_expands_them() {
    let variables = variables(&[("PWD", "/home"), ("SHELL", "bash"), ("KOREAN", "한국어"), ("NULL", "")]);
    for (word, want) in WORDS {
        match expand(word, &variables, Rules::new('\\')) {
            Ok(expanded) => assert_eq!(expanded.text, *want, "{word}"),
            Err(error) => assert_eq!(*want, "error", "{word}: {error}"),
        }
    }
}

#[test]
fn patterns_as_buildkit_matches_them() {
    type Case = (&'static str, &'static [(&'static str, &'static str)], &'static str);
    let table: &[Case] = &[
        ("${FOO-aaa} ${BAR-bbb} ${BAZ-ccc}", &[("FOO", "xxx"), ("BAR", "")], "xxx  ccc"),
        ("${FOO+aaa} ${BAR+bbb} ${BAZ+ccc}", &[("FOO", "xxx"), ("BAR", "")], "aaa bbb "),
        ("${FOO=aaa}", &[("FOO", "xxx")], "error"),
        ("${FOO#()[]{\\}^$.\\*\\?|\\\\}", &[("FOO", "()[]{}^$.*?|\\x")], "x"),
        ("${FOO%%\\**}", &[("FOO", "xx**")], "xx"),
        ("${FOO#*x*y}", &[("FOO", "xxyy")], "y"),
        ("${FOO#*}", &[("FOO", "xxyy")], "xxyy"),
        ("${FOO#$BAR}", &[("FOO", "xxyy"), ("BAR", "x")], "xyy"),
        ("${FOO#$BAR}", &[("FOO", "xxyy"), ("BAR", "")], "xxyy"),
        ("${FOO##*x}", &[("FOO", "xxyy")], "yy"),
        ("${FOO##}", &[("FOO", "xxyy")], "xxyy"),
        ("${FOO#?\\?}", &[("FOO", "???y")], "?y"),
        ("${ABC:-.}${FOO%x}${ABC:-.}", &[("FOO", "xxyy")], ".xxyy."),
        ("${FOO%%\\**\\*}", &[("FOO", "a***yy*")], "a"),
        ("${FOO%}", &[("FOO", "xxyy")], "xxyy"),
        ("${FOO%.*} ${FOO%%.*}", &[("FOO", "a.b.c")], "a.b a"),
        (
            "${FOO/$NEEDLE/.} - ${FOO//$NEEDLE/.}",
            &[("FOO", "/foo*/*/*.txt"), ("NEEDLE", "\\*/")],
            "/foo.*/*.txt - /foo..*.txt",
        ),
        (
            "${FOO/$NEEDLE/} - ${FOO//$NEEDLE/}",
            &[("FOO", "/tmp/tmp/bar.txt"), ("NEEDLE", "/tmp")],
            "/tmp/bar.txt - /bar.txt",
        ),
        (
            "${FOO/$NEEDLE/$NEW} - ${FOO//$NEEDLE/$NEW}",
            &[("FOO", "/a/foo/b/c.txt"), ("NEEDLE", "/?/"), ("NEW", "/")],
            "/foo/b/c.txt - /foo/c.txt",
        ),
        ("${FOO//\\//\\/}", &[("FOO", "/tmp/foo.txt")], "\\/tmp\\/foo.txt"),
        ("${FOO/$BAR/ww}", &[("FOO", "xxyy"), ("BAR", "")], "wwxxyy"),
        ("${FOO//$BAR/-}", &[("FOO", "xy"), ("BAR", "")], "-x-y-"),
        ("${FOO//x*/-}", &[("FOO", "xy")], "-"),
        ("${FOO//ww}", &[("FOO", "xxyy")], "error"),
        ("${FOO//}", &[("FOO", "xxyy")], "error"),
        ("${FOO///}", &[("FOO", "xxyy")], "xxyy"),
        ("${FOO///}", &[], ""),
        ("${FOO#\\x}", &[("FOO", "x")], "error"),
        ("${FOO#*}", &[("FOO", "a\nb")], "a\nb"),
        ("${FOO##*}", &[("FOO", "a\nb")], "\nb"),
        (
            "something-${VERSION}.${OS}-${ARCH}${VARIANT:+-${VARIANT}}.tar.gz",
            &[("VERSION", "v1.2.3"), ("OS", "linux"), ("ARCH", "arm"), ("VARIANT", "v7")],
            "something-v1.2.3.linux-arm-v7.tar.gz",
        ),
    ];
    for (word, pairs, want) in table {
        match expand(word, &variables(pairs), Rules::new('\\')) {
            Ok(expanded) => assert_eq!(expanded.text, *want, "{word}"),
            Err(error) => assert_eq!(*want, "error", "{word}: {error}"),
        }
    }
}

#[test]
fn messages_of_mandatory_variables() {
    let set = variables(&[("ARG", "x"), ("EMPTY", "")]);
    for (word, want) in [
        ("${VAR:?message here$ARG}", "VAR: message herex"),
        ("${VAR?}", "VAR: is not allowed to be unset"),
        ("${EMPTY:?}", "EMPTY: is not allowed to be empty"),
    ] {
        let error = expand(word, &set, Rules::new('\\')).unwrap_err();
        assert_eq!(error.to_string(), format!("failed to process {word:?}: {want}"));
    }
}

#[test]
fn words_are_split_after_variables() {
    let set = variables(&[("A", "1 2"), ("B", "x")]);
    let words = |text: &str, rules| expand(text, &set, rules).unwrap().words;
    let usual = Rules::new('\\');
    assert_eq!(words("  $A  '3 4' a\"b c\"d \"$A\" ", usual), ["1", "2", "3 4", "ab cd", "1 2"]);
    assert_eq!(words(r"a\ b c", usual), ["a b", "c"]);
    assert_eq!(words("'' \"\" x", usual), ["x"]);
    let raw = Rules { keep_quotes: true, keep_escapes: true, keep_unset: true, ..usual };
    assert_eq!(
        words(r#"cat <<'EOF' $x ${y:-1} "a b" \'"#, raw),
        ["cat", "<<'EOF'", "$x", "${y:-1}", "\"a b\"", "\\'"]
    );
}

#[test]
fn what_was_used_and_what_was_not_set() {
    let set = variables(&[("FOO", "y")]);
    let expanded = expand("$FOO ${BAR:-$BAZ} '$NOT'", &set, Rules::new('\\')).unwrap();
    assert_eq!(expanded.used.iter().collect::<Vec<_>>(), ["FOO"]);
    assert_eq!(expanded.unset.iter().collect::<Vec<_>>(), ["BAR", "BAZ"]);
}

#[test]
fn another_escape_and_here_documents() {
    let set = variables(&[("A", "1")]);
    let text = |word: &str, rules| expand(word, &set, rules).unwrap().text;
    assert_eq!(text("C:\\x`$A$A", Rules::new('`')), "C:\\x$A1");
    assert_eq!(text("it's \"$A\" \\$A\n", Rules::document()), "it's \"1\" $A\n");
}

#[test]
fn nothing_grows_or_nests_without_bounds() {
    let set = variables(&[("A", &"x".repeat(100_000))]);
    let fails = |word: &str, cause: &str| {
        let error = expand(word, &set, Rules::new('\\')).unwrap_err().to_string();
        assert!(error.contains(cause), "{cause}: {}", &error[error.len() - 60..]);
    };
    let nested = format!("{}{}", "${B:-".repeat(10_000), "}".repeat(10_000));
    fails(&nested, "too many substitutions");
    fails(&"$A".repeat(1000), "too long");
    fails("${A//x/$A}", "too long");
    fails("${A//*y/}", "too long");
}
