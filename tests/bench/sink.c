// SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
// SPDX-License-Identifier: MIT
//
// An S3 server that reads what it is sent and keeps nothing of it, so that a benchmark shows the client's own limit.
//
//     sink ADDRESS TABLE [BUCKET EPOCH]
//
// Its port is the first line that it prints. TABLE has a line for each object that clients may store: size, MD5 in
// hexadecimal, CRC64NVME in base64 and key, with one blank in between; "-" for what is not known. An object gets these
// checksums, as Amazon S3 computes them for every upload, if as many bytes were received as the table says; a body that
// ends early stores nothing. With BUCKET all of the table is stored there already, since EPOCH (seconds).
// Whatever key signs a request is taken. There is no TLS, and no object can be read back.
//
// One thread for each connection: a few hundred at most, and what they do is little.

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum {
    HEAD_SIZE = 64 * 1024,        // bytes of a request's head
    BODY_SIZE = 4 * 1024 * 1024,  // bytes of a body that is read as text: 10,000 parts
    BLOCK_SIZE = 1024 * 1024,     // bytes that are thrown away at once
    PARTS = 10000,
    PAGE = 1000,                  // keys in one page of a listing
    STACK_SIZE = 256 * 1024,
    MD5_SIZE = 16,
};

// --- MD5, RFC 1321: the ETag of an object in parts is the MD5 of the parts' MD5s

