/* Where an exchange stands, and what is not a place. */
#include "publisher/url.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
	const char *text;
	enum bc_url_kind kind;
	bool tls, numeric;
	const char *host;
	uint16_t port;
	const char *formatted;
} good[] = {
	{ "wss://api.upbit.com", BC_URL_WS, true, false, "api.upbit.com", 443,
	  "wss://api.upbit.com" },
	{ "wss://stream.binance.com:9443", BC_URL_WS, true, false, "stream.binance.com", 9443,
	  "wss://stream.binance.com:9443" },
	{ "wss://API.Upbit.Com:443/", BC_URL_WS, true, false, "api.upbit.com", 443,
	  "wss://api.upbit.com" },
	{ "ws://127.0.0.1:8080", BC_URL_WS, false, true, "127.0.0.1", 8080, "ws://127.0.0.1:8080" },
	{ "ws://localhost:443", BC_URL_WS, false, false, "localhost", 443, "ws://localhost:443" },
	{ "https://[::1]:8443", BC_URL_HTTP, true, true, "::1", 8443, "https://[::1]:8443" },
	{ "http://[FE80::1]", BC_URL_HTTP, false, true, "fe80::1", 80, "http://[fe80::1]" },
	{ "https://3.example", BC_URL_HTTP, true, false, "3.example", 443, "https://3.example" },
	{ "https://a:65535", BC_URL_HTTP, true, false, "a", 65535, "https://a:65535" },
};

Test(url, takes_scheme_host_and_port)
{
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct bc_url url;
		char why[200] = "", text[BC_URL_TEXT_MAX];
		cr_assert_eq(bc_url_parse(good[i].text, good[i].kind, &url, why, sizeof why), BC_OK,
			     "%s: %s", good[i].text, why);
		cr_expect_eq(url.tls, good[i].tls, "%s", good[i].text);
		cr_expect_eq(url.numeric, good[i].numeric, "%s", good[i].text);
		cr_expect_eq(url.port, good[i].port, "%s: %u", good[i].text, url.port);
		cr_expect_str_eq(url.host, good[i].host);
		bc_url_format(&url, text, sizeof text);
		cr_expect_str_eq(text, good[i].formatted);
	}
}

static const struct {
	const char *text;
	enum bc_url_kind kind;
	const char *says; /* a part of the reason */
} bad[] = {
	{ "", BC_URL_WS, "wss://" },
	{ "api.upbit.com", BC_URL_WS, "wss://" },
	{ "https://api.upbit.com", BC_URL_WS, "wss://" },
	{ "wss://api.upbit.com", BC_URL_HTTP, "https://" },
	{ "WSS://api.upbit.com", BC_URL_WS, "wss://" },
	{ " wss://api.upbit.com", BC_URL_WS, "wss://" },
	{ "wss://", BC_URL_WS, "host is missing" },
	{ "wss://:443", BC_URL_WS, "host is missing" },
	{ "wss:///websocket", BC_URL_WS, "host is missing" },
	{ "wss://api.upbit.com/websocket/v1", BC_URL_WS, "ends after host and port" },
	{ "wss://api.upbit.com?x=1", BC_URL_WS, "ends after host and port" },
	{ "wss://api.upbit.com#x", BC_URL_WS, "ends after host and port" },
	{ "wss://me:secret@api.upbit.com", BC_URL_WS, "no user" },
	{ "wss://api.upbit.com ", BC_URL_WS, "letters, digits" },
	{ "wss://api_upbit.com", BC_URL_WS, "letters, digits" },
	{ "wss://api.upbit.com\r\nX: y", BC_URL_WS, "letters, digits" },
	{ "wss://\xc3\xa9.com", BC_URL_WS, "letters, digits" },
	{ "wss://api..com", BC_URL_WS, "empty part" },
	{ "wss://api.com.", BC_URL_WS, "empty part" },
	{ "wss://-a.com", BC_URL_WS, "edge" },
	{ "wss://a-.com", BC_URL_WS, "edge" },
	{ "wss://1.2.3", BC_URL_WS, "looks like an address" },
	{ "wss://1.2.3.256", BC_URL_WS, "looks like an address" },
	{ "wss://[::1", BC_URL_WS, "ends with ']'" },
	{ "wss://[]", BC_URL_WS, "host is missing" },
	{ "wss://[1.2.3.4]", BC_URL_WS, "no IPv6 address" },
	{ "wss://[fe80::1%eth0]", BC_URL_WS, "no IPv6 address" },
	{ "wss://[::1]x", BC_URL_WS, "ends after host and port" },
	{ "wss://::1", BC_URL_WS, "host is missing" },
	{ "wss://a:", BC_URL_WS, "1 to 65535" },
	{ "wss://a:0", BC_URL_WS, "1 to 65535" },
	{ "wss://a:0443", BC_URL_WS, "1 to 65535" },
	{ "wss://a:65536", BC_URL_WS, "1 to 65535" },
	{ "wss://a:99999999999", BC_URL_WS, "1 to 65535" },
	{ "wss://a:+443", BC_URL_WS, "1 to 65535" },
	{ "wss://a:443x", BC_URL_WS, "ends after host and port" },
	{ "wss://0123456789012345678901234567890123456789012345678901234567890123.com", BC_URL_WS,
	  "63 characters" },
	{ "wss://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  BC_URL_WS, "over 100 characters" },
};

Test(url, says_what_is_wrong)
{
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct bc_url url;
		char why[200] = "";
		cr_expect_eq(bc_url_parse(bad[i].text, bad[i].kind, &url, why, sizeof why),
			     BC_EPARSE, "'%s' passed", bad[i].text);
		cr_expect_not_null(strstr(why, bad[i].says), "'%s': %s", bad[i].text, why);
		cr_expect_not_null(strstr(why, "for example"), "'%s': %s", bad[i].text, why);
	}
}
