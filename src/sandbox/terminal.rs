//! A terminal within the user's: what is typed goes in, what is printed comes out, and keys such as ctrl-c act inside.

use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::sys::{self, TerminalMode};

/// A terminal whose other end is inside.
#[derive(Debug)]
pub struct Terminal {
    master: OwnedFd,
}

impl Terminal {
    /// Makes one like the terminal that is standard input, of the same size.
    ///
    /// # Errors
    /// When standard input is no terminal, or the system has no more terminals.
    pub fn open() -> io::Result<Self> {
        let mode = TerminalMode::of(io::stdin().as_fd())?;
        let terminal = Self { master: sys::open_master()? };
        mode.set(terminal.peer()?.as_fd())?;
        terminal.fit();
        Ok(terminal)
    }

    /// Takes over the size of the user's window; what runs inside is told of a change.
    pub fn fit(&self) {
        // A window that has gone has no size.
        let _ = sys::copy_window_size(io::stdin().as_fd(), self.master.as_fd());
    }

    /// The end that is inside.
    pub(super) fn peer(&self) -> io::Result<OwnedFd> {
        sys::open_peer(self.master.as_fd())
    }

    /// Passes on what is typed and what is printed until nobody inside has the other end any more. Meanwhile the
    /// user's terminal does nothing of its own.
    pub(super) fn relay(&self) {
        let _raw = Raw::begin();
        let mut typed = Vec::new();
        let mut open = true;
        let mut buffer = [0; 4096];
        loop {
            let wanted = if typed.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
            let stdin = io::stdin();
            let mut sources = vec![PollFd::new(&self.master, wanted)];
            if open && typed.is_empty() {
                sources.push(PollFd::new(&stdin, PollFlags::IN));
            }
            match poll(&mut sources, None) {
                Err(Errno::INTR) => continue,
                Err(_) => return,
                Ok(_) => {}
            }
            let inside = sources[0].revents();
            let outside = sources.get(1).is_some_and(|source| !source.revents().is_empty());
            if inside.contains(PollFlags::OUT) {
                match rustix::io::write(&self.master, &typed) {
                    Ok(written) => drop(typed.drain(..written)),
                    Err(Errno::INTR | Errno::AGAIN) => {}
                    Err(_) => return,
                }
            }
            if inside.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                match rustix::io::read(&self.master, &mut buffer) {
                    Ok(length) if length > 0 && print(&buffer[..length]) => {}
                    Err(Errno::INTR | Errno::AGAIN) => {}
                    // EIO: the other end is closed.
                    Ok(_) | Err(_) => return,
                }
            }
            if outside {
                match rustix::io::read(&stdin, &mut buffer) {
                    Ok(0) | Err(Errno::IO) => open = false,
                    Ok(length) => typed.extend_from_slice(&buffer[..length]),
                    Err(_) => {}
                }
            }
        }
    }
}

/// Whether the user's terminal still takes what is printed.
fn print(bytes: &[u8]) -> bool {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).is_ok()
}

/// The user's terminal passing everything on, until this is dropped.
struct Raw(Option<TerminalMode>);

impl Raw {
    fn begin() -> Self {
        let stdin = io::stdin();
        let mode = TerminalMode::of(stdin.as_fd()).ok();
        Self(mode.filter(|mode| mode.raw().set(stdin.as_fd()).is_ok()))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(mode) = self.0 {
            // A terminal that has gone needs no mode.
            let _ = mode.set(io::stdin().as_fd());
        }
    }
}
