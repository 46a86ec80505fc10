//! The failures that are known, by what is printed.

/// What kind of thing a build misses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// A C header, by the name that is included.
    Header,
    /// A static library, by the word after `-l`.
    Library,
    /// A program that runs during the build.
    Program,
}

impl Missing {
    /// The key of a recipe's dependencies that it belongs to.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Header | Self::Library => "target",
            Self::Program => "build",
        }
    }
}

/// A known failure. `$it` and the like stand for what the pattern's groups have found.
pub(super) struct Row {
    /// What is printed, as a regular expression over lines.
    pub pattern: &'static str,
    /// What happened.
    pub cause: &'static str,
    /// What usually helps.
    pub mend: &'static str,
    /// What kind of thing the group `it` names, where a recipe may bring it.
    pub missing: Option<Missing>,
}

const fn row(pattern: &'static str, cause: &'static str, mend: &'static str) -> Row {
    Row { pattern, cause, mend, missing: None }
}

const fn wants(missing: Missing, pattern: &'static str, cause: &'static str, mend: &'static str) -> Row {
    Row { pattern, cause, mend, missing: Some(missing) }
}

/// The most particular first.
pub(super) const LESSONS: &[Row] = &[
    row(
        r"no shared objects are built here",
        "a shared library is linked, and here everything is linked statically",
        r#"switch it off: `configure = ["--disable-shared"]`, or the variable or target of its Makefile (`make`, `targets`)"#,
    ),
    row(
        r"attempted static link of dynamic object [`'‘](?P<it>[^'’]+)",
        "the shared object $it is named on the link line",
        "have the archive (`.a`) linked instead: by the option that configure has for static libraries, or by a patch",
    ),
    row(
        r"cannot find -lgcc_s\b",
        "libgcc_s is gcc's shared library; the compiler itself adds libgcc and libgcc_eh, which are its static halves",
        "take `-lgcc_s` away: from the variable that holds it, or by a patch",
    ),
    row(
        r"(?:undefined reference to|implicit declaration of function|unknown type name) [`'‘](?P<it>(?:f?open|fdopen|freopen|creat|openat|l?seek|fseeko|ftello|[lf]?stat|fstatat|f?statv?fs|p?readv?|p?writev?|mmap|f?truncate|readdir(?:_r)?|scandir|alphasort|glob|n?ftw|sendfile|copy_file_range|posix_fadvise|posix_fallocate|fallocate|lockf|mkstemp|mkostemp|tmpfile|getrlimit|setrlimit|prlimit|f[gs]etpos)64|(?:off|ino|blkcnt|fsblkcnt|rlim)64_t)['’]",
        "`$it` is a second name from the time when files beyond 2 GB were new; musl's plain names are 64 bits wide, and these are hidden",
        r#"`env = { CFLAGS = "-O2 -D_LARGEFILE64_SOURCE" }` shows them; a patch to the plain name lasts longer"#,
    ),
    row(
        r"fatal error: (?P<it>error|obstack|argp|fts|execinfo|fstab|printf|libio|a\.out|sys/(?:cdefs|queue|tree|sysctl)|gnu/[\w-]+|bits/[\w-]+|rpc/\w+|rpcsvc/\w+)\.h: No such file or directory",
        "`$it.h` is no header of POSIX or Linux but one of glibc's, and musl does not have it",
        r#"often a `configure` word or a define switches its use off; else give what is used of it in a small header: `files = ["$it.h"]` and `env = { CFLAGS = "-O2 -I/build/files" }`"#,
    ),
    row(
        r"undefined reference to [`'‘](?P<it>error|error_at_line|backtrace(?:_symbols(?:_fd)?)?|argp_\w+|fts_(?:open|read|close|children|set)|_?obstack_\w+|canonicalize_file_name|mallinfo2?|malloc_(?:trim|info|stats)|gnu_get_libc_version|rawmemchr|strfry|getcontext|setcontext|makecontext|swapcontext|__fpending|innetgr|rpmatch)['’]",
        "`$it` is a function of glibc that musl does not have",
        "often a `configure` word or a define switches its use off; else patch it to what POSIX has, or give it in a small C file of the recipe's `files`",
    ),
    row(
        r"(?:Exec format error|cannot execute binary file)",
        "a program that was built for the target is run during the build, and the sandbox's processor cannot run it",
        "have what runs during the build compiled with `$$CC_FOR_BUILD`: by the variable that the Makefile has for it (BUILD_CC, HOSTCC, CC_FOR_BUILD), or by a patch",
    ),
    row(
        r"(?:cannot run test program while cross compiling|cannot run C compiled programs|cannot check for .* when cross compiling)",
        "configure wants to run a program that it has just compiled, and no build does that: its result would depend on the machine",
        r#"look in `configure` for the variable of the check before that line, and answer it: `configure = ["ac_cv_NAME=yes"]`"#,
    ),
    row(
        r"(?:[Ii]nvalid configuration [`'‘]\S+-musl|(?:machine|system|OS|configuration) [`'‘]\S*musl\S*['’] (?:is )?not recognized)",
        "its config.sub is older than musl's name",
        "a patch of a line mends it: where config.sub lists systems with `-gnu*`, add `-musl*`",
    ),
    row(
        r"(?P<it>aclocal|autoconf|automake|autoheader|autom4te)(?:-[\d.]+)?['’]?(?:: (?:command )?not found| is (?:missing|needed))",
        "make takes files that autotools made for older than what they are made from: a patch has touched configure.ac or Makefile.am, or their times differ",
        r#"`prepare = "touch aclocal.m4 configure config.h.in && find . -name Makefile.in -exec touch {} +"`, and have the patch change what is generated, too"#,
    ),
    row(
        r"\b(?P<it>msgfmt|xgettext|gmsgfmt|makeinfo|texi2dvi|texi2any|help2man|xsltproc|asciidoc(?:tor)?|a2x|pod2man|doxygen|rst2man|sphinx-build|pandoc|scdoc|po4a|docbook2man)(?:['’] is missing|: (?:\d+: )?(?:command )?not found|: No such file or directory)",
        "$it makes translations or documents, and is not here",
        r#"switch them off: `configure = ["--disable-nls", "--disable-docs"]`, or let it do nothing: `make = ["MAKEINFO=true"]`"#,
    ),
    row(
        r"(?:pkg-config(?:(?::(?: \d+:)?(?: command)?)? not found|: No such file or directory| script could not be found)|PKG_(?:PROG_PKG_CONFIG|CHECK_MODULES)[(:].*(?:syntax error|not found))",
        "libraries are looked for with pkg-config",
        r#"`build = ["pkgconf"]` in `[dependencies]` and `env = { PKG_CONFIG_LIBDIR = "/sysroot/usr/lib/pkgconfig" }` in `[build]`"#,
    ),
    row(
        r"(?:\[drystone\] contained: .*AF_INET|Could not resolve host|[Tt]emporary failure in name resolution|unable to resolve host|[Ff]ailed to connect to \S+ port)",
        "the build wants to fetch something, and there is no network",
        r#"make it a source of the recipe, pinned: a further `[[source]]` with `into = "DIR"`; then tell the build where it is"#,
    ),
    row(
        r"[`'‘\x22](?:/usr)?/(?:include|lib)(?:64)?['’\x22]? is unsafe for cross-compilation|(?P<it>/usr/(?:local/)?include/\S+?\.h): No such file",
        "a path of the build machine is written down: headers and libraries of the target are below /sysroot/usr",
        r#"give the prefix where it is asked for (`--with-NAME=/sysroot/usr`), or take the path away: the compiler looks there by itself"#,
    ),
    row(
        r"macro [`'‘\x22]?__(?P<it>DATE|TIME|TIMESTAMP)__['’\x22]? might prevent reproducible builds",
        "`__${it}__` is fixed here by SOURCE_DATE_EPOCH, so that the warning is about nothing",
        r#"`env = { CFLAGS = "-O2 -Wno-date-time" }`"#,
    ),
    row(
        r"(?:relocation R_\S+ .*can ?not be used when making a|recompile with -fPI[CE]|read-only segment has dynamic relocations)",
        "code that depends on its address, mostly assembler, in a program that may lie anywhere",
        "switch its assembler off (`--disable-asm`, `no-asm`), or have it made position independent (`-fPIC`)",
    ),
    row(
        r"multiple definition of [`'‘](?P<it>\w+)['’]",
        "`$it` is defined twice: a variable in a header without `extern`, or the same function in two static libraries",
        r#"for the variable, `env = { CFLAGS = "-O2 -fcommon" }`; for the function, rename one by a define: `-D$it=own_$it`"#,
    ),
    row(
        r"(?:chown|chgrp|install)\b.*(?:Operation not permitted|Invalid argument|invalid (?:user|group))",
        "files are given to another user, and a build has only one; an image says who owns what",
        r#"take the owner away: by its variable (`make = ["OWNER=", "INSTALL=install"]`), or by a patch of `-o root -g root`"#,
    ),
    row(
        r"[`'‘]?(?P<it>/(?:usr|etc|var|opt|lib|bin|sbin|share)\S*?)['’]?: Read-only file system",
        "$it is written to, and a build writes only to /build, /out and /tmp: what is installed goes below $$DESTDIR, /out",
        r#"give the root by the variable that the Makefile has for it (`install = ["install", "DESTDIR=/out"]`, INSTALL_ROOT, prefix=/out/usr), or patch it in"#,
    ),
    row(
        r"error: .*\[-Werror(?:=[\w-]+)?\]",
        "a warning is an error here",
        r#"`configure = ["--disable-werror"]`, the Makefile's variable for it, or `env = { CFLAGS = "-O2 -Wno-error" }`"#,
    ),
    row(
        r"unknown type name [`'‘](?P<it>u_?int(?:8|16|32|64)?(?:_t)?|u_(?:char|short|long)|ushort|ulong|caddr_t|loff_t|quad_t|cpu_set_t|sighandler_t|comparison_fn_t)['’]",
        "`$it` is declared only where its source asks for more than standard C",
        r#"`env = { CFLAGS = "-O2 -D_GNU_SOURCE" }`; where that is not enough, `-include sys/types.h`"#,
    ),
    row(
        r"unknown type name [`'‘](?P<it>__BEGIN_DECLS|__P|__THROW)['’]",
        "`$it` is a macro of other libcs' <sys/cdefs.h>, which musl does not have",
        r#"define it away: `env = { CFLAGS = "-O2 -D__BEGIN_DECLS= -D__END_DECLS= -D__THROW=" }`"#,
    ),
    row(
        r"^error: no matching package named `(?P<it>[\w-]+)` found",
        "Cargo.toml asks for the crate `$it`, which the lock file does not have",
        "`crates` has to be the lock file of this very release: most bring it as Cargo.lock",
    ),
    row(
        r"cannot update the lock file|lock file .* needs to be updated but --locked",
        "the lock file does not agree with Cargo.toml",
        "`crates` has to be the lock file of this very release: most bring it as Cargo.lock",
    ),
    row(
        r"failed to run custom build command for `(?P<it>[\w-]+) ",
        "the build script of the crate `$it` found something amiss; what it printed is in the log",
        r#"one that looks for a library often has a feature for a copy of its own (`vendored`, `bundled`): `configure = ["--features", …]`"#,
    ),
    wants(
        Missing::Header,
        r"fatal error: (?P<it>[\w./+-]+\.h\w*): No such file or directory",
        "the header `$it` is not here",
        "if a library has it, its recipe belongs to `[dependencies] target`; if it is the program's own, its directory is missing among the `-I`",
    ),
    wants(
        Missing::Header,
        r"^checking for (?P<it>[\w./+-]+\.h)\.\.\. no\n(?:.*\n)?configure: error",
        "the header `$it` is not here",
        "if a library has it, its recipe belongs to `[dependencies] target`; else `configure` has a word to do without",
    ),
    wants(
        Missing::Library,
        r"^checking for [^\n]* in -l(?P<it>[\w.+-]+)\.\.\. no\n(?:.*\n)?configure: error",
        "the library `$it` is not here",
        "its recipe belongs to `[dependencies] target`; or `configure` has a word to do without",
    ),
    wants(
        Missing::Library,
        r"cannot find -l(?P<it>[\w.+-]+)",
        "the library `$it` is not here",
        "its recipe belongs to `[dependencies] target`; if it is the program's own, it is linked before it is made",
    ),
    wants(
        Missing::Program,
        r"^(?:\S*/)?(?:sh|env|make(?:\[\d+\])?)?:? ?(?:line )?(?:\d+: )?[`'‘]?(?P<it>[a-z][\w.+-]*)['’]?: (?:(?:command )?not found|No such file or directory)$",
        "the program `$it` is not here",
        "its recipe belongs to `[dependencies] build`; without one, give the build another way, or what it would make as a file",
    ),
    row(
        r"undefined reference to [`'‘](?P<it>\w+)['’]",
        "nothing that was linked defines `$it`: a static library has to stand after what uses it, and those that it uses itself after it",
        r#"`configure = ["LIBS=-lNAME"]` puts one at the end; pkg-config names them all with `--static`"#,
    ),
];