static const uint32_t MD5_SINES[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const int MD5_SHIFTS[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static void md5_block(uint32_t state[4], const unsigned char *block) {
    uint32_t words[16], a = state[0], b = state[1], c = state[2], d = state[3];
    for (int i = 0; i < 16; i++)
        words[i] = (uint32_t)block[4 * i] | (uint32_t)block[4 * i + 1] << 8 | (uint32_t)block[4 * i + 2] << 16 |
                   (uint32_t)block[4 * i + 3] << 24;
    for (int i = 0; i < 64; i++) {
        uint32_t mixed;
        int word;
        switch (i / 16) {
            case 0: mixed = (b & c) | (~b & d); word = i; break;
            case 1: mixed = (d & b) | (~d & c); word = (5 * i + 1) % 16; break;
            case 2: mixed = b ^ c ^ d; word = (3 * i + 5) % 16; break;
            default: mixed = c ^ (b | ~d); word = 7 * i % 16; break;
        }
        uint32_t sum = a + mixed + MD5_SINES[i] + words[word];
        int shift = MD5_SHIFTS[i / 16][i % 4];
        a = d, d = c, c = b, b += sum << shift | sum >> (32 - shift);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
}

static void md5(const unsigned char *data, size_t size, unsigned char digest[MD5_SIZE]) {
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    unsigned char last[128] = {0};
    size_t whole = size / 64 * 64, rest = size - whole, padded = rest < 56 ? 64 : 128;
    for (size_t at = 0; at < whole; at += 64) md5_block(state, data + at);
    memcpy(last, data + whole, rest);
    last[rest] = 0x80;
    for (int i = 0; i < 8; i++) last[padded - 8 + i] = (unsigned char)((uint64_t)size * 8 >> 8 * i);
    for (size_t at = 0; at < padded; at += 64) md5_block(state, last + at);
    for (int i = 0; i < MD5_SIZE; i++) digest[i] = (unsigned char)(state[i / 4] >> 8 * (i % 4));
}

static void to_hex(const unsigned char digest[MD5_SIZE], char *text) {
    for (int i = 0; i < MD5_SIZE; i++) sprintf(text + 2 * i, "%02x", digest[i]);
}

// The 16 bytes behind a header Content-MD5; false if it is none.
static bool from_base64(const char *text, unsigned char digest[MD5_SIZE]) {
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0;
    int held = 0, size = 0;
    for (; *text && *text != '='; text++) {
        const char *letter = strchr(LETTERS, *text);
        if (!letter) return false;
        bits = bits << 6 | (unsigned)(letter - LETTERS);
        held += 6;
        if (held >= 8) {
            if (size == MD5_SIZE) return false;
            held -= 8;
            digest[size++] = (unsigned char)(bits >> held);
        }
    }
    return size == MD5_SIZE;
}

// --- texts

typedef struct {
    char *text;
    size_t size, room;
} Text;

static void *checked(void *memory) {
    if (!memory) {
        fputs("sink: no memory\n", stderr);
        exit(1);
    }
    return memory;
}

static char *copy_of(const char *text) { return checked(strdup(text)); }

static void put(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(Text *text, const char *format, ...) {
    for (;;) {
        va_list values;
        va_start(values, format);
        size_t free_room = text->room - text->size;
        int needed = vsnprintf(text->text ? text->text + text->size : NULL, free_room, format, values);
        va_end(values);
        if ((size_t)needed < free_room) {
            text->size += (size_t)needed;
            return;
        }
        text->room = (text->room + (size_t)needed + 1) * 2;
        text->text = checked(realloc(text->text, text->room));
    }
}

static void put_key(Text *text, const char *key, bool url_encoded) {
    for (const unsigned char *at = (const unsigned char *)key; *at; at++) {
        if (url_encoded && !isalnum(*at) && !strchr("-_.~/", *at)) put(text, "%%%02X", *at);
        else if (*at == '&') put(text, "&amp;");
        else if (*at == '<') put(text, "&lt;");
        else if (*at == '>') put(text, "&gt;");
        else put(text, "%c", *at);
    }
}

static void percent_decode(char *text, bool plus_is_blank) {
    char *to = text;
    for (; *text; text++, to++) {
        if (*text == '%' && isxdigit((unsigned char)text[1]) && isxdigit((unsigned char)text[2])) {
            char digits[3] = {text[1], text[2], 0};
            *to = (char)strtol(digits, NULL, 16);
            text += 2;
        } else {
            *to = plus_is_blank && *text == '+' ? ' ' : *text;
        }
    }
    *to = 0;
}

static const char *moment(time_t seconds, const char *format, char text[64]) {
    struct tm fields;
    gmtime_r(&seconds, &fields);
    strftime(text, 64, format, &fields);
    return text;
}
#define HTTP_TIME "%a, %d %b %Y %H:%M:%S GMT"
#define LISTING_TIME "%Y-%m-%dT%H:%M:%S.000Z"

// --- what is known and what is stored; all of it behind one mutex

typedef struct Named {
    struct Named *next;
    char *key;
} Named;

typedef struct {
    Named **slots;
    size_t slot_count, count;
} Index;

typedef struct {
    Named named;
    uint64_t size;
    char md5[2 * MD5_SIZE + 1], crc64nvme[16];  // empty if not known
} Known;

typedef struct {
    Named named;
    uint64_t size;
    time_t modified;
    char etag[48];
    char *metadata;  // header lines as they came
    const Known *known;
} Object;

typedef struct {
    Named named;
    Index objects;
    Object **sorted;  // NULL after a change
} Bucket;

typedef struct {
    uint64_t size;
    unsigned char md5[MD5_SIZE];
    bool received, has_md5;
} Part;

typedef struct {
    Named named;  // key is the id of the upload
    char *bucket, *object, *metadata;
    time_t began;
    Part parts[PARTS + 1];
} Upload;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Index table, buckets, uploads;
static unsigned upload_count;

static Named **slot_of(const Index *index, const char *key) {
    uint64_t hash = 14695981039346656037u;  // FNV-1a
    for (const char *at = key; *at; at++) hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    return &index->slots[hash % index->slot_count];
}

static void *find(const Index *index, const char *key) {
    if (!index->count) return NULL;
    Named *named = *slot_of(index, key);
    while (named && strcmp(named->key, key)) named = named->next;
    return named;
}

static void insert(Index *index, Named *named) {
    if (index->count >= index->slot_count) {
        Index grown = {checked(calloc(index->slot_count * 2 + 64, sizeof(Named *))), index->slot_count * 2 + 64, 0};
        for (size_t i = 0; i < index->slot_count; i++)
            for (Named *each = index->slots[i], *next; each; each = next) {
                next = each->next;
                insert(&grown, each);
            }
        free(index->slots);
        *index = grown;
    }
    Named **slot = slot_of(index, named->key);
    named->next = *slot;
    *slot = named;
    index->count++;
}

static void *take_out(Index *index, const char *key) {
    if (!index->count) return NULL;
    for (Named **at = slot_of(index, key); *at; at = &(*at)->next)
        if (!strcmp((*at)->key, key)) {
            Named *named = *at;
            *at = named->next;
            index->count--;
            return named;
        }
    return NULL;
}

static void forget_object(Object *object) {
    if (!object) return;
    free(object->named.key);
    free(object->metadata);
    free(object);
}

static void forget_upload(Upload *upload) {
    if (!upload) return;
    free(upload->named.key);
    free(upload->bucket);
    free(upload->object);
    free(upload->metadata);
    free(upload);
}

static Bucket *new_bucket(const char *name) {
    Bucket *bucket = checked(calloc(1, sizeof *bucket));
    bucket->named.key = copy_of(name);
    insert(&buckets, &bucket->named);
    return bucket;
}

static void change(Bucket *bucket) {
    free(bucket->sorted);
    bucket->sorted = NULL;
}

static void forget_bucket(Bucket *bucket) {
    for (size_t i = 0; i < bucket->objects.slot_count; i++)
        for (Named *each = bucket->objects.slots[i], *next; each; each = next) {
            next = each->next;
            forget_object((Object *)each);
        }
    free(bucket->objects.slots);
    change(bucket);
    free(bucket->named.key);
    free(bucket);
}

// Takes `metadata`. An object has the table's checksums only if all of it came.
static Object *store(Bucket *bucket, const char *key, uint64_t size, char *metadata, time_t modified) {
    forget_object(take_out(&bucket->objects, key));
    Object *object = checked(calloc(1, sizeof *object));
    object->named.key = copy_of(key);
    object->size = size;
    object->metadata = metadata;
    object->modified = modified;
    Known *known = find(&table, key);
    object->known = known && known->size == size ? known : NULL;
    insert(&bucket->objects, &object->named);
    change(bucket);
    return object;
}

static int by_key(const void *left, const void *right) {
    return strcmp((*(Object *const *)left)->named.key, (*(Object *const *)right)->named.key);
}

static Object **sorted_objects(Bucket *bucket) {
    if (!bucket->sorted) {
        size_t count = 0;
        bucket->sorted = checked(malloc((bucket->objects.count + 1) * sizeof(Object *)));
        for (size_t i = 0; i < bucket->objects.slot_count; i++)
            for (Named *each = bucket->objects.slots[i]; each; each = each->next)
                bucket->sorted[count++] = (Object *)each;
        qsort(bucket->sorted, count, sizeof(Object *), by_key);
    }
    return bucket->sorted;
}

// --- a request and its answer

typedef struct {
    int socket;
    char *head, *fields;     // `fields`: the header lines
    size_t beyond;           // bytes of the body that came with the head
    char *rest;              // where they are
    char *method, *path, *query, *bucket, *key;
    uint64_t size;           // of the body
    bool closes, is_head;
} Request;

// The value of a header, in memory of the caller's; NULL if there is none.
static char *header(const Request *request, const char *name) {
    size_t length = strlen(name);
    for (const char *line = request->fields; line && *line; line = strstr(line, "\r\n") + 2) {
        if (!strncasecmp(line, name, length) && line[length] == ':') {
            const char *value = line + length + 1;
            while (*value == ' ') value++;
            return checked(strndup(value, (size_t)(strstr(value, "\r\n") - value)));
        }
    }
    return NULL;
}

static bool has_value(const Request *request, const char *name, const char *wanted) {
    char *value = header(request, name);
    bool is_it = value && !strcasecmp(value, wanted);
    free(value);
    return is_it;
}

// The header lines that begin with x-amz-meta-, as an answer repeats them.
static char *metadata_of(const Request *request) {
    Text lines = {0};
    put(&lines, "%s", "");
    for (const char *line = request->fields; *line; line = strstr(line, "\r\n") + 2)
        if (!strncasecmp(line, "x-amz-meta-", 11)) put(&lines, "%.*s", (int)(strstr(line, "\r\n") + 2 - line), line);
    return lines.text;
}

// The decoded value of a query parameter, in memory of the caller's; NULL if it is not there.
static char *parameter(const Request *request, const char *name) {
    size_t length = strlen(name);
    for (const char *at = request->query; at && *at;) {
        const char *end = at + strcspn(at, "&");
        if (!strncmp(at, name, length) && (at[length] == '=' || at + length == end)) {
            const char *value = at + length + (at[length] == '=');
            char *decoded = checked(strndup(value, (size_t)(end - value)));
            percent_decode(decoded, true);
            return decoded;
        }
        at = *end ? end + 1 : end;
    }
    return NULL;
}

static bool has_parameter(const Request *request, const char *name) {
    char *value = parameter(request, name);
    free(value);
    return value != NULL;
}

static bool send_all(int socket, const char *data, size_t size) {
    while (size) {
        ssize_t sent = send(socket, data, size, 0);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

// `fields` end with \r\n each. A HEAD is told the `size` of what is not sent.
static bool answer(const Request *request, const char *status, const char *fields, const char *body, uint64_t size) {
    Text text = {0};
    char date[64];
    put(&text, "HTTP/1.1 %s\r\nDate: %s\r\nServer: sink\r\nContent-Length: %" PRIu64 "\r\n%s%s\r\n", status,
        moment(time(NULL), HTTP_TIME, date), size, request->closes ? "Connection: close\r\n" : "", fields);
    if (body && !request->is_head) put(&text, "%s", body);
    bool sent = send_all(request->socket, text.text, text.size);
    free(text.text);
    return sent && !request->closes;
}

static bool answer_xml(const Request *request, const char *status, const char *body) {
    return answer(request, status, "Content-Type: application/xml\r\n", body, strlen(body));
}

static bool refuse(const Request *request, const char *status, const char *code) {
    char body[256];
    snprintf(body, sizeof body,
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>", code,
             status);
    return answer_xml(request, status, body);
}

static bool no_bucket(const Request *request) { return refuse(request, "404 Not Found", "NoSuchBucket"); }

// --- bodies

// Read the rest of a body and throw it away; false if it ends early.
static bool discard(Request *request) {
    static char scratch[BLOCK_SIZE];
    uint64_t left = request->size - request->beyond;
    while (left) {
        size_t wanted = left < sizeof scratch ? (size_t)left : sizeof scratch;
#ifdef __linux__
        // The kernel drops it without copying it (tcp(7)), so that the cores are left to the client.
        ssize_t got = recv(request->socket, scratch, wanted, MSG_TRUNC);
#else
        ssize_t got = recv(request->socket, scratch, wanted, 0);
#endif
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        left -= (uint64_t)got;
    }
    return true;
}

// The whole body as text, in memory of the caller's; NULL if it ends early or is too long.
static char *read_body(Request *request) {
    if (request->size > BODY_SIZE) return NULL;
    char *body = checked(malloc(request->size + 1));
    size_t size = request->beyond;
    memcpy(body, request->rest, size);
    while (size < request->size) {
        ssize_t got = recv(request->socket, body + size, request->size - size, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            free(body);
            return NULL;
        }
        size += (size_t)got;
    }
    body[size] = 0;
    return body;
}

// Bytes of the content: those of the body, or fewer where the AWS SDK wrapped it in chunks with a trailer.
static uint64_t content_size(const Request *request) {
    char *decoded = header(request, "x-amz-decoded-content-length");
    uint64_t size = decoded ? strtoull(decoded, NULL, 10) : request->size;
    free(decoded);
    return size;
}

static bool content_md5(const Request *request, unsigned char digest[MD5_SIZE]) {
    char *value = header(request, "content-md5");
    bool is_one = value && from_base64(value, digest);
    free(value);
    return is_one;
}

// --- what clients ask for

static bool put_object(Request *request) {
    unsigned char digest[MD5_SIZE];
    char sent[2 * MD5_SIZE + 1] = "", fields[128];
    if (!discard(request)) return false;
    if (content_md5(request, digest)) to_hex(digest, sent);
    pthread_mutex_lock(&lock);
    Bucket *bucket = find(&buckets, request->bucket);
    const Known *known = find(&table, request->key);
    bool differs = known && *known->md5 && *sent && strcmp(known->md5, sent);
    if (bucket && !differs) {
        Object *object = store(bucket, request->key, content_size(request), metadata_of(request), time(NULL));
        const char *etag = object->known && *object->known->md5 ? object->known->md5 : sent;
        snprintf(object->etag, sizeof object->etag, "%s", *etag ? etag : "not-known");
        snprintf(fields, sizeof fields, "ETag: \"%s\"\r\n", object->etag);
    }
    pthread_mutex_unlock(&lock);
    if (!bucket) return no_bucket(request);
    return differs ? refuse(request, "400 Bad Request", "BadDigest") : answer(request, "200 OK", fields, NULL, 0);
}

static bool begin_upload(Request *request) {
    if (!discard(request)) return false;
    Upload *upload = checked(calloc(1, sizeof *upload));
    char id[32];
    pthread_mutex_lock(&lock);
    bool is_there = find(&buckets, request->bucket) != NULL;
    snprintf(id, sizeof id, "upload-%u", ++upload_count);
    upload->named.key = copy_of(id);
    upload->bucket = copy_of(request->bucket);
    upload->object = copy_of(request->key);
    upload->metadata = metadata_of(request);
    upload->began = time(NULL);
    if (is_there) insert(&uploads, &upload->named);
    pthread_mutex_unlock(&lock);
    if (!is_there) {
        forget_upload(upload);
        return no_bucket(request);
    }
    Text body = {0};
    put(&body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<InitiateMultipartUploadResult><Bucket>%s</Bucket><Key>",
        request->bucket);
    put_key(&body, request->key, false);
    put(&body, "</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id);
    bool goes_on = answer_xml(request, "200 OK", body.text);
    free(body.text);
    return goes_on;
}

static bool put_part(Request *request, const char *id, const char *number_text) {
    Part part = {.received = true};
    char hex[2 * MD5_SIZE + 1] = "not-known", fields[128];
    long number = strtol(number_text, NULL, 10);
    if (!discard(request)) return false;
    part.size = content_size(request);
    part.has_md5 = content_md5(request, part.md5);
    if (part.has_md5) to_hex(part.md5, hex);
    pthread_mutex_lock(&lock);
    Upload *upload = find(&uploads, id);
    bool fits = upload && number >= 1 && number <= PARTS && !strcmp(upload->object, request->key);
    if (fits) upload->parts[number] = part;
    pthread_mutex_unlock(&lock);
    if (!fits) return refuse(request, "404 Not Found", "NoSuchUpload");
    snprintf(fields, sizeof fields, "ETag: \"%s\"\r\n", hex);
    return answer(request, "200 OK", fields, NULL, 0);
}

// Put the listed parts together; false if one of them never came. Empties `etag` where a part's MD5 is not known.
static bool add_up(const Upload *upload, const char *body, uint64_t *size, char etag[48]) {
    unsigned char *digests = checked(malloc((size_t)PARTS * MD5_SIZE)), whole[MD5_SIZE];
    int count = 0;
    bool all_here = true, all_known = true;
    for (const char *at = body; all_here && (at = strstr(at, "<PartNumber>")); at++) {
        long number = strtol(at + strlen("<PartNumber>"), NULL, 10);
        all_here = number >= 1 && number <= PARTS && count < PARTS && upload->parts[number].received;
        if (!all_here) break;
        const Part *part = &upload->parts[number];
        all_known = all_known && part->has_md5;
        memcpy(digests + (size_t)count++ * MD5_SIZE, part->md5, MD5_SIZE);
        *size += part->size;
    }
    if (all_known) {
        char hex[2 * MD5_SIZE + 1];
        md5(digests, (size_t)count * MD5_SIZE, whole);
        to_hex(whole, hex);
        snprintf(etag, 48, "%s-%d", hex, count);
    }
    free(digests);
    return all_here && count;
}

static bool complete_upload(Request *request, const char *id) {
    char *sent = read_body(request), etag[48] = "not-known";
    uint64_t size = 0;
    if (!sent) return false;
    pthread_mutex_lock(&lock);
    Upload *upload = find(&uploads, id);
    Bucket *bucket = upload ? find(&buckets, upload->bucket) : NULL;
    bool whole = bucket && add_up(upload, sent, &size, etag);
    if (whole) {
        Object *object = store(bucket, upload->object, size, copy_of(upload->metadata), time(NULL));
        snprintf(object->etag, sizeof object->etag, "%s", etag);
        forget_upload(take_out(&uploads, id));
    }
    pthread_mutex_unlock(&lock);
    free(sent);
    if (!upload) return refuse(request, "404 Not Found", "NoSuchUpload");
    if (!whole) return refuse(request, "400 Bad Request", "InvalidPart");
    Text body = {0};
    put(&body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CompleteMultipartUploadResult><Bucket>%s</Bucket><Key>",
        request->bucket);
    put_key(&body, request->key, false);
    put(&body, "</Key><ETag>&quot;%s&quot;</ETag></CompleteMultipartUploadResult>", etag);
    bool goes_on = answer_xml(request, "200 OK", body.text);
    free(body.text);
    return goes_on;
}

static bool remove_anything(Request *request) {
    if (!discard(request)) return false;
    char *id = parameter(request, "uploadId");
    pthread_mutex_lock(&lock);
    Bucket *bucket = find(&buckets, request->bucket);
    if (id) {
        forget_upload(take_out(&uploads, id));
    } else if (bucket && *request->key) {
        forget_object(take_out(&bucket->objects, request->key));
        change(bucket);
    } else if (bucket) {
        forget_bucket(take_out(&buckets, request->bucket));
    }
    pthread_mutex_unlock(&lock);
    free(id);
    return bucket ? answer(request, "204 No Content", "", NULL, 0) : no_bucket(request);
}

static bool head_object(Request *request) {
    Text fields = {0};
    char date[64];
    uint64_t size = 0;
    if (!discard(request)) return false;
    pthread_mutex_lock(&lock);
    Bucket *bucket = find(&buckets, request->bucket);
    const Object *object = bucket ? find(&bucket->objects, request->key) : NULL;
    if (object) {
        size = object->size;
        put(&fields, "ETag: \"%s\"\r\nLast-Modified: %s\r\n%s", object->etag,
            moment(object->modified, HTTP_TIME, date), object->metadata);
        if (object->known && *object->known->crc64nvme && has_value(request, "x-amz-checksum-mode", "ENABLED"))
            put(&fields, "x-amz-checksum-crc64nvme: %s\r\nx-amz-checksum-type: FULL_OBJECT\r\n",
                object->known->crc64nvme);
    }
    pthread_mutex_unlock(&lock);
    bool goes_on = object ? answer(request, "200 OK", fields.text, NULL, size)
                          : refuse(request, "404 Not Found", "NoSuchKey");
    free(fields.text);
    return goes_on;
}

typedef struct {
    char *prefix, *after, *delimiter;
    bool is_v2, url_encoded;
    size_t limit;
} Query;

static size_t first_after(Object **objects, size_t count, const Query *query) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *key = objects[middle]->named.key;
        if (strcmp(key, query->prefix) < 0 || strcmp(key, query->after) <= 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static void list_object(Text *body, const Object *object, bool url_encoded) {
    char date[64];
    put(body, "<Contents><Key>");
    put_key(body, object->named.key, url_encoded);
    put(body,
        "</Key><LastModified>%s</LastModified><ETag>&quot;%s&quot;</ETag><Size>%" PRIu64
        "</Size><StorageClass>STANDARD</StorageClass></Contents>",
        moment(object->modified, LISTING_TIME, date), object->etag, object->size);
}

// Writes objects, and folders where there is a delimiter; returns the key to go on after, NULL at the end.
static const char *list_page(Text *body, Bucket *bucket, const Query *query, size_t *listed) {
    Object **objects = sorted_objects(bucket);
    size_t count = bucket->objects.count, prefix_length = strlen(query->prefix);
    const char *last = NULL;
    for (size_t i = first_after(objects, count, query); i < count; i++, (*listed)++) {
        const char *key = objects[i]->named.key;
        if (strncmp(key, query->prefix, prefix_length)) return NULL;
        if (*listed == query->limit) return last;
        const char *end = *query->delimiter ? strstr(key + prefix_length, query->delimiter) : NULL;
        if (end) {
            size_t length = (size_t)(end - key) + strlen(query->delimiter);
            char *folder = checked(strndup(key, length));
            put(body, "<CommonPrefixes><Prefix>");
            put_key(body, folder, query->url_encoded);
            put(body, "</Prefix></CommonPrefixes>");
            while (i + 1 < count && !strncmp(objects[i + 1]->named.key, folder, length)) i++;
            free(folder);
        } else {
            list_object(body, objects[i], query->url_encoded);
        }
        last = objects[i]->named.key;
    }
    return NULL;
}

static char *first_given(char *one, char *two) {
    if (one) {
        free(two);
        return one;
    }
    return two ? two : copy_of("");
}

static bool list_objects(Request *request) {
    char *limit = parameter(request, "max-keys"), *encoding = parameter(request, "encoding-type");
    Query query = {.is_v2 = has_parameter(request, "list-type"), .url_encoded = encoding && !strcmp(encoding, "url")};
    query.prefix = first_given(parameter(request, "prefix"), NULL);
    query.delimiter = first_given(parameter(request, "delimiter"), NULL);
    query.after = query.is_v2 ? first_given(parameter(request, "continuation-token"), parameter(request, "start-after"))
                              : first_given(parameter(request, "marker"), NULL);
    query.limit = limit && strtoul(limit, NULL, 10) < PAGE ? strtoul(limit, NULL, 10) : PAGE;
    Text entries = {0}, body = {0};
    char *next = NULL;
    size_t listed = 0;
    put(&entries, "%s", "");
    pthread_mutex_lock(&lock);
    Bucket *bucket = find(&buckets, request->bucket);
    if (bucket) {
        const char *last = list_page(&entries, bucket, &query, &listed);
        next = last ? copy_of(last) : NULL;
    }
    pthread_mutex_unlock(&lock);
    put(&body,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>%s</Name><Prefix>",
        request->bucket);
    put_key(&body, query.prefix, query.url_encoded);
    put(&body, "</Prefix><MaxKeys>%zu</MaxKeys>%s<IsTruncated>%s</IsTruncated>", query.limit,
        query.url_encoded ? "<EncodingType>url</EncodingType>" : "", next ? "true" : "false");
    if (query.is_v2) put(&body, "<KeyCount>%zu</KeyCount>", listed);
    if (next) {
        const char *name = query.is_v2 ? "NextContinuationToken" : "NextMarker";
        put(&body, "<%s>", name);
        put_key(&body, next, query.url_encoded && !query.is_v2);
        put(&body, "</%s>", name);
    }
    put(&body, "%s</ListBucketResult>", entries.text);
    bool goes_on = bucket ? answer_xml(request, "200 OK", body.text) : no_bucket(request);
    char *used[] = {limit, encoding, query.prefix, query.delimiter, query.after, entries.text, body.text, next};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++) free(used[i]);
    return goes_on;
}

// In no order, and all on one page: there are as many as files in flight.
static bool list_uploads(Request *request) {
    char *prefix = first_given(parameter(request, "prefix"), NULL), *encoding = parameter(request, "encoding-type");
    bool url_encoded = encoding && !strcmp(encoding, "url");
    char date[64];
    Text body = {0};
    put(&body,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<ListMultipartUploadsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>%s</Bucket>"
        "<MaxUploads>1000</MaxUploads><IsTruncated>false</IsTruncated>%s",
        request->bucket, url_encoded ? "<EncodingType>url</EncodingType>" : "");
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < uploads.slot_count; i++)
        for (Named *each = uploads.slots[i]; each; each = each->next) {
            const Upload *upload = (const Upload *)each;
            if (strcmp(upload->bucket, request->bucket) || strncmp(upload->object, prefix, strlen(prefix))) continue;
            put(&body, "<Upload><Key>");
            put_key(&body, upload->object, url_encoded);
            put(&body, "</Key><UploadId>%s</UploadId><Initiated>%s</Initiated></Upload>", each->key,
                moment(upload->began, LISTING_TIME, date));
        }
    pthread_mutex_unlock(&lock);
    put(&body, "</ListMultipartUploadsResult>");
    bool goes_on = answer_xml(request, "200 OK", body.text);
    free(body.text);
    free(prefix);
    free(encoding);
    return goes_on;
}

static bool ask_bucket(Request *request) {
    if (!discard(request)) return false;
    pthread_mutex_lock(&lock);
    bool is_there = find(&buckets, request->bucket) != NULL;
    pthread_mutex_unlock(&lock);
    if (!is_there) return no_bucket(request);
    if (request->is_head) return answer(request, "200 OK", "x-amz-bucket-region: us-east-1\r\n", NULL, 0);
    if (has_parameter(request, "location"))
        return answer_xml(request, "200 OK", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<LocationConstraint/>");
    if (has_parameter(request, "versioning"))
        return answer_xml(request, "200 OK", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VersioningConfiguration/>");
    return has_parameter(request, "uploads") ? list_uploads(request) : list_objects(request);
}

static bool make_bucket(Request *request) {
    if (!discard(request)) return false;
    pthread_mutex_lock(&lock);
    if (!find(&buckets, request->bucket)) new_bucket(request->bucket);
    pthread_mutex_unlock(&lock);
    return answer(request, "200 OK", "", NULL, 0);
}

static bool not_implemented(Request *request) {
    return discard(request) && refuse(request, "501 Not Implemented", "NotImplemented");
}

static bool change_object(Request *request) {
    char *id = parameter(request, "uploadId"), *number = parameter(request, "partNumber");
    char *copied = header(request, "x-amz-copy-source");
    bool is_put = !strcmp(request->method, "PUT"), goes_on;
    if (copied) goes_on = not_implemented(request);
    else if (is_put && id && number) goes_on = put_part(request, id, number);
    else if (is_put && !has_parameter(request, "tagging") && !has_parameter(request, "acl")) goes_on = put_object(request);
    else if (!is_put && id) goes_on = complete_upload(request, id);
    else if (!is_put && has_parameter(request, "uploads")) goes_on = begin_upload(request);
    else goes_on = not_implemented(request);
    free(id);
    free(number);
    free(copied);
    return goes_on;
}

static bool serve(Request *request) {
    bool changes = !strcmp(request->method, "PUT") || !strcmp(request->method, "POST");
    if (!*request->bucket || has_value(request, "transfer-encoding", "chunked")) return not_implemented(request);
    if (!strcmp(request->method, "DELETE")) return remove_anything(request);
    if (changes && *request->key) return change_object(request);
    if (!strcmp(request->method, "PUT")) return make_bucket(request);
    if (request->is_head && *request->key) return head_object(request);
    if (!changes && !*request->key) return ask_bucket(request);
    return not_implemented(request);
}

// --- connections

// Take a head apart in place; false if it is none.
static bool parse(Request *request) {
    char *line_end = strstr(request->head, "\r\n"), *blank = strchr(request->head, ' ');
    if (!blank || blank > line_end) return false;
    char *target = blank + 1, *target_end = strchr(target, ' ');
    if (!target_end || target_end > line_end || *target != '/') return false;
    *blank = *target_end = *line_end = 0;
    request->fields = line_end + 2;
    request->method = request->head;
    request->path = target + 1;
    request->query = strchr(request->path, '?');
    if (request->query) *request->query++ = 0;
    percent_decode(request->path, false);
    request->bucket = request->path;
    char *slash = strchr(request->path, '/');
    if (slash) *slash = 0;
    request->key = slash ? slash + 1 : request->path + strlen(request->path);
    request->is_head = !strcmp(request->method, "HEAD");
    request->closes = has_value(request, "connection", "close");
    char *size = header(request, "content-length");
    request->size = size ? strtoull(size, NULL, 10) : 0;
    free(size);
    return true;
}

// Read a head, of which `*held` bytes are in the buffer, and serve it; false when the connection ends.
static bool converse(int socket, char *buffer, size_t *held) {
    char *end;
    buffer[*held] = 0;
    while (!(end = strstr(buffer, "\r\n\r\n"))) {
        if (*held == HEAD_SIZE) return false;
        ssize_t got = recv(socket, buffer + *held, HEAD_SIZE - *held, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        *held += (size_t)got;
        buffer[*held] = 0;
    }
    end[2] = 0;
    Request request = {.socket = socket, .head = buffer, .rest = end + 4};
    if (!parse(&request)) return false;
    size_t beyond = *held - (size_t)(request.rest - buffer);
    request.beyond = beyond < request.size ? beyond : (size_t)request.size;
    if (request.size && !request.beyond && has_value(&request, "expect", "100-continue")) {
        static const char GO_ON[] = "HTTP/1.1 100 Continue\r\n\r\n";
        if (!send_all(socket, GO_ON, sizeof GO_ON - 1)) return false;
    }
    bool goes_on = serve(&request);
    *held = beyond - request.beyond;
    memmove(buffer, request.rest + request.beyond, *held);
    return goes_on;
}

static void *connection(void *argument) {
    int socket = (int)(intptr_t)argument, on = 1;
    char *buffer = checked(malloc(HEAD_SIZE + 1));
    size_t held = 0;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (converse(socket, buffer, &held)) {
    }
    free(buffer);
    close(socket);
    return NULL;
}

// --- the beginning

static void require(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "sink: %s: %s\n", what, errno ? strerror(errno) : "not as it should be");
        exit(1);
    }
}

static void read_table(const char *path) {
    FILE *file = fopen(path, "r");
    require(file, path);
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, file)) > 0) {
        Known *known = checked(calloc(1, sizeof *known));
        char digest[2 * MD5_SIZE + 1], crc[16];
        int key = 0;
        line[length - 1] = 0;
        require(sscanf(line, "%" SCNu64 " %32s %15s %n", &known->size, digest, crc, &key) == 3 && line[key], path);
        if (strcmp(digest, "-")) strcpy(known->md5, digest);
        if (strcmp(crc, "-")) strcpy(known->crc64nvme, crc);
        known->named.key = copy_of(line + key);
        insert(&table, &known->named);
    }
    free(line);
    fclose(file);
}

static void store_table(const char *name, time_t modified) {
    Bucket *bucket = new_bucket(name);
    for (size_t i = 0; i < table.slot_count; i++)
        for (Named *each = table.slots[i]; each; each = each->next) {
            const Known *known = (const Known *)each;
            Object *object = store(bucket, each->key, known->size, copy_of(""), modified);
            snprintf(object->etag, sizeof object->etag, "%s", *known->md5 ? known->md5 : "not-known");
        }
}

int main(int count, char **arguments) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    pthread_attr_t attributes;
    if (count != 3 && count != 5) {
        fputs("usage: sink ADDRESS TABLE [BUCKET EPOCH]\n", stderr);
        return 2;
    }
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    signal(SIGPIPE, SIG_IGN);
    read_table(arguments[2]);
    if (count == 5) store_table(arguments[3], (time_t)strtoll(arguments[4], NULL, 10));
    require(inet_pton(AF_INET, arguments[1], &address.sin_addr) == 1, arguments[1]);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    require(listener >= 0 && !bind(listener, (struct sockaddr *)&address, sizeof address), "bind");
    require(!listen(listener, 1024) && !getsockname(listener, (struct sockaddr *)&address, &size), "listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (;;) {
        pthread_t thread;
        int socket = accept(listener, NULL, NULL);
        if (socket < 0) continue;
        if (pthread_create(&thread, &attributes, connection, (void *)(intptr_t)socket)) close(socket);
    }
}
