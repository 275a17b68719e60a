//! From an image to the scopes that a policy, or `registries.d`, may have for it.

use std::path::Path;

/// The scopes of an image of a registry, itself first: its name in full, repository, namespaces, registry, and the
/// domains above that as wildcards. `repository` is the name without tag and digest.
pub fn of_name(name: &str, repository: &str) -> Vec<String> {
    let ends = repository.match_indices('/').map(|(index, _)| index).chain([repository.len()]);
    let mut parents: Vec<String> = ends.map(|end| repository[..end].to_owned()).collect();
    parents.reverse();
    let host = repository.split(['/', ':']).next().unwrap_or_default();
    let wildcards = host.match_indices('.').map(|(index, _)| format!("*{}", &host[index..]));
    [name.to_owned()].into_iter().chain(parents).chain(wildcards).collect()
}

/// The scopes of a file or directory, itself first: the directories above it, without the topmost.
pub fn of_path(path: &Path) -> Vec<String> {
    let above = path.ancestors().filter(|path| path.parent().is_some());
    above.map(|path| path.display().to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_the_closest_to_the_widest() {
        for (name, repository, expected) in [
            (
                "docker.io/library/busybox:1",
                "docker.io/library/busybox",
                "docker.io/library/busybox:1 docker.io/library/busybox docker.io/library docker.io *.io",
            ),
            (
                "a.example.com:5000/b/c:d",
                "a.example.com:5000/b/c",
                "a.example.com:5000/b/c:d a.example.com:5000/b/c a.example.com:5000/b a.example.com:5000 \
                 *.example.com *.com",
            ),
            ("localhost/a:b", "localhost/a", "localhost/a:b localhost/a localhost"),
            ("q.io/a@sha256:0", "q.io/a", "q.io/a@sha256:0 q.io/a q.io *.io"),
        ] {
            assert_eq!(of_name(name, repository).join(" "), expected);
        }
        assert_eq!(of_path(Path::new("/a/b/c")), ["/a/b/c", "/a/b", "/a"]);
        assert!(of_path(Path::new("/")).is_empty());
    }
}
