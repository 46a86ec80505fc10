// Tries what a container must not do, and says for each what came of it.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, int failed) { printf("%s: %s\n", what, failed ? strerror(errno) : "done"); }

static int create(const char *path) {
    int file = open(path, O_CREAT | O_WRONLY, 0700);
    if (file >= 0) close(file);
    return file < 0;
}

// Copies this program there and runs the copy.
static int run_copy(const char *path) {
    char bytes[1 << 16];
    int from = open("/proc/self/exe", O_RDONLY), to = open(path, O_CREAT | O_WRONLY, 0700);
    if (from < 0 || to < 0) return 1;
    for (ssize_t count; (count = read(from, bytes, sizeof bytes)) > 0;)
        if (write(to, bytes, count) != count) return 1;
    close(to);
    execl(path, path, "copy", NULL);
    return 1;
}

int main(int count, char **words) {
    if (count > 1 && !strcmp(words[1], "copy")) return puts("run a copy: done"), 0;
    printf("user: %d:%d\n", getuid(), getgid());
    say("write to a declared path", create("/data/file"));
    say("write to the root", create("/file"));
    say("write to /usr", create("/usr/file"));
    say("write to /dev/shm", create("/dev/shm/file"));
    say("write to /dev", create("/dev/file"));
    char bytes[1 << 16] = {1};
    int file = open("/data/large", O_CREAT | O_WRONLY, 0600), full = 0;
    for (int block = 0; block < 32 && !full; block++) full = write(file, bytes, sizeof bytes) < 0;
    say("write more than fits", full);
    close(file);
    unlink("/data/large");
    say("open a socket", socket(AF_INET, SOCK_STREAM, 0) < 0);
    say("open a packet socket", socket(AF_PACKET, SOCK_RAW, 0) < 0);
    say("become root", setuid(0));
    say("make a namespace", unshare(CLONE_NEWUSER));
    say("run memory", memfd_create("memory", 0) < 0);
    printf("no new privileges: %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    FILE *status = fopen("/proc/self/status", "r");
    for (char line[256]; status && fgets(line, sizeof line, status);)
        if (!strncmp(line, "CapBnd", 6) || !strncmp(line, "CapEff", 6)) fputs(line, stdout);
    fflush(stdout);
    say("run a copy", run_copy("/data/copy"));
    return 0;
}
