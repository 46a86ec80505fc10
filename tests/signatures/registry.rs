//! A registry of others (Debian's docker-registry) on the loopback interface.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The registry; it ends with the test.
pub struct Registry {
    process: Child,
    /// Host and port.
    pub address: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Registry {
    /// Starts one that keeps its content below a directory.
    pub fn start(directory: &Path) -> Self {
        std::fs::create_dir_all(directory).unwrap();
        // The port is free a moment later too, as good as always; the registry cannot choose one itself.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let config = directory.join("config.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\"}}\n",
            directory.join("content").display()
        );
        std::fs::write(&config, text).unwrap();
        let mut serve = Command::new("docker-registry");
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let process = serve.arg("serve").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let registry = Self { process: process.unwrap(), address };
        crate::support::wait_until("the registry answers", || TcpStream::connect(&registry.address).is_ok());
        registry
    }
}
