/* Prints the contents of a snapshot, in constant memory: "snapshot < dump.rdb".
 *
 * One line for each key, and one for each element below it. Strings of more than 16 KiB are printed in pieces.
 */
#include <redtail.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_text(const redtail_rdb_item *text) {
    if (text->role == REDTAIL_RDB_ROLE_AUX_NAME || text->role == REDTAIL_RDB_ROLE_AUX_VALUE)
        return;
    if (text->at == 0 && text->role != REDTAIL_RDB_ROLE_KEY_NAME)
        fputs(text->role == REDTAIL_RDB_ROLE_FIELD_VALUE || text->role == REDTAIL_RDB_ROLE_ENTRY_VALUE ? " = " : "\n    ", stdout);
    fwrite(text->bytes.data, 1, text->bytes.len, stdout);
}

static void print_item(const redtail_rdb_item *item) {
    static const char *const types[] = {"?",    "string", "list",   "set",   "zset",
                                        "hash", "stream", "module", "array", "rate limiter", "path hash"};
    switch (item->kind) {
    case REDTAIL_RDB_ITEM_KEY:
        printf("\n%llu ", (unsigned long long)item->db);
        if (item->time_ms != REDTAIL_NO_TIME)
            printf("(expires at %lld) ", (long long)item->time_ms);
        printf("%s ", types[item->key_type < 11 ? item->key_type : 0]);
        fwrite(item->bytes.data, 1, item->bytes.len, stdout);
        break;
    case REDTAIL_RDB_ITEM_TEXT: print_text(item); break;
    case REDTAIL_RDB_ITEM_SCORE: printf(" %.17g", item->score); break;
    case REDTAIL_RDB_ITEM_ENTRY:
        printf("\n    %llu-%llu", (unsigned long long)item->id.ms, (unsigned long long)item->id.seq);
        break;
    case REDTAIL_RDB_ITEM_FIELD_EXPIRY: printf(" (expires at %lld)", (long long)item->time_ms); break;
    case REDTAIL_RDB_ITEM_MODULE: printf("\n    of module %s", item->module); break;
    case REDTAIL_RDB_ITEM_END: printf("\n"); break;
    }
}

int main(void) {
    static char buffer[64 * 1024]; /* at least REDTAIL_RDB_MIN_INPUT */
    redtail_rdb *rdb = redtail_rdb_new(0, 0, NULL);
    redtail_slice unread = {buffer, 0};
    int status = rdb ? REDTAIL_NEED_MORE : REDTAIL_ERROR_MEMORY;

    while (status == REDTAIL_NEED_MORE) {
        const redtail_rdb_item *item;
        size_t count;
        memmove(buffer, unread.data, unread.len); /* the unread bytes stay, at the front */
        count = fread(buffer + unread.len, 1, sizeof buffer - unread.len, stdin);
        if (count == 0) {
            status = redtail_rdb_finish(rdb);
            break;
        }
        unread.data = buffer;
        unread.len += count;
        while ((status = redtail_rdb_next(rdb, &unread, &item)) == REDTAIL_OK)
            print_item(item);
    }
    if (status < 0)
        fprintf(stderr, "snapshot: %s\n", redtail_rdb_message(rdb));
    redtail_rdb_free(rdb);
    return status < 0;
}
