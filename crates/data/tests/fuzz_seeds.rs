//! The seeds of the fuzzer, to the readers that they were found for: no panic. See `scripts/fuzz.sh`.

#[path = "../../../fuzz/src/lib.rs"]
mod readers;

use std::fs;
use std::path::Path;

#[test]
fn no_reader_panics_on_a_seed() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    for (target, read) in readers::TARGETS {
        let folder = seeds.join(target);
        let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut count = 0;
        for file in files {
            read(&fs::read(file.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count > 0, "{target} has no seed");
    }
}
