//! `report.html` in a real browser: what a reader sees and does.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use burn::tensor::{Device, Tensor, TensorData, activation::sigmoid};
use model::Vae;
use record::{MemberId, RunDir, Shape};
use serde_json::Value;
use train::saved_network::read_network;

use crate::browser::{Browser, Screen};
use crate::program::{Folder, smoke};
use crate::report::put_a_nan_into;

/// The greatest difference of a grey level, 0 to 1, between the page's decoder and ours. Half a step of the picture's 256
/// is 0.002; the page's weights are integers of 16 bits, which moves a grey level by up to 0.003 where codes are far out.
const GREY_TOLERANCE: f64 = 1e-2;

/// The smoke configuration's run, trained once for all tests of this file.
fn run() -> &'static Path {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    RUN.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report_page");
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("what an earlier test left can be removed");
        }
        fs::create_dir_all(&folder).expect("the folder can be made");
        Folder::at(&folder).run(&["--config", &smoke(), "--quiet"]).expect_code(0);
        folder.join("runs/smoke")
    })
}

fn open(screen: Screen) -> Option<Browser> {
    Browser::open(&run().join("report.html"), screen)
}

/// Grey levels of a code by our own decoder.
fn decoded(vae: &Vae, z: &[f64]) -> Vec<f64> {
    let device = Device::flex();
    let code =
        Tensor::from_data(TensorData::new(z.to_vec(), [1, z.len()]), (&device, burn::tensor::DType::F32));
    let grey = sigmoid(vae.decoder.forward(code));
    grey.into_data().iter::<f64>().collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|number| number.as_f64().expect("of numbers")).collect()
}

fn assert_same_picture(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < GREY_TOLERANCE, "{what}: a grey level is wrong by {worst}, more than {GREY_TOLERANCE}");
}

/// The grey levels on the canvas of the decoded image.
const DIGIT: &str = "(() => { const c = document.getElementById('digit'); \
    const copy = new OffscreenCanvas(c.width, c.height).getContext('2d', { willReadFrequently: true }); \
    copy.drawImage(c, 0, 0); const d = copy.getImageData(0, 0, c.width, c.height).data; \
    return Array.from({ length: c.width * c.height }, (_, i) => d[4 * i] / 255); })()";

#[test]
fn it_opens_without_a_complaint_and_asks_for_nothing() {
    for screen in [Screen::DESKTOP, Screen::DARK, Screen::PHONE] {
        let Some(mut browser) = open(screen) else { return };
        browser.settle();
        for id in ["recommendation", "members", "trade-off", "explorer", "diagnostics", "curves", "glossary"]
        {
            let [_, _, width, height] = browser.show(&format!("#{id}"));
            assert!(width > 300.0 && height > 100.0, "the section {id} is {width} x {height}");
        }
        let charts = browser.eval(
            "[...document.querySelectorAll('.chart')].map((chart) => Boolean(chart.querySelector('svg')))",
        );
        let charts = charts.as_array().unwrap();
        assert!(charts.len() > 15 && charts.iter().all(|drawn| *drawn == true), "{charts:?}");
        assert_eq!(browser.complaints(), [""; 0]);
        let requests = browser.requests();
        assert_eq!(requests.iter().filter(|url| url.starts_with("file://")).count(), 1, "{requests:?}");
    }
}

