/* curl_loop.h - libcurl's multi interface on a libuv loop: sockets are watched by uv_poll, its one
 * timer is a uv_timer.
 *
 * Threads everything on the loop's thread. */
#ifndef BC_CURL_LOOP_H
#define BC_CURL_LOOP_H

#include "proto/value.h"

#include <curl/curl.h>
#include <uv.h>

struct curl_loop;

/* A transfer has ended; `easy` is out of the loop already, and the owner's again. May call anything
 * here, curl_loop_free() included. */
typedef void (*curl_loop_done)(void *self, CURL *easy, CURLcode code);

bc_status curl_loop_new(struct curl_loop **out, uv_loop_t *loop, long max_connections,
			curl_loop_done done, void *self);
/* Every easy handle must be out. The memory goes when the loop has closed its handles. */
void curl_loop_free(struct curl_loop **curl_at);
bc_status curl_loop_add(struct curl_loop *curl, CURL *easy);
void curl_loop_remove(struct curl_loop *curl, CURL *easy); /* without `done` */

#endif
