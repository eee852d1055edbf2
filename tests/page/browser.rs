//! A headless Chromium, driven by the DevTools protocol: messages in JSON over two pipes, each
//! ended by a zero byte. That needs no port, no library and no driver of the browser's version,
//! and tells what a user never sees: requests, and what ends up in the console.

use crate::harness::{DEADLINE, Process, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, PipeWriter, Write, pipe};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use tempfile::TempDir;

/// Chromium wants its pipes at file descriptors 3 and 4; a shell puts them there.
const LAUNCH: &str = "exec chromium --headless=new --no-sandbox --disable-gpu \
    --disable-dev-shm-usage --no-first-run --disable-background-networking \
    --disable-component-update --no-proxy-server --lang=en --user-data-dir=\"$0\" \
    --remote-debugging-pipe about:blank 3<&0 4>&1 </dev/null >/dev/null 2>&1";

/// One browser with one open page; dropping it ends it.
pub struct Browser {
    process: Process,
    to_browser: PipeWriter,
    messages: Receiver<Value>,
    last_id: u64,
    /// The open page, once there is one.
    session: Option<Value>,
    /// What the page has reported so far, method and parameters.
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    pub fn start() -> Self {
        let profile = TempDir::new().unwrap();
        let (browser_reads, to_browser) = pipe().unwrap();
        let (from_browser, browser_writes) = pipe().unwrap();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", LAUNCH])
            .arg(profile.path())
            .stdout(browser_writes);
        let process = Process::start_with_input(&mut shell, browser_reads);
        drop(shell); // its ends of the pipes, or the end of the browser would go unnoticed

        let (sender, messages) = channel();
        thread::spawn(move || {
            let split = BufReader::new(from_browser).split(0);
            for message in split.map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("the browser speaks JSON");
                if sender.send(message).is_err() {
                    break; // the test is over
                }
            }
        });
        let mut browser = Self {
            process,
            to_browser,
            messages,
            last_id: 0,
            session: None,
            events: Vec::new(),
            _profile: profile,
        };
        browser.open_a_page();
        browser
    }

    fn open_a_page(&mut self) {
        let target = self.call("Target.createTarget", json!({"url": "about:blank"}));
        let page = json!({"targetId": target["targetId"], "flatten": true});
        self.session = Some(self.call("Target.attachToTarget", page)["sessionId"].take());
        for domain in ["Page", "Runtime", "Network", "Log"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
    }

    /// A screen of this width, for eyes that like it light or dark.
    pub fn look(&mut self, width: u32, scheme: &str) {
        let screen =
            json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", screen);
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", scheme);
    }

    pub fn allow_scripts(&mut self, allow: bool) {
        let value = json!({"value": !allow});
        self.call("Emulation.setScriptExecutionDisabled", value);
    }

    /// Opens an address and waits until all of the page is there.
    pub fn open(&mut self, url: &str) {
        let failure = self.call("Page.navigate", json!({"url": url}));
        assert_eq!(failure.get("errorText"), None, "{url}");
        self.wait_for("document.readyState === 'complete'");
    }

    /// What a JavaScript expression is in the page, promises awaited.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let question =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", question);
        let exception = answer.get("exceptionDetails");
        assert_eq!(exception, None, "{expression}");
        answer["result"]["value"].take()
    }

    pub fn text(&mut self, expression: &str) -> String {
        let value = self.evaluate(expression);
        let text = value.as_str();
        text.unwrap_or_else(|| panic!("{expression} is {value}"))
            .to_owned()
    }

    /// Waits until an expression is true.
    pub fn wait_for(&mut self, expression: &str) {
        wait_until(expression, || self.evaluate(expression) == json!(true));
    }

    /// What a user with open developer tools would have seen in red or otherwise.
    pub fn console(&self) -> Vec<&Value> {
        self.reported(&[
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Log.entryAdded",
        ])
        .collect()
    }

    /// Every address that the page asked for anything.
    pub fn requested(&self) -> BTreeSet<&str> {
        self.reported(&["Network.requestWillBeSent"])
            .map(|event| event["params"]["request"]["url"].as_str().expect("an URL"))
            .collect()
    }

    fn reported(&self, methods: &[&str]) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(move |event| {
            event["method"]
                .as_str()
                .is_some_and(|method| methods.contains(&method))
        })
    }

    /// Has the browser do something and returns what it says to that.
    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = session.clone();
        }
        let message = format!("{message}\0");
        self.to_browser
            .write_all(message.as_bytes())
            .unwrap_or_else(|error| panic!("{method}: the browser has ended: {error}"));
        loop {
            let mut message = self
                .messages
                .recv_timeout(DEADLINE)
                .unwrap_or_else(|error| panic!("{method}: nothing from the browser: {error}"));
            if message["id"] == self.last_id {
                assert_eq!(message.get("error"), None, "{method}");
                return message["result"].take();
            }
            self.events.push(message);
        }
    }
}

impl Drop for Browser {
    /// Asks the browser to end, so that its own children end with it; who does not is killed.
    fn drop(&mut self) {
        let asked = write!(
            self.to_browser,
            "{}\0",
            json!({"id": 0, "method": "Browser.close"})
        );
        if asked.is_ok() && !thread::panicking() {
            self.process.wait_for_exit(DEADLINE);
        }
    }
}
