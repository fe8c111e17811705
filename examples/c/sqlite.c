/* Stores each write of a server in SQLite exactly once. Link with -lsqlite3.
 *
 *     sqlite 127.0.0.1:6379 writes.db
 *
 * Rows and position are stored in one transaction of SQLite, so that both survive a crash, or neither does. The next
 * run resumes at that position. It also acknowledges the position, so that WAIT on the server waits for the database.
 * One process for each file. Do not restart it after exit code 4 (history lost): each start makes the server fork.
 */
#include <redtail.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 1000 }; /* in one transaction of SQLite */

static sqlite3 *database;
static sqlite3_stmt *insert, *update;
static redtail_follower *follower;
static char saved[REDTAIL_POSITION_TEXT_SIZE]; /* the position in the database; "" before the first */
static int rows, in_multi;

static void fail(const char *message) { fprintf(stderr, "sqlite: %s\n", message), exit(1); }

static void run(const char *sql) {
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK) fail(sqlite3_errmsg(database));
}

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK) fail(sqlite3_errmsg(database));
    return statement;
}

static void step(sqlite3_stmt *statement) {
    if (sqlite3_step(statement) != SQLITE_DONE) fail(sqlite3_errmsg(database));
    sqlite3_reset(statement);
}

static void open_database(const char *file) {
    if (sqlite3_open(file, &database) != SQLITE_OK) fail(sqlite3_errmsg(database));
    sqlite3_busy_timeout(database, 5000); /* others may read it */
    run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;" /* a stored position survives a power failure */
        "CREATE TABLE IF NOT EXISTS writes"
        "    (history TEXT, offset INTEGER, db INTEGER, command BLOB, PRIMARY KEY (history, offset));"
        "CREATE TABLE IF NOT EXISTS progress (id INTEGER PRIMARY KEY CHECK (id = 1), position TEXT NOT NULL)");
    sqlite3_stmt *select = prepare("SELECT position FROM progress");
    if (sqlite3_step(select) == SQLITE_ROW)
        snprintf(saved, sizeof saved, "%s", (const char *)sqlite3_column_text(select, 0));
    sqlite3_finalize(select);
    insert = prepare("INSERT INTO writes VALUES (?, ?, ?, ?)");
    update = prepare("INSERT OR REPLACE INTO progress VALUES (1, ?)");
    run("BEGIN");
}

/* History and offset identify a write permanently. The command is stored as the server replicates it, in RESP. */
static void store(const redtail_event *event) {
    if (redtail_command_is_write(event->args, event->argc) == 0) return; /* such as PUBLISH: changes no data */
    sqlite3_bind_text(insert, 1, event->history.data, (int)event->history.len, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 2, (sqlite3_int64)event->offset);
    sqlite3_bind_int64(insert, 3, event->db);
    sqlite3_bind_blob64(insert, 4, event->raw.data, event->raw.len, SQLITE_STATIC);
    step(insert);
    rows++;
}

static void commit(void) {
    redtail_position position;
    char text[REDTAIL_POSITION_TEXT_SIZE];
    if (redtail_follower_position(follower, &position) != REDTAIL_OK) return;
    if (redtail_position_format(&position, text, sizeof text) != REDTAIL_OK || strcmp(text, saved) == 0) return;
    sqlite3_bind_text(update, 1, text, -1, SQLITE_STATIC);
    step(update);
    run("COMMIT; BEGIN");
    redtail_follower_commit(follower, &position);
    strcpy(saved, text);
    rows = 0;
}

static void handle(const redtail_event *event) {
    switch (event->kind) {
    case REDTAIL_EVENT_ATTACHED: commit(); break; /* the next run must not start from "now" again */
    case REDTAIL_EVENT_COMMAND: store(event); break;
    case REDTAIL_EVENT_MULTI: run("SAVEPOINT multi"), in_multi = 1; break;
    case REDTAIL_EVENT_EXEC: run("RELEASE multi"), in_multi = 0; break;
    case REDTAIL_EVENT_GAP:
    case REDTAIL_EVENT_DISCONNECTED:
        fprintf(stderr, "%s\n", redtail_follower_message(follower));
        if (in_multi) run("ROLLBACK TO multi; RELEASE multi"); /* it is delivered again from its beginning */
        in_multi = 0;
        break;
    default: break; /* kinds are added in minor versions */
    }
}

int main(int argc, char **argv) {
    redtail_options options;
    redtail_options_init(&options, sizeof options);
    options.ack = REDTAIL_ACK_APPLIED;
    open_database(argc > 2 ? argv[2] : "writes.db");
    if (*saved) {
        options.start = REDTAIL_START_AT;
        options.retry_first = 1; /* a later run waits for a server that is down; at the first, the address may be wrong */
        if (redtail_position_parse(saved, &options.position) != REDTAIL_OK) fail("the stored position is invalid");
    }
    follower = redtail_follower_new(&options); /* NULL only without memory */
    int status = redtail_follower_connect(follower, argc > 1 ? argv[1] : "127.0.0.1:6379");
    for (int is_drained = 0; status == REDTAIL_OK || status == REDTAIL_IDLE;) {
        const redtail_event *event;
        status = redtail_follower_next_timeout(follower, is_drained ? 1000 : 0, &event);
        if (status == REDTAIL_OK) handle(event);
        is_drained = status == REDTAIL_IDLE;
        if (!in_multi && (is_drained || rows >= MOST_ROWS)) commit();
    }
    fprintf(stderr, "sqlite: %s\n", redtail_follower_message(follower)); /* what is not committed is delivered again */
    redtail_follower_free(follower);
    sqlite3_finalize(insert), sqlite3_finalize(update), sqlite3_close(database);
    return status == REDTAIL_ERROR_HISTORY_LOST ? 4 : 1;
}
