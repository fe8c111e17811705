/* Reads a snapshot cut at random offsets, and prints a line for each item:
 *
 *     snapshots rdb FILE SEED         an RDB file, through a redtail_rdb
 *     snapshots dump FILE 0           the payload of a RESTORE, through a redtail_dump
 *     snapshots session FILE SEED     a recorded link, through a session              (SEED 0: not cut)
 *
 * Of strings and raw bytes that come in pieces one line tells all, at the last piece.
 */
#include <inttypes.h>
#include <redtail.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t HASH = 14695981039346656037u; /* FNV-1a */
static uint64_t hash, raw_length;

static void mix(redtail_slice bytes) {
    for (size_t at = 0; at < bytes.len; at++)
        hash = (hash ^ (unsigned char)bytes.data[at]) * 1099511628211u;
}

static void id(redtail_stream_id id) { printf(" %" PRIu64 "-%" PRIu64, id.ms, id.seq); }

static void show(const redtail_rdb_item *item) {
    if (item->kind == REDTAIL_RDB_ITEM_TEXT || item->kind == REDTAIL_RDB_ITEM_KEY) {
        if (item->at == 0)
            hash = HASH;
        mix(item->bytes);
        if (item->kind == REDTAIL_RDB_ITEM_TEXT && item->at + item->bytes.len < item->length)
            return;
    }
    if (item->kind == REDTAIL_RDB_ITEM_RAW) {
        raw_length += item->bytes.len;
        mix(item->bytes);
        if (!item->flag)
            return;
    }
    printf("%d", item->kind);
    switch (item->kind) {
    case REDTAIL_RDB_ITEM_START: printf(" %d %" PRIu64 " %d", item->magic, item->number, item->flag); break;
    case REDTAIL_RDB_ITEM_TEXT: printf(" %d %" PRIu64 " %016" PRIx64, item->role, item->length, hash); break;
    case REDTAIL_RDB_ITEM_SIZES: printf(" %" PRIu64 " %" PRIu64, item->count, item->expires); break;
    case REDTAIL_RDB_ITEM_SLOT: printf(" %" PRIu64 " %" PRIu64 " %" PRIu64, item->number, item->count, item->expires); break;
    case REDTAIL_RDB_ITEM_FOREIGN:
    case REDTAIL_RDB_ITEM_SLOT_RANGE: printf(" %" PRIu64 " %" PRIu64, item->number, item->count); break;
    case REDTAIL_RDB_ITEM_MODULE_AUX:
    case REDTAIL_RDB_ITEM_MODULE: printf(" %s %" PRIu64, item->module, item->number); break;
    case REDTAIL_RDB_ITEM_KEY_METADATA: printf(" %s", item->module); break;
    case REDTAIL_RDB_ITEM_KEY:
        printf(" %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %016" PRIx64 " %" PRId64 " %" PRIu64 " %d %d", item->key_type, item->number, item->db,
               item->length, hash, item->time_ms, item->idle_s, item->frequency, item->flag);
        break;
    case REDTAIL_RDB_ITEM_SCORE: {
        uint64_t bits;
        memcpy(&bits, &item->score, 8);
        printf(" %016" PRIx64, bits);
        break;
    }
    case REDTAIL_RDB_ITEM_FIELD_EXPIRY: printf(" %" PRId64, item->time_ms); break;
    case REDTAIL_RDB_ITEM_ENTRY: id(item->id); printf(" %" PRIu64 " %d", item->count, item->flag); break;
    case REDTAIL_RDB_ITEM_STREAM:
        id(item->id);
        printf(" %" PRIu64 " %" PRIu64 " %d %" PRIu64, item->count, item->number, item->flag, item->added);
        id(item->first);
        id(item->max_deleted);
        break;
    case REDTAIL_RDB_ITEM_GROUP: id(item->id); printf(" %" PRIu64 " %" PRIu64, item->added, item->count); break;
    case REDTAIL_RDB_ITEM_PENDING: id(item->id); printf(" %" PRId64 " %" PRIu64, item->time_ms, item->count); break;
    case REDTAIL_RDB_ITEM_CONSUMER: printf(" %" PRId64 " %" PRId64 " %" PRIu64, item->time_ms, item->active_ms, item->count); break;
    case REDTAIL_RDB_ITEM_CONSUMER_PENDING:
    case REDTAIL_RDB_ITEM_RETURNED:
    case REDTAIL_RDB_ITEM_IDEMPOTENT: id(item->id); break;
    case REDTAIL_RDB_ITEM_IDEMPOTENCE: printf(" %" PRIu64 " %" PRIu64 " %" PRIu64, item->idle_s, item->number, item->count); break;
    case REDTAIL_RDB_ITEM_IDEMPOTENCE_COUNTS: printf(" %" PRIu64 " %" PRIu64, item->added, item->count); break;
    case REDTAIL_RDB_ITEM_ARRAY: printf(" %" PRIu64 " %" PRIu64, item->count, item->added); break;
    case REDTAIL_RDB_ITEM_RAW: printf(" %" PRIu64 " %016" PRIx64, raw_length, hash); raw_length = 0; break;
    case REDTAIL_RDB_ITEM_DATABASE:
    case REDTAIL_RDB_ITEM_INDEX:
    case REDTAIL_RDB_ITEM_RATE: printf(" %" PRIu64, item->number); break;
    case REDTAIL_RDB_ITEM_COMMAND:
    case REDTAIL_RDB_ITEM_CONSUMERS:
    case REDTAIL_RDB_ITEM_PRODUCER:
    case REDTAIL_RDB_ITEM_PATH:
    case REDTAIL_RDB_ITEM_SKIPPED: printf(" %" PRIu64, item->count); break;
    case REDTAIL_RDB_ITEM_END: printf(" %d", item->checksum); break;
    }
    printf("\n");
    if (item->kind != REDTAIL_RDB_ITEM_TEXT && item->kind != REDTAIL_RDB_ITEM_RAW)
        hash = HASH; /* raw bytes may follow */
}

