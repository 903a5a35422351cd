//! Completions of shells.

use crate::program::Folder;

#[test]
fn every_shell_has_completions_of_the_program_and_its_commands() {
    let folder = Folder::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = folder.run(&["completions", shell]).expect_code(0);
        for word in ["klsweep", "print-config", "report", "watch", "completions"] {
            assert!(ran.stdout.contains(word), "{shell} does not complete {word}");
        }
    }
    folder.run(&["completions", "cmd"]).expect_refusal(&["cmd", "bash", "zsh"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written");
}