#[test]
fn charts_say_their_values_and_what_belongs_together_stands_out() {
    let Some(mut browser) = open(Screen::DESKTOP) else { return };
    let kl = "document.querySelector('svg[aria-label^=\"KL. \"]')";
    let dot = format!(
        "(() => {{ {kl}.scrollIntoView({{ block: 'center' }}); const b = {kl}.querySelector('[data-c=\"1\"] circle').getBoundingClientRect(); \
         return [b.left + b.width / 2, b.top + b.height / 2]; }})()"
    );
    browser.eval(&dot);
    browser.settle();
    let at = numbers(&browser.eval(&dot));
    browser.mouse("mouseMoved", [at[0] + 3.0, at[1]]);
    let told = browser.eval(&format!("{kl}.closest('.chart').querySelector('.chart-tip').innerText"));
    assert!(told.as_str().unwrap().starts_with("c = 1\n"), "{told}");
    // What the other panels of the section have for the same coefficient.
    let outputs =
        browser.eval("[...document.querySelectorAll('#diagnostics output')].map((o) => o.textContent)");
    let outputs = outputs.as_array().unwrap();
    assert!(
        outputs.len() > 10 && outputs.iter().all(|text| text.as_str().unwrap().starts_with("c = 1: ")),
        "{outputs:?}"
    );
    let dimmed = "[...document.querySelectorAll('#diagnostics .dim')].map((g) => g.dataset.c)";
    let dimmed: Vec<Value> = browser.eval(dimmed).as_array().unwrap().clone();
    assert!(dimmed.contains(&"0".into()) && !dimmed.contains(&"1".into()), "{dimmed:?}");
    browser.mouse("mouseMoved", [5.0, 5.0]);
    assert_eq!(browser.eval("document.querySelectorAll('.dim').length"), 0);

    // The names of the coefficients hide their learning curves.
    let visible = "[...document.querySelectorAll('#curves svg [data-c=\"20\"]')].filter((g) => getComputedStyle(g).display !== 'none').length";
    assert!(browser.eval(visible).as_u64() > Some(3));
    browser.click("#curves .key [data-c='20'] button");
    assert_eq!(browser.eval(visible), 0);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn charts_are_set_as_they_were_laid_out() {
    let Some(mut browser) = open(Screen::DESKTOP) else { return };
    browser.eval("document.fonts.ready.then(() => true)");
    assert_eq!(browser.eval("[...document.fonts].map((font) => font.status)"), serde_json::json!(["loaded"]));
    let overlaps = browser.eval(
        "[...document.querySelectorAll('.chart')].flatMap((chart) => { \
           const texts = [...chart.querySelectorAll('svg text')].map((t) => [t.textContent, t.getBoundingClientRect()]); \
           const over = ([, a], [, b]) => a.left + 1 < b.right && b.left + 1 < a.right && a.top + 3 < b.bottom && b.top + 3 < a.bottom; \
           return texts.flatMap((a, i) => texts.slice(i + 1).filter((b) => over(a, b)).map((b) => `${a[0]} over ${b[0]}`)); })",
    );
    assert_eq!(overlaps, serde_json::json!([]));
    let undefined = browser.eval(
        "[...new Set([...document.body.innerHTML.matchAll(/var\\((--[a-z0-9-]+)\\)/g)].map((m) => m[1]))] \
         .filter((name) => !getComputedStyle(document.documentElement).getPropertyValue(name))",
    );
    assert_eq!(undefined, serde_json::json!([]), "every colour of a chart is a colour of the page");
}

#[test]
fn of_many_coefficients_some_have_pictures_instead_of_a_decoder_and_the_page_says_so() {
    let folder = Folder::new();
    let coefficients = "kl_coefficients=[0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]";
    folder.run(&["--config", &smoke(), "--quiet", "--set", "epochs=1", "--set", coefficients]).expect_code(0);
    let page = folder.path().join("runs/smoke/report.html");
    let Some(mut browser) = Browser::open(&page, Screen::DESKTOP) else { return };
    let said = browser.eval("document.querySelector('#explorer .intro').innerText");
    assert!(said.as_str().unwrap().contains("6 of 10 coefficients have their decoder"), "{said}");
    browser.eval("document.getElementById('coefficient').focus()");
    browser.press("Home");
    let mut nearest = 0;
    for _ in 0..10 {
        browser.settle();
        let facts = browser.eval("document.getElementById('point-facts').innerText");
        nearest += usize::from(facts.as_str().unwrap().contains("the nearest of the pictures"));
        let bright = format!("{DIGIT}.filter((grey) => grey > 0).length > 0");
        browser.until(&bright);
        browser.press("ArrowRight");
    }
    assert_eq!(nearest, 4);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn headings_sort_the_table() {
    let Some(mut browser) = open(Screen::DESKTOP) else { return };
    let coefficients =
        "[...document.querySelectorAll('#members-table tbody th')].map((cell) => cell.textContent)";
    let sort = "document.querySelector('#members-table th[data-key=kl]').getAttribute('aria-sort')";
    assert_eq!(browser.eval(coefficients), serde_json::json!(["0", "1", "20"]));
    assert!(browser.eval(sort).is_null());

    browser.click("#members-table th[data-key=kl] button");
    let ascending = browser.eval(coefficients);
    assert_eq!(browser.eval(sort), "ascending");
    // A number, and its error behind it.
    let kls = "(() => { const place = document.querySelector('#members-table th[data-key=kl]').cellIndex; \
        const rows = [...document.querySelectorAll('#members-table tbody tr')]; \
        return rows.map((row) => parseFloat(row.cells[place].textContent)); })()";
    assert!(numbers(&browser.eval(kls)).is_sorted(), "{}", browser.eval(kls));
    let meaning = browser
        .eval("document.getElementById('tip').hidden ? '' : document.getElementById('tip').textContent");
    assert!(meaning.as_str().unwrap().contains("the rate"), "what the column means is shown: {meaning}");

    // The heading keeps the focus, so that the keyboard turns the order round.
    browser.press("Enter");
    assert_eq!(browser.eval(sort), "descending");
    let descending: Vec<Value> = ascending.as_array().unwrap().iter().rev().cloned().collect();
    assert_eq!(browser.eval(coefficients), Value::Array(descending));
}

#[test]
fn the_picture_follows_the_pointer_and_is_what_our_decoder_makes_of_the_point() {
    let Some(mut browser) = open(Screen::DESKTOP) else { return };
    let dir = RunDir::open(run()).expect("it is a run");
    let config = dir.config().expect("it has a configuration");
    for (id, at) in config.members().into_iter().zip(0..) {
        let MemberId { kl_coefficient: c, .. } = id;
        let vae = &read_network(&dir.member(id).weights(), &config, &Shape::grey(28, 28), &Device::flex())
            .expect("it is finished");
        browser.eval("document.getElementById('coefficient').focus()");
        browser.press("Home");
        (0..at).for_each(|_| browser.press("ArrowRight"));
        let [left, top, width, height] = browser.show("#plane");
        let mut before = Vec::new();
        for part in [[0.3, 0.3], [0.8, 0.2], [0.5, 0.7]] {
            browser.mouse("mouseMoved", [left + part[0] * width, top + part[1] * height]);
            browser.settle();
            let state = browser.eval("klsweep.state()");
            assert_eq!(state["c"], c);
            let found = numbers(&browser.eval(DIGIT));
            assert_same_picture(&found, &decoded(vae, &numbers(&state["z"])), &format!("{state}"));
            assert!(found != before, "the picture does not change on the way to {state}");
            before = found;
        }
        // As far out as the codes of c = 0 come after a long training.
        for z in ["[100, -100]", "[-60, 2.5]", "[0, 0]"] {
            let found = numbers(&browser.eval(&format!("Array.from(klsweep.decode({at}, {z}))")));
            let code: Vec<f64> = serde_json::from_str(z).unwrap();
            assert_same_picture(&found, &decoded(vae, &code), &format!("c = {c} at {z}"));
        }
    }
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn the_slider_steps_through_the_coefficients_while_the_point_stays() {
    let Some(mut browser) = open(Screen::DESKTOP) else { return };
    browser.eval("document.getElementById('coefficient').focus()");
    browser.press("Home");
    let point = browser.eval("klsweep.state().point");
    let mut pictures = Vec::new();
    for (c, shown) in [(0.0, "c = 0"), (1.0, "c = 1"), (20.0, "c = 20")] {
        assert_eq!(browser.eval("klsweep.state().c"), c);
        assert_eq!(browser.eval("document.getElementById('coefficient-value').textContent"), shown);
        assert_eq!(
            browser.eval("document.getElementById('coefficient').getAttribute('aria-valuetext')"),
            shown
        );
        assert_eq!(browser.eval("klsweep.state().point"), point);
        browser.settle();
        pictures.push(browser.eval(DIGIT));
        browser.press("ArrowRight");
    }
    assert!(pictures[0] != pictures[1] && pictures[1] != pictures[2]);
    // With the pointer, to its left end.
    let [left, top, _, height] = browser.show("#coefficient");
    for kind in ["mousePressed", "mouseReleased"] {
        browser.mouse(kind, [left + 2.0, top + height / 2.0]);
    }
    browser.until("klsweep.state().c === 0");
}

#[test]
fn a_click_pins_and_a_drag_shows_the_way() {
    let Some(mut browser) = open(Screen::DESKTOP) else { return };
    let [left, top, width, height] = browser.show("#plane");
    let at = |x: f64, y: f64| [left + x * width, top + y * height];
    browser.mouse("mouseMoved", at(0.4, 0.4));
    browser.mouse("mousePressed", at(0.4, 0.4));
    browser.mouse("mouseReleased", at(0.4, 0.4));
    assert_eq!(browser.eval("klsweep.state().pins.length"), 1);
    assert_eq!(browser.eval("document.querySelectorAll('#pins .pin-card').length"), 1);
    assert_eq!(browser.eval("document.getElementById('path').hidden"), true);

    browser.mouse("mousePressed", at(0.3, 0.3));
    for step in 1..=5 {
        let along = 0.3 + 0.08 * f64::from(step);
        browser.mouse("mouseMoved", at(along, along));
    }
    let end = browser.eval("klsweep.state().point");
    browser.mouse("mouseReleased", at(0.7, 0.7));
    assert_eq!(browser.eval("klsweep.state().pins.length"), 1, "a drag pins nothing");
    assert_eq!(browser.eval("document.querySelectorAll('#path-strip canvas').length"), 11);
    // It plays from the start, and ends where the drag did.
    browser.until("document.getElementById('path-play').textContent === 'Pause'");
    browser.until("document.getElementById('path-play').textContent === 'Play'");
    assert_eq!(browser.eval("klsweep.state().point"), end);

    browser.click(".pin-remove");
    assert_eq!(browser.eval("klsweep.state().pins.length"), 0);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_picked_image_is_shown_beside_what_its_mean_decodes_to() {
    let Some(mut browser) = open(Screen::DESKTOP) else { return };
    browser.eval("document.getElementById('picker').open = true");
    browser.click("#picker-grid [data-image='4']");
    browser.settle();
    let state = browser.eval("klsweep.state()");
    assert_eq!(state["picked"], 4);
    let pixels = |canvas: &str| DIGIT.replace("digit", canvas);
    assert_eq!(
        browser.eval(DIGIT),
        browser.eval(&pixels("picked-reconstruction")),
        "the point is at its mean"
    );
    let data = "JSON.parse(document.getElementById('report-data').textContent).explorer.images";
    let original = format!(
        "(() => {{ const i = {data}; return [...klsweep.decoder.bytes(i.pixels)].slice(4 * 784, 5 * 784).map((p) => p / 255); }})()"
    );
    assert_eq!(browser.eval(&original), browser.eval(&pixels("picked-original")));
    assert!(browser.eval("document.querySelectorAll('#plane-overlay .ellipse').length").as_u64() >= Some(1));
    let facts = browser.eval("document.getElementById('picked-facts').innerText");
    assert!(facts.as_str().unwrap().contains("KL ") && facts.as_str().unwrap().contains(" nats"), "{facts}");
}

#[test]
fn everything_can_be_reached_and_done_with_the_keyboard() {
    let Some(mut browser) = open(Screen::DESKTOP) else { return };
    let mut reached = Vec::new();
    for _ in 0..120 {
        browser.press("Tab");
        let focused = browser.eval(
            "(() => { const e = document.activeElement; const s = getComputedStyle(e.matches('.segmented input') ? e.nextSibling : e); \
             return [e.id || e.dataset.key || e.closest('th')?.dataset.key || e.getAttribute('role') || e.tagName, s.outlineStyle]; })()",
        );
        if focused[0] == "BODY" {
            break;
        }
        assert_ne!(focused[1], "none", "the focus on {} can be seen", focused[0]);
        reached.push(focused[0].as_str().unwrap().to_string());
    }
    for id in ["theme", "c", "kl", "members-box", "trade-off-chart", "coefficient", "plane", "option"] {
        assert!(reached.iter().any(|found| found == id), "Tab does not reach {id}: {reached:?}");
    }

    browser.eval("document.getElementById('plane').focus()");
    let before = numbers(&browser.eval("klsweep.state().point"));
    browser.press("ArrowRight");
    browser.press("Shift+ArrowDown");
    let after = numbers(&browser.eval("klsweep.state().point"));
    let (right, down) = (after[0] - before[0], before[1] - after[1]);
    assert!(
        right > 0.0 && (down / right - 10.0).abs() < 1e-6,
        "{before:?} to {after:?}: Shift makes ten of a step"
    );
    browser.press("Enter");
    assert_eq!(browser.eval("klsweep.state().pins.length"), 1);
    browser.press("Escape");
    assert_eq!(browser.eval("klsweep.state().pins.length"), 0);

    browser.eval("document.getElementById('trade-off-chart').focus()");
    browser.press("ArrowRight");
    let shown = browser.eval("document.querySelector('#trade-off-chart .chart-tip').innerText");
    assert!(shown.as_str().unwrap().starts_with("c = 0"), "{shown}");
}

#[test]
fn a_phone_shows_everything_within_its_width() {
    let Some(mut browser) = open(Screen::PHONE) else { return };
    browser.settle();
    browser.click("#plane");
    browser.settle();
    assert_eq!(browser.eval("document.documentElement.scrollWidth"), 390);
    // What lies in a box that scrolls by itself may be wider.
    let outside = browser.eval(
        "[...document.querySelectorAll('main *, header *, nav *, footer *')].filter((e) => { \
           const b = e.getBoundingClientRect(); \
           if (b.width === 0 || (b.right <= 390.5 && b.left >= -0.5)) return false; \
           for (let a = e.parentElement; a; a = a.parentElement) \
             if (a !== document.body && a !== document.documentElement && getComputedStyle(a).overflowX !== 'visible') return false; \
           return true; }).map((e) => `${e.tagName} ${e.id} ${e.getAttribute('class')}`)",
    );
    assert_eq!(outside, serde_json::json!([]));
}

#[test]
fn text_has_the_contrast_of_wcag_aa_in_light_and_in_dark() {
    for screen in [Screen::DESKTOP, Screen::DARK] {
        let Some(mut browser) = open(screen) else { return };
        browser.settle();
        browser.click("#plane");
        let found = browser.eval(CONTRASTS);
        assert_eq!(found["paper"] == "dark", screen.dark, "the page has the scheme that is preferred");
        assert!(found["texts"].as_u64() > Some(300), "only {} texts were looked at", found["texts"]);
        assert_eq!(found["poor"], serde_json::json!([]));
    }
}

/// Texts whose contrast with what lies behind them is under 4.5, or 3 for large ones.
const CONTRASTS: &str = r"(() => {
    const probe = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const channels = (color) => {
        probe.clearRect(0, 0, 1, 1);
        probe.fillStyle = color;
        probe.fillRect(0, 0, 1, 1);
        return [...probe.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (color) => {
        const [r, g, b] = channels(color).slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        for (let e = element; e; e = e.parentElement) {
            const color = getComputedStyle(e).backgroundColor;
            if (channels(color)[3] === 255) return color;
        }
        return getComputedStyle(document.documentElement).backgroundColor;
    };
    const poor = [];
    let texts = 0;
    for (const element of document.body.querySelectorAll('*')) {
        const own = [...element.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
        const box = element.getBoundingClientRect();
        if (!own || box.width < 2 || element.closest('script, style, noscript, .sr-only, .skip')) continue;
        const style = getComputedStyle(element);
        if (style.visibility === 'hidden') continue;
        texts += 1;
        const color = element instanceof SVGElement ? style.fill : style.color;
        const [a, b] = [luminance(color), luminance(behind(element))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
        if (ratio < (large ? 3 : 4.5)) poor.push(`${element.textContent.trim().slice(0, 40)}: ${ratio.toFixed(2)} of ${color} on ${behind(element)}`);
    }
    const paper = luminance(getComputedStyle(document.documentElement).backgroundColor) < 0.2 ? 'dark' : 'light';
    return { texts, poor, paper };
})()";

#[test]
fn the_scheme_can_be_switched_and_is_kept() {
    let Some(mut browser) = open(Screen::DESKTOP) else { return };
    let paper = "getComputedStyle(document.documentElement).backgroundColor";
    let light = browser.eval(paper);
    browser.click("#theme");
    let dark = browser.eval(paper);
    assert_ne!(light, dark);
    browser.reload();
    assert_eq!(browser.eval(paper), dark);
}

#[test]
fn it_prints_on_white_also_from_the_dark() {
    let Some(mut browser) = open(Screen::DARK) else { return };
    browser.eval(
        "addEventListener('beforeprint', () => { window.folded = document.querySelectorAll('details:not([open])').length; })",
    );
    let pdf = browser.print();
    assert!(pdf.len() > 100_000, "{} characters of PDF", pdf.len());
    assert_eq!(browser.eval("folded"), 0, "nothing is folded away on paper");
    browser.as_paper();
    assert_eq!(
        browser.eval("getComputedStyle(document.documentElement).backgroundColor"),
        "rgb(255, 255, 255)"
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_damaged_member_is_shown_as_failed_and_nothing_else_suffers() {
    let folder = Folder::new();
    let own = folder.path().join("runs");
    copy(run().parent().expect("it lies in runs/"), &own);
    fs::remove_file(own.join("smoke/c=20/seed=0/weights.safetensors")).unwrap();
    put_a_nan_into(&own.join("smoke/c=20/seed=0/outputs.safetensors"), "decoder.1.bias");
    fs::remove_file(own.join("smoke/c=1/seed=0/history.csv")).unwrap();
    folder.run(&["report", "runs/smoke"]).expect_code(0);
    let Some(mut browser) = Browser::open(&own.join("smoke/report.html"), Screen::DESKTOP) else { return };
    browser.settle();
    let failed = browser.eval("document.querySelectorAll('#members-table .status-failed').length");
    assert!(failed.as_u64() >= Some(1), "the table says what failed");
    let said = browser.eval("document.getElementById('member-messages').innerText");
    assert!(said.as_str().unwrap().contains("c = 20, seed 0 failed"), "{said}");
    assert!(numbers(&browser.eval(DIGIT)).iter().any(|&grey| grey > 0.0), "the others can be explored");
    assert_eq!(browser.eval("[...document.querySelectorAll('.notice')].filter((n) => n.innerText.includes('could not be drawn')).length"), 0);
    assert_eq!(browser.complaints(), [""; 0]);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
