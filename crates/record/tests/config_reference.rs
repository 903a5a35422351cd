//! `docs/config.md`: every key with its default and its documentation in the code.
//!
//! To write it anew: `KLSWEEP_WRITE_DOCS=1 cargo test -p train -p record --test config_reference`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use record::RunConfig;

/// A field of a struct, or a variant of an enum.
struct Item {
    name: String,
    /// The type of a field.
    of: String,
    documentation: String,
}

/// The public structs and enums of the crate by name, with their documented items.
fn types() -> BTreeMap<String, Vec<Item>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut types = BTreeMap::new();
    for entry in fs::read_dir(sources).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            let name = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "));
            if let Some(name) = name.and_then(|name| name.strip_suffix(" {")) {
                types.insert(name.to_string(), items(lines.by_ref().take_while(|line| *line != "}")));
            }
        }
    }
    types
}

fn items<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Item> {
    let mut items = Vec::new();
    let mut documentation = String::new();
    for line in lines.map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            // Links of the documentation lead nowhere from here.
            documentation += &text.replace("[`", "`").replace("`]", "`");
        } else if !line.starts_with("#[") {
            let item = line.trim_start_matches("pub ").trim_end_matches(',');
            let (name, of) = item.split_once(": ").unwrap_or((item, ""));
            let name = name.split('(').next().unwrap_or_default().to_string();
            let documentation = std::mem::take(&mut documentation).trim().to_string();
            items.push(Item { name, of: of.to_string(), documentation });
        }
    }
    items
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (position, character) in name.char_indices() {
        if character.is_uppercase() && position > 0 {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}

fn describe(text: &mut String, types: &BTreeMap<String, Vec<Item>>, name: &str, defaults: &toml::Table) {
    let mut tables = Vec::new();
    writeln!(text, "| key | default | |\n|---|---|---|").unwrap();
    for Item { name: key, of, documentation } in &types[name] {
        let default = &defaults[key];
        if let toml::Value::Table(defaults) = default {
            tables.push((key, of, documentation, defaults));
            continue;
        }
        let variants = types.get(of).map(Vec::as_slice).unwrap_or_default();
        let variants = variants.iter().map(|Item { name, documentation, .. }| {
            let written = match snake_case(name).as_str() {
                // It stands alone, without its name.
                "fixed" => "a number".to_string(),
                "nd_array" => "`\"ndarray\"`".to_string(),
                name => format!("`\"{name}\"`"),
            };
            format!("<br>{written}: {documentation}")
        });
        let variants: String = variants.collect();
        writeln!(text, "| `{key}` | `{default}` | {documentation}{variants} |").unwrap();
    }
    for (key, of, documentation, defaults) in tables {
        writeln!(text, "\n## `[{key}]`\n\n{documentation}\n").unwrap();
        describe(text, types, of, defaults);
    }
}

#[test]
fn every_key_is_described_with_its_default() {
    let defaults = toml::Table::try_from(RunConfig::default()).unwrap();
    let mut text = String::from(
        "# The configuration\n\nA TOML file names what differs from these defaults; `--set key=value` puts values over it, and \
         `--print-config` shows the whole. This page is made from the code: see `crates/record/tests/config_reference.rs`.\n\n",
    );
    describe(&mut text, &types(), "RunConfig", &defaults);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/config.md");
    if std::env::var_os("KLSWEEP_WRITE_DOCS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "docs/config.md is not what the code says: see the head of this test");
    let undocumented: Vec<&str> = text.lines().filter(|line| line.ends_with("|  |")).collect();
    assert_eq!(undocumented, Vec::<&str>::new());
}
