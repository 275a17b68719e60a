//! The `coracle` command. Everything is in the library, so that dead code is seen across the tree.

fn main() -> std::process::ExitCode {
    coracle::main()
}
