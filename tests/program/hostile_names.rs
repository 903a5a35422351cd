//! Names and labels of a data file that are markup: in the page they are text, in a real browser.

use std::fmt::Write as _;

use crate::browser::{Browser, Screen};
use crate::program::Folder;

/// Each would run where it is not escaped: as an element, as an attribute's end, as the end of the page's data.
const HOSTILE: [&str; 4] = [
    "<script>window.hit = 1</script>",
    "\"><img src=x onerror=window.hit=2>",
    "</script><script>window.hit = 3</script>",
    "' onmouseover='window.hit=4' x='{{ 7 * 7 }}",
];

#[test]
fn names_and_labels_that_are_markup_are_shown_as_they_are() {
    let field = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let columns: Vec<String> = HOSTILE.iter().map(|name| field(name)).collect();
    let mut table = columns.join(",") + ",label\n";
    for row in 0..300 {
        let numbers: Vec<String> =
            (0..HOSTILE.len()).map(|column| ((row * (column + 3)) % 17).to_string()).collect();
        // Writing to a text cannot fail.
        let _ = writeln!(table, "{},{}", numbers.join(","), columns[row % HOSTILE.len()]);
    }
    let folder = Folder::new();
    folder.write("<img src=x onerror=window.hit=5>.csv", &table);
    let arguments =
        ["<img src=x onerror=window.hit=5>.csv", "--c", "0.1,1", "--epochs", "2", "--seeds", "1", "--quiet"];
    folder.run(&[&arguments[..], &["--figures", "all"]].concat()).expect_code(0);
    let runs: Vec<_> = std::fs::read_dir(folder.path().join("runs")).unwrap().collect();
    let run = runs.into_iter().next().expect("there is a run").unwrap().path();

    let Some(mut browser) = Browser::open(&run.join("report.html"), Screen::DESKTOP) else { return };
    browser.settle();
    for id in ["recommendation", "members", "explorer", "diagnostics", "glossary"] {
        browser.show(&format!("#{id}"));
    }
    assert_eq!(browser.eval("typeof window.hit"), "undefined");
    assert_eq!(browser.complaints(), [""; 0]);
    let text = browser.eval("document.body.innerText");
    let shown = text.as_str().unwrap();
    assert!(HOSTILE.iter().any(|name| shown.contains(name)), "no name is shown at all: {shown}");
    let elements = browser.eval("document.querySelectorAll('img[src=\"x\"], [onmouseover]').length");
    assert_eq!(elements, 0);
    // The figures beside the page are opened by themselves too.
    let figures = std::fs::read_dir(run.join("figures")).unwrap().map(|file| file.unwrap().path());
    let figures: Vec<_> =
        figures.filter(|path| path.extension().is_some_and(|extension| extension == "svg")).collect();
    assert!(!figures.is_empty());
    for figure in figures {
        let svg = std::fs::read_to_string(&figure).unwrap();
        assert!(!svg.contains("<script") && !svg.contains("<img"), "{}", figure.display());
    }
}
