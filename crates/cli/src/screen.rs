//! The terminal as a page that is drawn anew, and as it was before afterwards.
//!
//! Plain escape sequences of ANSI terminals, no raw mode: Ctrl-C stays a signal. What is logged meanwhile is kept and
//! comes out when the page is left.

use anyhow::{Context, Result};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};

/// Another page, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
const HOME: &str = "\x1b[H";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";
/// What is logged while the page is shown: so many bytes are kept.
const LOG_BYTES_MAX: usize = 64 << 10;

static IS_SHOWN: AtomicBool = AtomicBool::new(false);
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Whether there is a terminal that understands this.
pub fn is_possible() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// Columns and lines.
pub fn size() -> (usize, usize) {
    let size = terminal_size::terminal_size();
    size.map_or((80, 24), |(width, height)| (usize::from(width.0), usize::from(height.0)))
}

/// The page, until it is dropped.
pub struct Screen(());

impl Screen {
    /// Takes the terminal. A panic of any thread gives it back before it is told.
    pub fn enter() -> Result<Screen> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let tell = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                leave();
                tell(panic);
            }));
        });
        IS_SHOWN.store(true, Ordering::SeqCst);
        write(ENTER).context("cannot write to the terminal")?;
        Ok(Screen(()))
    }

    /// Shows these lines; what does not fit below is cut off.
    pub fn draw(&self, lines: &[String]) -> Result<()> {
        if !IS_SHOWN.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut page = String::from(HOME);
        let height = size().1;
        for (number, line) in lines.iter().take(height).enumerate() {
            page.push_str(if number == 0 { "" } else { "\r\n" });
            page.push_str(line);
            page.push_str(CLEAR_LINE);
        }
        page.push_str(CLEAR_BELOW);
        write(&page).context("cannot write to the terminal")
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Gives the terminal back, once, and lets out what was logged.
fn leave() {
    if !IS_SHOWN.swap(false, Ordering::SeqCst) {
        return;
    }
    // A terminal that is gone needs nothing back.
    let _ = write(LEAVE);
    let kept = std::mem::take(&mut *LOG.lock().unwrap_or_else(PoisonError::into_inner));
    let _ = io::stderr().write_all(&kept);
}

/// Where logs go: to standard error, but not into a page.
pub struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !IS_SHOWN.load(Ordering::SeqCst) {
            return io::stderr().write(bytes);
        }
        let mut kept = LOG.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() + bytes.len() <= LOG_BYTES_MAX {
            kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Text in bold, where it is drawn.
pub fn bold(text: &str) -> String {
    format!("\x1b[1m{text}\x1b[0m")
}

/// Text in a colour of the terminal's own (1 red, 2 green, 3 yellow, 4 blue, 5 magenta, 6 cyan).
pub fn colour(text: &str, number: u8) -> String {
    format!("\x1b[3{number}m{text}\x1b[0m")
}

/// A moment, for people.
pub fn time(time_ms: Option<i64>) -> String {
    let time = time_ms.and_then(chrono::DateTime::from_timestamp_millis);
    time.map_or("-".to_owned(), |time| time.format("%Y-%m-%d %H:%M").to_string())
}
