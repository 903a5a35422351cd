//! A browser without a window, driven through the DevTools protocol on a pair of pipes: no port and no library.
//!
//! <https://chromedevtools.github.io/devtools-protocol/>

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The page of a browser of its own, and what it complained about.
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    /// Of the page; empty before there is one.
    session: String,
    sent: u64,
    events: Vec<Value>,
    _profile: TempDir,
}

/// How large the page is and what colours its reader prefers.
#[derive(Clone, Copy)]
pub struct Screen {
    pub width: u32,
    pub height: u32,
    /// As a phone: touch, and what is too wide widens the page.
    pub mobile: bool,
    pub dark: bool,
}

impl Screen {
    pub const DESKTOP: Self = Self { width: 1280, height: 900, mobile: false, dark: false };
    pub const DARK: Self = Self { dark: true, ..Self::DESKTOP };
    pub const PHONE: Self = Self { width: 390, height: 844, mobile: true, dark: false };
}

impl Browser {
    /// Starts a browser with a page from disk, loaded; nothing, and a word about it, where there is no browser.
    pub fn open(file: &Path, screen: Screen) -> Option<Self> {
        let Some(program) = program() else {
            // A developer's machine may lack one; the machine of CI must not.
            assert!(std::env::var_os("CI").is_none(), "there is no chromium to open the report with");
            eprintln!("the report is not opened: there is no chromium (apt-get install chromium)");
            return None;
        };
        let mut browser = Self::start(&program);
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached =
            browser.call("Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        browser.session = text(&attached["sessionId"]).to_string();
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.resize(screen);
        let file = file.canonicalize().expect("the page is there");
        browser.call("Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
        browser.wait_for("Page.loadEventFired");
        Some(browser)
    }

    /// The browser reads commands from its file 3 and writes messages to its file 4; a shell puts our pipes there.
    fn start(program: &str) -> Self {
        let profile = TempDir::new().expect("a temporary folder can be made");
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#, program])
            .args(["--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu"])
            // The page is our own, and containers have neither user namespaces nor much shared memory.
            .args(["--no-sandbox", "--disable-dev-shm-usage", "--force-device-scale-factor=1"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        let commands = child.stdin.take().expect("it is a pipe");
        let output = child.stdout.take().expect("it is a pipe");
        let (sender, messages) = channel();
        thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("the browser writes JSON");
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            commands,
            messages,
            session: String::new(),
            sent: 0,
            events: Vec::new(),
            _profile: profile,
        }
    }

    /// A command of the protocol and its result. Events that come before it are kept.
    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.sent += 1;
        let mut command = json!({ "id": self.sent, "method": method, "params": parameters });
        if !self.session.is_empty() {
            command["sessionId"] = json!(self.session);
        }
        write!(self.commands, "{command}\0").expect("the browser runs");
        self.commands.flush().expect("the browser runs");
        loop {
            let message = self.messages.recv_timeout(PATIENCE);
            let message = message.unwrap_or_else(|error| panic!("no answer to {method}: {error}"));
            if message["id"] == self.sent {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    fn wait_for(&mut self, event: &str) {
        while self.events.iter().all(|found| found["method"] != event) {
            let message = self.messages.recv_timeout(PATIENCE);
            self.events.push(message.unwrap_or_else(|error| panic!("{event} does not come: {error}")));
        }
    }

    pub fn reload(&mut self) {
        self.events.retain(|event| event["method"] != "Page.loadEventFired");
        self.call("Page.reload", json!({}));
        self.wait_for("Page.loadEventFired");
    }

    fn resize(&mut self, Screen { width, height, mobile, dark }: Screen) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
        self.call("Emulation.setDeviceMetricsOverride", size);
        self.call("Emulation.setTouchEmulationEnabled", json!({ "enabled": mobile }));
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Styles the page as for print, on screen.
    pub fn as_paper(&mut self) {
        self.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    }

    /// What a script gives, as JSON.
    pub fn eval(&mut self, script: &str) -> Value {
        let parameters = json!({ "expression": script, "returnByValue": true, "awaitPromise": true });
        let result = self.call("Runtime.evaluate", parameters);
        assert!(result["exceptionDetails"].is_null(), "{script}: {}", result["exceptionDetails"]);
        result["result"]["value"].clone()
    }

    /// Waits until a script gives true.
    pub fn until(&mut self, script: &str) {
        let start = Instant::now();
        while self.eval(script) != true {
            assert!(start.elapsed() < PATIENCE, "it never becomes true: {script}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until what was asked for has been drawn.
    pub fn settle(&mut self) {
        self.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))");
    }

    /// Scrolls to an element; its left, top, width and height in the window.
    pub fn show(&mut self, selector: &str) -> [f64; 4] {
        let script = format!(
            "(() => {{ const e = document.querySelector({selector:?}); e.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             const b = e.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; }})()"
        );
        let found = self.eval(&script);
        // Only a page that has been drawn where it now is finds what lies under the pointer.
        self.settle();
        [0, 1, 2, 3].map(|at| found[at].as_f64().expect("the element is there"))
    }

    /// `kind` is mouseMoved, mousePressed or mouseReleased.
    pub fn mouse(&mut self, kind: &str, [x, y]: [f64; 2]) {
        let pressed = kind != "mouseMoved";
        if !pressed {
            // The browser hands moves on with the next frame, and answers before. A move to the same place is none.
            self.eval(
                "void (window.moved = Promise.race([new Promise((done) => setTimeout(done, 1000)), \
                 new Promise((done) => addEventListener('pointermove', done, { once: true, capture: true }))]))",
            );
        }
        let button = if pressed { "left" } else { "none" };
        self.call(
            "Input.dispatchMouseEvent",
            json!({ "type": kind, "x": x, "y": y, "button": button, "clickCount": i32::from(pressed) }),
        );
        if !pressed {
            self.eval("window.moved.then(() => true)");
        }
    }

    /// Clicks into the middle of an element.
    pub fn click(&mut self, selector: &str) {
        let [left, top, width, height] = self.show(selector);
        let middle = [left + width / 2.0, top + height / 2.0];
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            self.mouse(kind, middle);
        }
    }

    /// Presses a key, by its name in the DOM; with Shift where it is named so: `Shift+ArrowUp`.
    pub fn press(&mut self, key: &str) {
        let (modifiers, key) = match key.strip_prefix("Shift+") {
            Some(key) => (8, key),
            None => (0, key),
        };
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ => panic!("the key {key} has no number here"),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers });
            if key == "Enter" && kind == "keyDown" {
                event["text"] = json!("\r");
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// The pages of a print, as PDF in base64.
    pub fn print(&mut self) -> String {
        text(&self.call("Page.printToPDF", json!({ "printBackground": true }))["data"]).to_string()
    }

    /// What the page put on the console beyond information, threw, or asked of anything but its own file.
    pub fn complaints(&mut self) -> Vec<String> {
        // An answer to this comes after all that happened before.
        self.eval("new Promise(requestAnimationFrame)");
        let address = self.eval("location.href");
        let complaint = |event: &Value| {
            let parameters = &event["params"];
            match text(&event["method"]) {
                "Runtime.exceptionThrown" => true,
                "Runtime.consoleAPICalled" => {
                    ["error", "warning", "assert"].contains(&text(&parameters["type"]))
                }
                "Log.entryAdded" => ["error", "warning"].contains(&text(&parameters["entry"]["level"])),
                "Network.requestWillBeSent" => {
                    let url = &parameters["request"]["url"];
                    *url != address && !text(url).starts_with("data:")
                }
                _ => false,
            }
        };
        self.events.iter().filter(|event| complaint(event)).map(Value::to_string).collect()
    }

    /// The addresses that were asked for.
    pub fn requests(&self) -> Vec<&str> {
        let sent = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.map(|event| text(&event["params"]["request"]["url"])).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends by itself when its pipe closes; a test that fails should not have to wait for that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The browser's name, if one answers to it.
fn program() -> Option<String> {
    ["chromium", "chromium-browser", "google-chrome"].map(str::to_string).into_iter().find(|name| {
        let answer = Command::new(name).arg("--version").stderr(Stdio::null()).output();
        answer.is_ok_and(|output| output.status.success())
    })
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
