//! Another processor, as far as a program asks the instruction `cpuid` for it: faulted, and answered here.
//!
//! The kernel lets a thread have `cpuid` fault (`arch_prctl(2)`, `ARCH_SET_CPUID`), and what it forks, but not what it
//! executes. So each program that begins is made to call that first, by way of the instruction `syscall` in the kernel's
//! own code in every process (`vdso(7)`).
//!
//! What is answered is true, but for the maker, the model, the name, and features that are taken away: those beyond
//! x86-64-v2, as of a processor of 2012. None is ever added.

use std::arch::x86_64::{__cpuid_count, CpuidResult};
use std::io;

use libc::{pid_t, user_regs_struct};

use super::registers::Registers;
use crate::sandbox::sys::ptrace;
use crate::sandbox::variation::PROCESSOR;

/// The instruction `cpuid`.
const CPUID: [u8; 2] = [0x0F, 0xA2];
/// The instruction `syscall`.
const SYSCALL: [u8; 2] = [0x0F, 0x05];

/// Family 15h, model 2, as `cpuid` tells it.
const MODEL: u32 = 0x0060_0F20;
/// The number of the last leaf that is answered.
const LAST: u32 = 0xD;

/// Answers a thread that is stopped at `cpuid`; `false` if it is not.
pub fn answer(thread: pid_t) -> io::Result<bool> {
    let Some(mut registers) = Registers::of(thread)? else { return Ok(false) };
    let raw = registers.raw();
    let mut instruction = [0; 2];
    let read = ptrace::read_memory(thread, raw.rip, &mut instruction).unwrap_or(0);
    if read != CPUID.len() || instruction != CPUID {
        return Ok(false);
    }
    let (leaf, part) = (raw.rax as u32, raw.rcx as u32);
    let told = told(leaf, part, __cpuid_count(leaf, part));
    (raw.rax, raw.rbx) = (u64::from(told.eax), u64::from(told.ebx));
    (raw.rcx, raw.rdx) = (u64::from(told.ecx), u64::from(told.edx));
    raw.rip += CPUID.len() as u64;
    registers.store()?;
    Ok(true)
}

/// What this processor says as the other one would.
fn told(leaf: u32, part: u32, true_one: CpuidResult) -> CpuidResult {
    let CpuidResult { eax, ebx, ecx, edx } = true_one;
    match leaf {
        0 => {
            let [ebx, edx, ecx] = [*b"Auth", *b"enti", *b"cAMD"].map(u32::from_le_bytes);
            CpuidResult { eax: eax.min(LAST), ebx, ecx, edx }
        }
        // Away: PCLMULQDQ, FMA, MOVBE, AES, AVX, F16C, RDRAND; self-snoop and more than one thread a core.
        1 => CpuidResult { eax: MODEL, ebx, ecx: ecx & !LEAF_1_ECX, edx: edx & !LEAF_1_EDX },
        // What is left: FSGSBASE, SMEP, INVPCID, SMAP; UMIP, PKU, OSPKE, RDPID; what protects against side channels.
        7 if part == 0 => {
            CpuidResult { eax: 0, ebx: ebx & 0x0010_0481, ecx: ecx & 0x0040_001C, edx: edx & 0xBC00_0400 }
        }
        7 => CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 },
        0x8000_0001 => CpuidResult { eax: MODEL, ebx, ecx: ecx & !LZCNT, edx },
        0x8000_0002..=0x8000_0004 => {
            let mut name = [0; 48];
            name[..PROCESSOR.len()].copy_from_slice(PROCESSOR.as_bytes());
            let words = name.as_chunks::<4>().0;
            let word = |index: usize| u32::from_le_bytes(words[4 * (leaf - 0x8000_0002) as usize + index]);
            CpuidResult { eax: word(0), ebx: word(1), ecx: word(2), edx: word(3) }
        }
        _ if leaf > LAST && leaf < 0x4000_0000 => CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 },
        _ => true_one,
    }
}

const LEAF_1_ECX: u32 = 1 << 1 | 1 << 12 | 1 << 22 | 1 << 25 | 1 << 28 | 1 << 29 | 1 << 30;
const LZCNT: u32 = 1 << 5;

/// What of leaf 1 goes away that is also in `AT_HWCAP`.
const LEAF_1_EDX: u32 = 1 << 27 | 1 << 28;

/// `AT_HWCAP` (leaf 1's edx) and `AT_HWCAP2` (2: the kernel lets programs use FSGSBASE) of the other processor.
pub fn capabilities(tag: u64, value: u64) -> u64 {
    value & if tag == libc::AT_HWCAP { !u64::from(LEAF_1_EDX) } else { !2 }
}

/// Where the instruction `syscall` is in the kernel's code that begins at `vdso`.
pub fn find_syscall(process: pid_t, vdso: u64) -> Option<u64> {
    let mut code = vec![0; 4 * 4096];
    let length = ptrace::read_memory(process, vdso, &mut code).ok()?;
    let at = code[..length].windows(2).position(|bytes| *bytes == SYSCALL)?;
    Some(vdso + at as u64)
}

/// The registers with which a thread goes on to have `cpuid` fault.
pub fn faulting(mut registers: user_regs_struct, syscall: u64) -> user_regs_struct {
    registers.rip = syscall;
    registers.rax = libc::SYS_arch_prctl as u64;
    registers.rdi = ptrace::ARCH_SET_CPUID;
    registers.rsi = 0;
    // No call that could be begun again.
    registers.orig_rax = u64::MAX;
    registers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_processor_is_told_of_and_no_feature_is_added() {
        let all = CpuidResult { eax: 0x16, ebx: u32::MAX, ecx: u32::MAX, edx: u32::MAX };
        let none = CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 };
        let maker = told(0, 0, all);
        assert_eq!(
            (maker.eax, [maker.ebx, maker.edx, maker.ecx].map(u32::to_le_bytes).concat()),
            (LAST, b"AuthenticAMD".to_vec())
        );
        for (leaf, part) in [(1, 0), (7, 0), (7, 1), (0x8000_0001, 0)] {
            let CpuidResult { ebx, ecx, edx, .. } = told(leaf, part, none);
            assert_eq!((ebx, ecx, edx), (0, 0, 0), "{leaf:x}");
        }
        // SSE4.2 and POPCNT stay, AVX and AVX2 go.
        assert_eq!(told(1, 0, all).ecx & (1 << 20 | 1 << 23 | 1 << 28), 1 << 20 | 1 << 23);
        assert_eq!(told(7, 0, all).ebx & (1 << 5), 0);
        let name = [0x8000_0002, 0x8000_0003, 0x8000_0004].map(|leaf| {
            let CpuidResult { eax, ebx, ecx, edx } = told(leaf, 0, none);
            [eax, ebx, ecx, edx].map(u32::to_le_bytes).concat()
        });
        assert_eq!(String::from_utf8(name.concat()).unwrap().trim_end_matches('\0'), PROCESSOR);
    }
}
