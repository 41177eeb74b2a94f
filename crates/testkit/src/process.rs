//! A child process that never outlives this one.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Waits for the name of a signal on its standard input and sends it. When this process is gone, however it ended, the
/// input closes: then the child is killed and its folder removed.
const GUARD: &str = r#"
folder=$1; shift
"$@" </dev/null & pid=$!
if read -r signal; then kill -"$signal" "$pid" 2>/dev/null; wait "$pid"
else kill -KILL "$pid" 2>/dev/null; wait "$pid"; rm -rf "$folder"; fi
"#;

/// A running child with its guard.
pub struct Guarded(Child);

impl Guarded {
    /// Starts `command` with its output appended to `log`; `folder` is removed should this process die.
    pub fn spawn(command: &Command, folder: &Path, log: &Path) -> io::Result<Guarded> {
        let output = File::options().create(true).append(true).open(log)?;
        let child = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(folder)
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Guarded(child))
    }

    /// Sends the signal (`TERM`, `KILL`) and waits for the end.
    pub fn end(mut self, signal: &str) -> io::Result<()> {
        if let Some(mut stdin) = self.0.stdin.take() {
            writeln!(stdin, "{signal}")?;
        }
        self.0.wait()?;
        Ok(())
    }
}
