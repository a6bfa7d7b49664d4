#include "publisher/curl_loop.h"

#include <stdlib.h>

struct curl_loop {
	uv_loop_t *loop;
	uv_timer_t timer;
	CURLM *multi;
	curl_loop_done done;
	void *self;
	bool closing;
};

struct watch {
	uv_poll_t poll;
	struct curl_loop *curl;
	curl_socket_t fd;
};

static void ended_tell(struct curl_loop *curl)
{
	CURLMsg *message;
	int left;
	while (!curl->closing && (message = curl_multi_info_read(curl->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		CURL *easy = message->easy_handle;
		const CURLcode code = message->data.result; /* the message goes with the handle */
		curl_multi_remove_handle(curl->multi, easy);
		curl->done(curl->self, easy, code);
	}
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	const struct watch *watch = poll->data;
	struct curl_loop *curl = watch->curl;
	int running;
	int what = status < 0 ? CURL_CSELECT_ERR : 0;
	what |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
	what |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
	curl_multi_socket_action(curl->multi, watch->fd, what, &running);
	ended_tell(curl);
}

static void on_timer(uv_timer_t *timer)
{
	struct curl_loop *curl = timer->data;
	int running;
	curl_multi_socket_action(curl->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	ended_tell(curl);
}

static int on_timer_wanted(CURLM *multi, long timeout_ms, void *self)
{
	struct curl_loop *curl = self;
	(void)multi;
	if (timeout_ms < 0)
		uv_timer_stop(&curl->timer);
	else
		uv_timer_start(&curl->timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

static void on_watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static struct watch *watch_new(struct curl_loop *curl, curl_socket_t fd)
{
	struct watch *watch = calloc(1, sizeof *watch);
	if (watch == NULL)
		return NULL;
	watch->curl = curl;
	watch->fd = fd;
	if (uv_poll_init_socket(curl->loop, &watch->poll, fd) != 0) {
		free(watch);
		return NULL;
	}
	watch->poll.data = watch;
	curl_multi_assign(curl->multi, fd, watch);
	return watch;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *self, void *socket_self)
{
	struct curl_loop *curl = self;
	struct watch *watch = socket_self;
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (watch != NULL) {
			curl_multi_assign(curl->multi, fd, NULL);
			uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
		}
		return 0;
	}
	if (watch == NULL && (watch = watch_new(curl, fd)) == NULL)
		return -1; /* libcurl fails the transfer */
	int events = (what & CURL_POLL_IN) != 0 ? UV_READABLE : 0;
	events |= (what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0;
	return uv_poll_start(&watch->poll, events, on_poll) == 0 ? 0 : -1;
}

bc_status curl_loop_new(struct curl_loop **out, uv_loop_t *loop, long max_connections,
			curl_loop_done done, void *self)
{
	struct curl_loop *curl = calloc(1, sizeof *curl);
	if (curl == NULL)
		return BC_ENOMEM;
	if ((curl->multi = curl_multi_init()) == NULL) {
		free(curl);
		return BC_ENOMEM;
	}
	curl->loop = loop;
	curl->done = done;
	curl->self = self;
	uv_timer_init(loop, &curl->timer);
	curl->timer.data = curl;
	curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
	curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
	curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
	curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
	curl_multi_setopt(curl->multi, CURLMOPT_MAXCONNECTS, max_connections);
	*out = curl;
	return BC_OK;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void curl_loop_free(struct curl_loop **curl_at)
{
	struct curl_loop *curl = *curl_at;
	if (curl == NULL)
		return;
	*curl_at = NULL;
	curl->closing = true;
	curl_multi_cleanup(curl->multi);
	uv_close((uv_handle_t *)&curl->timer, on_closed);
}

bc_status curl_loop_add(struct curl_loop *curl, CURL *easy)
{
	switch (curl_multi_add_handle(curl->multi, easy)) {
	case CURLM_OK:
		return BC_OK;
	case CURLM_OUT_OF_MEMORY:
		return BC_ENOMEM;
	default:
		return BC_EIO;
	}
}

void curl_loop_remove(struct curl_loop *curl, CURL *easy)
{
	curl_multi_remove_handle(curl->multi, easy);
}
