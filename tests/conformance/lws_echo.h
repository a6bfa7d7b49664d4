/* lws_echo.h - a WebSocket server over libwebsockets, as a witness that is not ours: it frames and
 * compresses by itself. What it does is said by the path:
 *
 *   /echo       sends back each message as it came
 *   /fragments  the same, in frames of 1,000 bytes
 *   /pings      the same, a ping before each
 *   /closes     closes with 4001 and "enough" at the first message
 *   /stream     says the messages of lws_echo_lengths[], then closes with 1000
 *
 * Threads it serves in a thread of its own. */
#ifndef BC_CONFORMANCE_LWS_ECHO_H
#define BC_CONFORMANCE_LWS_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LWS_ECHO_LENGTHS 12

/* What /stream says: texts of so many bytes, of lws_echo_fill(). */
extern const size_t lws_echo_lengths[LWS_ECHO_LENGTHS];
void lws_echo_fill(char *text, size_t n);

struct lws_echo;

/* `deflate`: it agrees to permessage-deflate. Aborts where it cannot start. */
struct lws_echo *lws_echo_start(bool deflate);
void lws_echo_stop(struct lws_echo **server);
uint16_t lws_echo_port(const struct lws_echo *server);
/* Pongs it was answered with, and the last close code of a client, so far. */
unsigned int lws_echo_pongs(const struct lws_echo *server);
unsigned int lws_echo_close_code(const struct lws_echo *server);
unsigned int lws_echo_deflated(const struct lws_echo *server); /* pieces it has compressed */

#endif
