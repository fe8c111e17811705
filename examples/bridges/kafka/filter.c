/* Filters: which commands are published. The options, their names and their meaning are those of the redtail tool. */
#include "bridge.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void add(list *list, const char *text, size_t len) {
    list->texts = memory(list->texts, (list->count + 1) * sizeof *list->texts);
    char *copy = memory(NULL, len + 1);
    memcpy(copy, text, len);
    copy[len] = 0;
    list->texts[list->count++] = copy;
}

static void add_each(list *list, const char *value) {
    for (const char *at = value; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        add(list, at, strcspn(at, ","));
}

void filter_db(filter *filter, const char *value) {
    for (const char *at = value; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char *end;
        errno = 0;
        unsigned long db = strtoul(at, &end, 10);
        if (!isdigit((unsigned char)*at) || errno || db > INT32_MAX || (*end && *end != ','))
            wrong("--db %s: a database is a number", value);
        filter->dbs = memory(filter->dbs, (filter->db_count + 1) * sizeof *filter->dbs);
        filter->dbs[filter->db_count++] = (int64_t)db;
    }
}

/* Splits a name: SET, or XGROUP CREATE, or xgroup|create. Returns the number of its parts. */
static size_t words_of(const char *name, redtail_slice words[3]) {
    size_t count = 0;
    for (const char *at = name + strspn(name, " |"); *at && count < 3; at += strspn(at, " |")) {
        words[count].data = at;
        words[count].len = strcspn(at, " |");
        at += words[count++].len;
    }
    return count;
}

static void check(const char *option, const char *name) {
    redtail_slice words[4] = {{"", 0}, {"", 0}, {"", 0}, {"", 0}};
    size_t count = words_of(name, words);
    if (count < 1 || count > 2)
        wrong("%s takes the name of a command, or of a command and its subcommand: SET, 'XGROUP CREATE'", option);
    if (!strcmp(option, "--command") && (is_word(words[0], "PUBLISH") || is_word(words[0], "SPUBLISH")))
        wrong("--command %s: it changes no data, and is never published", name);
    /* Two more arguments, so that only the name can be unknown. The names of modules' commands have a dot. */
    if (redtail_command_is_write(words, count + 2) == REDTAIL_UNKNOWN_KEYS && !memchr(words[0].data, '.', words[0].len))
        wrong("--command or --not-command %s: no known server has this command", name);
}

void filter_command(filter *filter, const char *value, int is_left_out) {
    list *list = is_left_out ? &filter->not_commands : &filter->commands;
    size_t before = list->count;
    add_each(list, value);
    for (; before < list->count; before++)
        check(is_left_out ? "--not-command" : "--command", list->texts[before]);
}

void filter_key(filter *filter, const char *value, int is_left_out) {
    add(is_left_out ? &filter->not_keys : &filter->keys, value, strlen(value));
}

static int is_any(const list *list, redtail_slice key) {
    for (size_t i = 0; i < list->count; i++)
        if (redtail_glob_matches(list->texts[i], strlen(list->texts[i]), key.data, key.len) == 1)
            return 1;
    return 0;
}

static int is_named(const list *list, const redtail_event *event) {
    for (size_t i = 0; i < list->count; i++) {
        redtail_slice words[3];
        size_t count = words_of(list->texts[i], words), same = 0;
        while (same < count && same < event->argc && words[same].len == event->args[same].len
               && !strncasecmp(words[same].data, event->args[same].data, words[same].len))
            same++;
        if (same == count)
            return 1;
    }
    return 0;
}

static int has_db(const filter *filter, int64_t db) {
    for (size_t i = 0; i < filter->db_count; i++)
        if (filter->dbs[i] == db)
            return 1;
    return 0;
}

static int passes_db(const filter *filter, const redtail_event *event, const route *route) {
    if (!filter->db_count)
        return 1;
    int names_dbs = is_word(event->args[0], "MOVE") || is_word(event->args[0], "COPY");
    if (route->status == REDTAIL_ALL_KEYS || (names_dbs && route->status == REDTAIL_OK)) {
        for (size_t i = 0; i < route->count; i++)
            if (route->keys[i].db == REDTAIL_ALL_DATABASES || route->keys[i].db < 0 || has_db(filter, route->keys[i].db))
                return 1;
        return 0;
    }
    /* Functions and scripts belong to no database. */
    return names_dbs || is_word(event->args[0], "FUNCTION") || is_word(event->args[0], "SCRIPT") || event->db < 0 || has_db(filter, event->db);
}

int filter_passes_key(const filter *filter, redtail_slice key) {
    return (!filter->keys.count || is_any(&filter->keys, key)) && !is_any(&filter->not_keys, key);
}

static int passes_keys(const filter *filter, const redtail_event *event, const route *route) {
    if (!filter->keys.count && !filter->not_keys.count)
        return 1;
    if (route->status == REDTAIL_NONE)
        return !filter->keys.count;
    if (route->status != REDTAIL_OK) /* all keys, or unknown ones */
        return 1;
    for (size_t i = 0; i < route->count; i++)
        if (filter_passes_key(filter, event->args[route->keys[i].index]))
            return 1;
    return 0;
}

int filter_passes(const filter *filter, const redtail_event *event, const route *route) {
    return passes_db(filter, event, route) && (!filter->commands.count || is_named(&filter->commands, event))
           && !is_named(&filter->not_commands, event) && passes_keys(filter, event, route);
}

int filter_passes_db(const filter *filter, uint64_t db) {
    return !filter->db_count || has_db(filter, (int64_t)db);
}

static void list_free(list *list) {
    for (size_t i = 0; i < list->count; i++)
        free(list->texts[i]);
    free(list->texts);
}

void filter_free(filter *filter) {
    free(filter->dbs);
    list_free(&filter->commands);
    list_free(&filter->not_commands);
    list_free(&filter->keys);
    list_free(&filter->not_keys);
}
