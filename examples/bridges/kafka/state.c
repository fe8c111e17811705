/* The file with the position. */
#include "bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* More than the positions of a thousand shards. */
#define LONGEST (1 << 20)

/* The file, until the process ends. */
static char *checkpoint;

static char *with_ending(const char *path, const char *ending) {
    char *name = memory(NULL, strlen(path) + strlen(ending) + 1);
    strcpy(name, path);
    return strcat(name, ending);
}

/* The file that a symbolic link leads to, which may be missing. */
static char *resolved(const char *path) {
    char *file = with_ending(path, ""), target[4096];
    ssize_t len;
    /* As many links as Linux follows. */
    for (int links = 0; links < 40 && (len = readlink(file, target, sizeof target - 1)) > 0; links++) {
        char *slash = strrchr(file, '/');
        target[len] = 0;
        file[slash && *target != '/' ? slash + 1 - file : 0] = 0;
        char *next = with_ending(file, target);
        free(file);
        file = next;
    }
    return file;
}

static void refuse(const char *path, const char *why) {
    fprintf(stderr, "redtail-kafka: %s: %s\n", path, why);
    exit(FAILED);
}

/* Two bridges that publish the same from one position would each overwrite the other's position. */
static void lock(const char *path) {
    char *name = with_ending(path, ".lock");
    int file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0)
        refuse(name, strerror(errno));
    if (flock(file, LOCK_EX | LOCK_NB))
        refuse(name, errno == EWOULDBLOCK ? "another bridge uses this checkpoint" : strerror(errno));
    free(name); /* the file stays open, and locked, until the process ends, in any manner */
}

char *state_open(const char *given) {
    const char *path = checkpoint = resolved(given);
    lock(path);
    FILE *file = fopen(path, "rb");
    if (!file && errno == ENOENT)
        return NULL;
    if (!file)
        refuse(path, strerror(errno));
    char *content = memory(NULL, LONGEST + 1);
    size_t len = fread(content, 1, LONGEST + 1, file);
    if (ferror(file))
        refuse(path, strerror(errno));
    fclose(file);
    /* A fresh start with an unreadable position would be a silent gap. */
    if (len < 2 || len > LONGEST || content[len - 1] != '\n' || memchr(content, 0, len))
        refuse(path, "this is no whole checkpoint; to start afresh on purpose, remove it");
    content[len - 1] = 0;
    return content;
}

static int write_whole(const char *path, const char *content) {
    FILE *file = fopen(path, "wb");
    if (!file)
        return -1;
    int is_written = fprintf(file, "%s\n", content) > 0 && fflush(file) == 0 && fsync(fileno(file)) == 0;
    int reason = errno;
    is_written = fclose(file) == 0 && is_written;
    errno = reason;
    return is_written ? 0 : -1;
}

/* The new name is safe only once the folder is synced. */
static int sync_folder(const char *path) {
    char *folder = with_ending(path, "");
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = 0;
    int file = open(slash ? folder : ".", O_RDONLY | O_CLOEXEC);
    free(folder);
    if (file < 0)
        return -1;
    int status = fsync(file);
    close(file);
    return status;
}

int state_save(const char *content) {
    char *fresh = with_ending(checkpoint, ".new");
    int status = write_whole(fresh, content) || rename(fresh, checkpoint) || sync_folder(checkpoint) ? -1 : 0;
    if (status)
        end_with(FAILED, "can't save the position in %s: %s", checkpoint, strerror(errno));
    free(fresh);
    return status;
}
