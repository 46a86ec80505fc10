//! A terminal of a story's own: somebody who types, and reads what is printed.

#![allow(dead_code, reason = "each story uses its own part")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A program at a terminal.
pub struct Terminal {
    master: File,
    child: Child,
    /// What has been printed and not been read yet.
    printed: String,
}

impl Terminal {
    /// Starts a program at a terminal of 24 rows and 80 columns.
    pub fn start(command: &mut Command) -> Self {
        let (mut master, mut slave) = (0, 0);
        let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let none = std::ptr::null_mut();
        // SAFETY: the pointers are valid, or null where that is allowed (openpty(3)).
        let opened = unsafe { libc::openpty(&mut master, &mut slave, none, none.cast(), &size) };
        assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
        // SAFETY: both descriptors are new, and nobody else's.
        let (master, slave) = unsafe { (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
        let stream = || Stdio::from(slave.try_clone().unwrap());
        command.stdin(stream()).stdout(stream()).stderr(stream()).env("TERM", "dumb");
        // SAFETY: setsid and ioctl may be called between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            });
        }
        // The story's end is not inherited.
        rustix::io::fcntl_setfd(&master, rustix::io::FdFlags::CLOEXEC).unwrap();
        let child = command.spawn().unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { master, child, printed: String::new() }
    }

    /// Types.
    pub fn types(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Types a line when the program asks for one, and gives what it prints before it asks again.
    pub fn command(&mut self, prompt: &str, line: &str) -> String {
        self.types(&format!("{line}\r"));
        // The terminal shows what is typed.
        self.until(&format!("{line}\r\n"));
        self.until(prompt)
    }

    /// Changes the window's size.
    pub fn resize(&self, rows: u16, columns: u16) {
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the request reads a winsize, which outlives the call.
        assert_eq!(unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &size) }, 0);
    }

    /// Whether what is typed is shown, and lines are edited, by the terminal itself.
    pub fn is_cooked(&self) -> bool {
        // SAFETY: termios is plain data, and outlives the call.
        let mode = unsafe {
            let mut mode: libc::termios = std::mem::zeroed();
            assert_eq!(libc::tcgetattr(self.master.as_raw_fd(), &mut mode), 0);
            mode
        };
        mode.c_lflag & (libc::ICANON | libc::ECHO) == libc::ICANON | libc::ECHO
    }

    /// Reads up to a text; gives what came before it.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.printed.find(text) {
                let before = self.printed[..at].to_owned();
                self.printed.drain(..at + text.len());
                return before.replace("\r\n", "\n");
            }
            assert!(self.read(), "the program ended before it printed {text:?}; it printed:\n{}", self.printed);
        }
    }

    /// Reads to the end; gives what was printed, and the exit code.
    pub fn end(mut self) -> (String, Option<i32>) {
        while self.read() {}
        (self.printed.replace("\r\n", "\n"), self.child.wait().unwrap().code())
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn read(&mut self) -> bool {
        // Only a failing story ever waits so long.
        let timeout = Timespec { tv_sec: 120, tv_nsec: 0 };
        let ready = poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&timeout)).unwrap();
        assert!(ready > 0, "nothing is printed any more; last was:\n{}", self.printed);
        let mut buffer = [0; 4096];
        match self.master.read(&mut buffer) {
            Ok(length) if length > 0 => {
                self.printed.push_str(&String::from_utf8_lossy(&buffer[..length]));
                true
            }
            // EIO: nobody has the other end any more.
            Ok(_) | Err(_) => false,
        }
    }
}
