/*
 * popen and system without a shell, as far as initdb needs them: words, "words with spaces", and redirections
 * with a space before them: < FILE, > FILE, 2>&1. One popen at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static FILE *stream;
static pid_t child;

/* Cuts the next word off: from the first quote to the second, or up to a space. */
static char *word(char **rest)
{
	char *start = *rest + strspn(*rest, " ");
	char end = *start == '"' ? '"' : ' ';
	start += end == '"';
	*rest = strchr(start, end);
	if (!*rest) *rest = start + strlen(start);
	else *(*rest)++ = 0;
	return start;
}

/* Starts the command; its descriptor `fd` is `pipe`, when that is one. */
static pid_t start(const char *command, int fd, int pipe)
{
	char *argv[64], *text = strdup(command), *rest = text;
	int argc = 0, error = text ? 0 : ENOMEM;
	pid_t pid = -1;
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	if (pipe >= 0) error = posix_spawn_file_actions_adddup2(&actions, pipe, fd);
	while (!error && *(rest += strspn(rest, " ")) && argc < 63) {
		char *next = rest;
		if (!strncmp(next, "2>&1", 4)) {
			rest += 4;
			error = posix_spawn_file_actions_adddup2(&actions, 1, 2);
		} else if (*next == '<' || *next == '>') {
			rest++;
			int in = *next == '<';
			error = posix_spawn_file_actions_addopen(&actions, !in, word(&rest), in ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC, 0666);
		} else
			argv[argc++] = word(&rest);
	}
	argv[argc] = NULL;
	if (!error) error = argc ? posix_spawn(&pid, argv[0], &actions, NULL, argv, environ) : ENOENT;
	posix_spawn_file_actions_destroy(&actions);
	free(text);
	errno = error;
	return error ? -1 : pid;
}

static int finish(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) return -1;
	return status;
}

int system(const char *command)
{
	pid_t pid = start(command, -1, -1);
	return pid < 0 ? -1 : finish(pid);
}

FILE *popen(const char *command, const char *mode)
{
	int fds[2], mine = *mode == 'w';
	if (stream) return errno = EMFILE, NULL;
	if (pipe2(fds, O_CLOEXEC)) return NULL;
	child = start(command, !mine, fds[!mine]);
	close(fds[!mine]);
	if (child >= 0) stream = fdopen(fds[mine], mode);
	if (!stream) close(fds[mine]);
	return stream;
}

int pclose(FILE *which)
{
	if (which != stream) return errno = EINVAL, -1;
	stream = NULL;
	fclose(which);
	return finish(child);
}
