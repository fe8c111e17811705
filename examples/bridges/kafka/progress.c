/* The position up to which everything is confirmed.
 *
 * Brokers confirm in any order. A position may be saved only once everything before it is safe. The steps are in
 * the order of the stream, and a step with all messages confirmed counts only as the first. */
#include "bridge.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct step {
    step *next;
    progress *of;
    redtail_position position;
    int has_position;
    size_t unconfirmed;
};

struct progress {
    pthread_mutex_t lock;
    step *first, *last;
    redtail_position confirmed;
    int is_anywhere;
};

progress *progress_new(void) {
    progress *progress = memory(NULL, sizeof *progress);
    progress->first = progress->last = NULL;
    progress->is_anywhere = 0;
    pthread_mutex_init(&progress->lock, NULL);
    return progress;
}

void progress_free(progress *progress) {
    for (step *next, *step = progress->first; step; step = next) {
        next = step->next;
        free(step);
    }
    pthread_mutex_destroy(&progress->lock);
    free(progress);
}

static void reach(progress *progress, const redtail_position *position) {
    progress->confirmed = *position;
    progress->is_anywhere = 1;
}

step *progress_add(progress *progress, const redtail_position *position, size_t messages) {
    step *step = NULL;
    pthread_mutex_lock(&progress->lock);
    if (messages) {
        step = memory(NULL, sizeof *step);
        step->next = NULL;
        step->of = progress;
        step->has_position = position != NULL;
        if (position)
            step->position = *position;
        step->unconfirmed = messages;
        if (progress->last)
            progress->last->next = step;
        else
            progress->first = step;
        progress->last = step;
    } else if (progress->last) {
        progress->last->position = *position; /* safe as soon as everything before it is */
        progress->last->has_position = 1;
    } else {
        reach(progress, position);
    }
    pthread_mutex_unlock(&progress->lock);
    return step;
}

void progress_confirm(step *confirmed) {
    progress *progress = confirmed->of;
    pthread_mutex_lock(&progress->lock);
    confirmed->unconfirmed--;
    for (step *first; (first = progress->first) && !first->unconfirmed;) {
        if (first->has_position)
            reach(progress, &first->position);
        progress->first = first->next;
        if (!progress->first)
            progress->last = NULL;
        free(first);
    }
    pthread_mutex_unlock(&progress->lock);
}

int progress_position(progress *progress, redtail_position *position) {
    pthread_mutex_lock(&progress->lock);
    int is_anywhere = progress->is_anywhere;
    if (is_anywhere)
        *position = progress->confirmed;
    pthread_mutex_unlock(&progress->lock);
    return is_anywhere ? REDTAIL_OK : REDTAIL_NONE;
}

int progress_is_idle(progress *progress) {
    pthread_mutex_lock(&progress->lock);
    int is_idle = !progress->first;
    pthread_mutex_unlock(&progress->lock);
    return is_idle;
}

/* Not by memcmp: the padding between the fields is undefined. */
int is_same_position(const redtail_position *one, const redtail_position *other) {
    return one->offset == other->offset && one->db == other->db && !strcmp(one->replid, other->replid)
           && !strcmp(one->history, other->history);
}
