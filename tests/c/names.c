/* Prints a line "FUNCTION NUMBER NAME" for each function that names constants, and the numbers from -1 to 40. */
#include <redtail.h>
#include <stdio.h>

#define PRINT(function, call) for (n = -1; n <= 40; n++) printf("%s %d %s\n", function, n, call)

int main(void) {
    int n;
    PRINT("item", redtail_item_name(n));
    PRINT("token", redtail_token_name(n));
    PRINT("kind", redtail_kind_name(n));
    PRINT("protocol_error", redtail_protocol_error_name(n));
    PRINT("rdb_error", redtail_rdb_error_name(n));
    PRINT("rdb_item", redtail_rdb_item_name(n));
    PRINT("rdb_type", redtail_rdb_type_name(n));
    PRINT("rdb_role", redtail_rdb_role_name(n));
    PRINT("rdb_magic", redtail_rdb_magic_name(n));
    PRINT("rdb_checksum", redtail_rdb_checksum_name(n));
    PRINT("event", redtail_event_name(n));
    PRINT("fork_reason", redtail_fork_reason_name(n));
    PRINT("method", redtail_method_name(n));
    PRINT("role", redtail_role_name(n));
    PRINT("disconnect_reason", redtail_disconnect_reason_name(n));
    PRINT("notice", redtail_notice_name(n));
    PRINT("migration", redtail_migration_name(n));
    PRINT("product", redtail_product_name(n));
    PRINT("migration_side", redtail_migration_side_name(n));
    return 0;
}
