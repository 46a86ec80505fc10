//! Why each rule matters: a sentence for the person who reads a finding.

use crate::recipe::Rule;

impl Rule {
    /// Why it matters that the rule is kept.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Executable => "what nobody asked for, nobody watches; an intruder uses what is there",
            Self::Shell => "a shell turns one injected text into any command",
            Self::Interpreter => "an interpreter runs code that no signature and no digest covers",
            Self::PackageManager => "a package manager changes the image while it runs",
            Self::MultiCall => "one flaw in a multi-call binary exposes every program in it",
            Self::Packed => "what cannot be looked into cannot be checked",
            Self::MalformedElf => "a file that tools read differently hides something from one of them",
            Self::Platform => "a program for another machine never runs, or runs under an emulator that nobody checked",
            Self::Static => "a library found at run time can be replaced at run time",
            Self::Pie => "a program at a known address is a program with known targets",
            Self::Relro => "writable relocation data is where an overflow plants its jump",
            Self::BindNow => "a table filled in later must stay writable until then",
            Self::ExecutableStack => "memory that is written and then run is how injected code runs",
            Self::StackProtector => "without a canary an overflow reaches the return address unseen",
            Self::Rpath => "whoever writes to the named directory chooses the program's code",
            Self::Setuid => "a file with this bit gives its owner's rights to whoever starts it",
            Self::FileCapability => "a file with capabilities gives them to whoever starts it",
            Self::WorldWritable => "what everybody may write, an intruder may write",
            Self::UserWritable => "a service that can change its own files can be made to",
            Self::SpecialFile => "a device or socket in an image reaches past it",
            Self::RunAsRoot => "root inside a container is one kernel flaw from root outside",
            Self::NumericUser => "a runtime can check of a number alone that it is not root's",
            Self::Capability => "a capability that is not needed is a part of root that an intruder gets",
            Self::PrivateKey => "whoever pulls the image has the key",
            Self::SetuidHelper => "a program that changes users is the first step up",
            Self::PackageDatabase => "it speaks of packages that are not there, or of more than the spec names",
            Self::ReadableSecret => "whoever runs any program in the image reads it",
            Self::DeniedName => "the policy names it",
            Self::DeniedDigest => "the policy names it",
            Self::ImageSize => "what grows unseen is what nobody asked for",
            Self::FileSize => "what grows unseen is what nobody asked for",
            Self::ExpiredWaiver => "an exception without an end is a rule without effect",
            Self::UnusedWaiver => "an exception that outlives its cause hides the next finding",
        }
    }
}