static size_t piece(uint64_t *random, size_t room) {
    if (*random == 0)
        return room;
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    size_t size = 1 + (size_t)(*random >> 33) % ((*random >> 60) == 0 ? 100000 : 300);
    return size < room ? size : room;
}

static int over_rdb(FILE *file, uint64_t random) {
    static char buffer[2 * REDTAIL_RDB_MIN_INPUT];
    redtail_rdb *rdb = redtail_rdb_new(0, 0, NULL);
    redtail_slice input = {buffer, 0};
    const redtail_rdb_item *item;
    uint64_t offset, wrong;
    size_t count = 1, needed;
    int status = REDTAIL_NEED_MORE, kind;
    while (status == REDTAIL_NEED_MORE && count > 0) {
        memmove(buffer, input.data, input.len);
        input.data = buffer;
        count = fread(buffer + input.len, 1, piece(&random, sizeof buffer - input.len), file);
        input.len += count;
        while ((status = redtail_rdb_next(rdb, &input, &item)) == REDTAIL_OK)
            show(item);
        if (redtail_rdb_needed(rdb, &needed) != REDTAIL_OK || (needed > 0) != (status == REDTAIL_NEED_MORE))
            printf("what is needed is not told\n");
    }
    if (status >= 0)
        status = redtail_rdb_finish(rdb);
    if (redtail_rdb_offset(rdb, &offset) != REDTAIL_OK || offset != (uint64_t)ftell(file) - input.len)
        printf("it stands at another byte than was shown\n");
    if (redtail_rdb_error_offset(rdb, &wrong) != (status < 0 ? REDTAIL_OK : REDTAIL_NONE) || (status < 0 && wrong > offset + input.len))
        printf("the byte where the error shows is not told\n");
    if (redtail_rdb_error_kind(rdb, &kind) != (status < 0 ? REDTAIL_OK : REDTAIL_NONE))
        printf("the kind of the error is not what the status says\n");
    if (status < 0)
        printf("%s: %s\n", redtail_status_name(status), redtail_rdb_message(rdb));
    redtail_rdb_free(rdb);
    return 0;
}

static int over_session(FILE *file, uint64_t random) {
    redtail_options options;
    redtail_options_init(&options, sizeof options);
    options.snapshot_items = 1;
    options.buffer_size = random ? 1024 : 0;
    redtail_session *session = redtail_session_new_recorded(&options, REDTAIL_UNKNOWN);
    const redtail_event *event;
    char *space;
    size_t room, count;
    int status = REDTAIL_NEED_MORE;
    while (status == REDTAIL_NEED_MORE && redtail_session_space(session, &space, &room) == REDTAIL_OK) {
        count = fread(space, 1, piece(&random, room), file);
        if (count == 0)
            break;
        redtail_session_received(session, count);
        while ((status = redtail_session_next(session, 0, &event)) == REDTAIL_OK)
            if (event->kind == REDTAIL_EVENT_SNAPSHOT_ITEM)
                show(event->item);
            else if (event->item != NULL)
                printf("an item where there is none\n");
            else if (event->kind == REDTAIL_EVENT_SNAPSHOT_BYTES)
                printf("bytes where items were asked for\n");
    }
    if (status < 0)
        printf("%s: %s\n", redtail_status_name(status), redtail_session_message(session));
    redtail_session_free(session);
    return 0;
}

static int over_dump(FILE *file) {
    static char payload[1 << 20];
    redtail_dump *dump = redtail_dump_new(payload, fread(payload, 1, sizeof payload, file));
    const redtail_rdb_item *item;
    uint64_t offset;
    int status, kind;
    while ((status = redtail_dump_next(dump, &item)) == REDTAIL_OK)
        show(item);
    if (redtail_dump_error_offset(dump, &offset) != (status < 0 ? REDTAIL_OK : REDTAIL_NONE) ||
        redtail_dump_error_kind(dump, &kind) != (status < 0 ? REDTAIL_OK : REDTAIL_NONE))
        printf("the kind and offset of the error are not those of the status\n");
    if (status < 0)
        printf("%s: %s\n", redtail_status_name(status), redtail_dump_message(dump));
    redtail_dump_free(dump);
    return 0;
}

int main(int argc, char **argv) {
    FILE *file = argc == 4 ? fopen(argv[2], "rb") : NULL;
    if (file == NULL)
        return 2;
    uint64_t random = strtoull(argv[3], NULL, 10);
    int status = strcmp(argv[1], "rdb") == 0    ? over_rdb(file, random)
                 : strcmp(argv[1], "dump") == 0 ? over_dump(file)
                                                : over_session(file, random);
    fclose(file);
    return status;
}
