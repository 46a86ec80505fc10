//! The seccomp filter as a value: a classic BPF program (see the kernel's `seccomp_filter.rst`).
//!
//! Pure. The filter is a second fence: the namespaces contain a build already. It keeps the kernel's rarely
//! used entrances shut (new user namespaces, mounts, BPF, keys, tracing), and turns a network socket into a
//! notification, so that the recipe can be told.

use libc::{BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, c_long, sock_filter};

/// Offsets into `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
/// The low half of the first argument (both supported machines are little endian).
const FIRST_ARGUMENT: u32 = 16;
/// Those of the second and the fourth.
const SECOND_ARGUMENT: u32 = 24;
const FOURTH_ARGUMENT: u32 = 40;

#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xC000_003E; // AUDIT_ARCH_X86_64
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 0xC000_00B7; // AUDIT_ARCH_AARCH64

/// What a clone may not make: every namespace (`CLONE_NEWNS` … `CLONE_NEWNET`, `CLONE_NEWCGROUP`).
const NAMESPACES: u32 = 0x7E02_0000;

/// Refused with `EPERM`: no build or test of a utility has a use for them.
const REFUSED: &[c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsopen,
    libc::SYS_init_module,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// Refused with `ENOSYS`, so that programs take the older call, which can be filtered.
const ABSENT: &[c_long] =
    &[libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];

const fn statement(code: u32, value: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: 0, jf: 0, k: value }
}

const fn jump(code: u32, value: u32, if_true: u8, if_false: u8) -> sock_filter {
    sock_filter { code: code as u16, jt: if_true, jf: if_false, k: value }
}

const fn load(offset: u32) -> sock_filter {
    statement(BPF_LD | BPF_W | BPF_ABS, offset)
}

const fn give(action: u32) -> sock_filter {
    statement(BPF_RET | BPF_K, action)
}

const fn errno(number: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | number as u32
}

const EQUAL: u32 = BPF_JMP | BPF_JEQ | BPF_K;

/// `futex(2)`: the operation without its flags, and the only one of ordinary programs that waits until a time.
const FUTEX_OPERATION: u32 = 0x7F;
const FUTEX_WAIT_BITSET: u32 = 9;

/// The filter. `notify`: a network socket becomes a user notification; else it is refused without a report
/// (a kernel before 5.0, and a step that is traced). `traced`: the calls that are handed to the step's tracer; of
/// `futex(2)`, which is called all the time, only those that wait until a time.
pub fn program(notify: bool, traced: &[c_long]) -> Vec<sock_filter> {
    let socket = if notify { libc::SECCOMP_RET_USER_NOTIF } else { errno(libc::EAFNOSUPPORT) };
    let mut filter = vec![
        load(ARCHITECTURE),
        jump(EQUAL, NATIVE, 1, 0),
        give(libc::SECCOMP_RET_KILL_PROCESS),
        load(NUMBER),
        // x32 calls (bit 30) are other numbers for the same entrances.
        jump(BPF_JMP | libc::BPF_JGE | BPF_K, 0x4000_0000, 0, 1),
        give(errno(libc::ENOSYS)),
    ];
    let mut answer = |calls: &[c_long], action: u32| {
        for call in calls.iter().filter(|call| **call != libc::SYS_futex) {
            filter.push(jump(EQUAL, *call as u32, 0, 1));
            filter.push(give(action));
        }
    };
    answer(REFUSED, errno(libc::EPERM));
    answer(ABSENT, errno(libc::ENOSYS));
    answer(traced, libc::SECCOMP_RET_TRACE);
    if traced.contains(&libc::SYS_futex) {
        filter.extend([
            jump(EQUAL, libc::SYS_futex as u32, 0, 7),
            load(SECOND_ARGUMENT),
            statement(BPF_ALU | BPF_AND | BPF_K, FUTEX_OPERATION),
            jump(EQUAL, FUTEX_WAIT_BITSET, 0, 2),
            load(FOURTH_ARGUMENT),
            jump(EQUAL, 0, 0, 1),
            give(libc::SECCOMP_RET_ALLOW),
            give(libc::SECCOMP_RET_TRACE),
        ]);
    }
    filter.extend([
        jump(EQUAL, libc::SYS_clone as u32, 0, 4),
        load(FIRST_ARGUMENT),
        statement(BPF_ALU | BPF_AND | BPF_K, NAMESPACES),
        jump(EQUAL, 0, 5, 0),
        give(errno(libc::EPERM)),
        jump(EQUAL, libc::SYS_socket as u32, 0, 3),
        load(FIRST_ARGUMENT),
        jump(EQUAL, libc::AF_UNIX as u32, 1, 0),
        give(socket),
        give(libc::SECCOMP_RET_ALLOW),
    ]);
    filter
}

