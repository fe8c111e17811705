/* The loop of hiredis.c around libvalkey, whose reader is that of hiredis with other names. */
#include <valkey/valkey.h>

#define HIREDIS_MAJOR 1
#define REDIS_OK VALKEY_OK
#define REDIS_REPLY_INTEGER VALKEY_REPLY_INTEGER
#define REDIS_REPLY_STRING VALKEY_REPLY_STRING
#define redisReadTask valkeyReadTask
#define redisReader valkeyReader
#define redisReaderCreate valkeyReaderCreate
#define redisReaderCreateWithFunctions valkeyReaderCreateWithFunctions
#define redisReaderFeed valkeyReaderFeed
#define redisReaderFree valkeyReaderFree
#define redisReaderGetReply valkeyReaderGetReply
#define redisReply valkeyReply
#define redisReplyObjectFunctions valkeyReplyObjectFunctions
#define hiredis_run libvalkey_run
#include "hiredis.c"
