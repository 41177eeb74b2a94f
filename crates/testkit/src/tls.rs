//! A certificate authority and certificates for tests, made with the command `openssl`.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Makes `ca.pem`, and `server.pem` and `client.pem` (key, certificate and authority in one file) for 127.0.0.1 and localhost.
pub fn make(folder: &Path) -> Result<(), String> {
    let text = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(text)?;
    fs::write(folder.join("san"), "subjectAltName=IP:127.0.0.1,DNS:localhost").map_err(text)?;
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=test-ca -keyout ca.key -out ca.pem",
    )?;
    for who in ["server", "client"] {
        openssl(
            folder,
            &format!("req -newkey rsa:2048 -nodes -subj /CN={who} -keyout {who}.key -out {who}.csr"),
        )?;
        openssl(
            folder,
            &format!(
                "x509 -req -in {who}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile san -out {who}.crt"
            ),
        )?;
        openssl(folder, &format!("pkcs8 -topk8 -nocrypt -in {who}.key -out {who}.p8"))?;
        let mut whole = Vec::new();
        for part in [format!("{who}.p8"), format!("{who}.crt"), "ca.pem".to_string()] {
            whole.extend(fs::read(folder.join(part)).map_err(text)?);
        }
        fs::write(folder.join(format!("{who}.pem")), whole).map_err(text)?;
    }
    Ok(())
}

fn openssl(folder: &Path, arguments: &str) -> Result<(), String> {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .map_err(|error| format!("openssl: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}