/// The name of an address family, for the report.
pub fn family_name(family: i32) -> String {
    match family {
        libc::AF_INET => "AF_INET".to_owned(),
        libc::AF_INET6 => "AF_INET6".to_owned(),
        libc::AF_NETLINK => "AF_NETLINK".to_owned(),
        libc::AF_PACKET => "AF_PACKET".to_owned(),
        other => format!("address family {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(number: c_long, argument: u32) -> u32 {
        run(&program(true, &[]), number, &[argument; 4])
    }

    /// Runs a program as the kernel would, over a call's number and arguments.
    fn run(program: &[sock_filter], number: c_long, arguments: &[u32]) -> u32 {
        let data = |offset| match offset {
            NUMBER => number as u32,
            ARCHITECTURE => NATIVE,
            _ => arguments[(offset - FIRST_ARGUMENT) as usize / 8],
        };
        let (mut accumulator, mut at) = (0, 0);
        loop {
            let line = program[at];
            at += 1;
            match u32::from(line.code) {
                code if code == BPF_LD | BPF_W | BPF_ABS => accumulator = data(line.k),
                code if code == BPF_ALU | BPF_AND | BPF_K => accumulator &= line.k,
                code if code == EQUAL => at += usize::from(if accumulator == line.k { line.jt } else { line.jf }),
                code if code == BPF_JMP | libc::BPF_JGE | BPF_K => {
                    at += usize::from(if accumulator >= line.k { line.jt } else { line.jf });
                }
                code if code == BPF_RET | BPF_K => return line.k,
                code => panic!("unknown instruction {code}"),
            }
        }
    }

    #[test]
    fn ordinary_calls_pass_and_the_rest_get_their_answer() {
        assert_eq!(verdict(libc::SYS_openat, 0), libc::SECCOMP_RET_ALLOW);
        assert_eq!(verdict(libc::SYS_socket, libc::AF_UNIX as u32), libc::SECCOMP_RET_ALLOW);
        assert_eq!(verdict(libc::SYS_socket, libc::AF_INET as u32), libc::SECCOMP_RET_USER_NOTIF);
        assert_eq!(verdict(libc::SYS_clone, libc::SIGCHLD as u32), libc::SECCOMP_RET_ALLOW);
        assert_eq!(verdict(libc::SYS_clone, libc::CLONE_NEWUSER as u32), errno(libc::EPERM));
        assert_eq!(verdict(libc::SYS_clone3, 0), errno(libc::ENOSYS));
        assert_eq!(verdict(libc::SYS_mount, 0), errno(libc::EPERM));
        assert_eq!(verdict(libc::SYS_unshare, 0), errno(libc::EPERM));
    }

    #[test]
    fn what_is_traced_is_handed_over_and_of_futex_only_what_waits_until_a_time() {
        let program = program(false, &[libc::SYS_uname, libc::SYS_futex, libc::SYS_getdents64]);
        let verdict = |number, arguments: [u32; 4]| run(&program, number, &arguments);
        assert_eq!(verdict(libc::SYS_uname, [0; 4]), libc::SECCOMP_RET_TRACE);
        assert_eq!(verdict(libc::SYS_getdents64, [0; 4]), libc::SECCOMP_RET_TRACE);
        assert_eq!(verdict(libc::SYS_sysinfo, [0; 4]), libc::SECCOMP_RET_ALLOW);
        assert_eq!(verdict(libc::SYS_mount, [0; 4]), errno(libc::EPERM));
        let private = libc::FUTEX_PRIVATE_FLAG as u32;
        assert_eq!(verdict(libc::SYS_futex, [4, FUTEX_WAIT_BITSET | private, 0, 8]), libc::SECCOMP_RET_TRACE);
        assert_eq!(verdict(libc::SYS_futex, [4, FUTEX_WAIT_BITSET, 0, 0]), libc::SECCOMP_RET_ALLOW);
        assert_eq!(verdict(libc::SYS_futex, [4, libc::FUTEX_WAIT as u32, 0, 8]), libc::SECCOMP_RET_ALLOW);
        assert_eq!(verdict(libc::SYS_futex, [4, libc::FUTEX_WAKE as u32 | private, 0, 8]), libc::SECCOMP_RET_ALLOW);
        assert_eq!(verdict(libc::SYS_socket, [libc::AF_INET as u32; 4]), errno(libc::EAFNOSUPPORT));
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_x32_numbers_of_the_same_calls_do_not_exist() {
        assert_eq!(verdict(libc::SYS_mount | 0x4000_0000, 0), errno(libc::ENOSYS));
    }
}
