/* What htop's configure finds on musl and Linux, with gcc 12. */
#define _GNU_SOURCE 1
#define PACKAGE "htop"
#define VERSION "3.4.1"
#define COPYRIGHT "(C) 2004-2019 Hisham Muhammad. (C) 2020-2025 htop dev team."
#define CONFIGDIR "/.config"
#define SYSCONFDIR "/etc"
#define PROCDIR "/proc"
#define PROCSTATFILE PROCDIR "/stat"
#define PROCMEMINFOFILE PROCDIR "/meminfo"
#define PROCCPUINFOFILE PROCDIR "/cpuinfo"
#define PROCTTYDRIVERSFILE PROCDIR "/tty/drivers"
#define PROCARCSTATSFILE PROCDIR "/spl/kstat/zfs/arcstats"
#define OSRELEASEFILE "/etc/os-release"
#define HTOP_LINUX 1
#define HAVE_AFFINITY 1
#define HAVE_ALLOCA_H 1
#define HAVE_ATTR_ACCESS 1
#define HAVE_ATTR_ALLOC_SIZE 1
#define HAVE_ATTR_NONNULL 1
#define HAVE_ATTR_RETNONNULL 1
#define HAVE_BUILTIN_CTZ 1
#define HAVE_CLOCK_GETTIME 1
#define HAVE_CURSES_H 1
#define HAVE_FACCESSAT 1
#define HAVE_FSTATAT 1
#define HAVE_GETMOUSE 1
#define HAVE_LIBNCURSESW 1
#define HAVE_MEMFD_CREATE 1
#define HAVE_NCURSES_H 1
#define HAVE_OPENAT 1
#define HAVE_READLINKAT 1
/* No HAVE_SCHED_SETSCHEDULER: on musl it only fails. */
#define HAVE_SET_ESCDELAY 1
#define HAVE_STRCHRNUL 1
#define HAVE_SYS_UTSNAME_H 1
#define HAVE_TERM_H 1
#define NCURSES_WIDECHAR 1 /* what ncurses' own tool tells */
#define MAJOR_IN_SYSMACROS 1
