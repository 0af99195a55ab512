/*
 * Loaded into a redis-server: notes how long each file was when its content was synced, one "length path" a line in the
 * file that SENDSTORES_SYNCED names. What is behind that length is what a power loss may take. While there is the file
 * that SENDSTORES_HELD names, no sync begins.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void note(int file, long long length) {
    char link[64], path[4096], line[4200];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t count = readlink(link, path, sizeof path - 1);
    const char *notes = getenv("SENDSTORES_SYNCED");
    if (count < 0 || !notes) return;
    path[count] = 0;
    int to = open(notes, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    int size = snprintf(line, sizeof line, "%lld %s\n", length, path);
    if (to < 0 || write(to, line, size) != size) abort();
    close(to);
}

static int sync_and_note(const char *name, int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    struct stat before;
    const char *held = getenv("SENDSTORES_HELD");
    while (held && access(held, F_OK) == 0) usleep(1000);
    /* What is written while the sync is under way may not be part of it. */
    int known = fstat(file, &before) == 0 && S_ISREG(before.st_mode);
    int result = real(file);
    if (result == 0 && known) note(file, (long long)before.st_size);
    return result;
}

int fsync(int file) { return sync_and_note("fsync", file); }

int fdatasync(int file) { return sync_and_note("fdatasync", file); }
