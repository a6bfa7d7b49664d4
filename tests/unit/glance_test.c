/* Whom a message seems to be about, before it is read: it may be wrong or empty, and it costs
 * nothing but time; what it names is never believed. */
#include "publisher/glance.h"
#include "tests/support/guard_page.h"
#include "tests/support/session_rig.h"

static const struct {
	const char *exchange, *text, *symbol;
} rows[] = {
	{ "upbit", "{\"ty\":\"orderbook\",\"cd\":\"KRW-BTC\",\"tms\":1", "KRW-BTC" },
	{ "upbit", "{\"type\":\"trade\",\"code\":\"USDT-1INCH\",\"t", "USDT-1INCH" },
	{ "upbit", "{\"ty\":\"orderbook\", \"cd\":\"KRW-BTC\"}", "" },
	{ "upbit", "[{\"ty\":\"orderbook\",\"cd\":\"KRW-BTC\"}]", "KRW-BTC" },
	{ "upbit", "{\"cd\":\"KRW-BTC\",\"ty\":\"orderbook\"}", "" },
	{ "upbit", "{\"ty\":\"t\",\"cd\":\"12345678901234567890123456789012\"", "" },
	{ "upbit", "{\"ty\":\"t\",\"cd\":\"1234567890123456789012345678901\"",
	  "1234567890123456789012345678901" },
	{ "upbit", "{\"status\":\"UP\"}", "" },
	{ "binance-spot", "{\"stream\":\"btcusdt@depth@100ms\",\"data\":{}}", "BTCUSDT" },
	{ "binance-usdm", "{\"stream\":\"1000pepeusdt_260925@aggTrade\"", "1000PEPEUSDT_260925" },
	{ "binance-spot", "{\"stream\":\"!ticker@arr\"", "!TICKER" },
	{ "binance-spot", "{\"result\":null,\"id\":1}", "" },
};

static bc_str glance(struct guard_page *g, const char *exchange, const char *text, size_t n,
		     char *room)
{
	const char *bytes = guard_page_put(g, text, n);
	return bc_glance(bc_exchange_find(exchange)->glance, bytes, n, room);
}

/* Each message, and every beginning of it, right before memory that cannot be read. */
Test(glance, names_the_symbol_or_nothing)
{
	struct guard_page g;
	char room[BC_GLANCE_MAX];
	guard_page_open(&g, 4096);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bc_str want = bc_str_of(rows[i].symbol);
		size_t n = strlen(rows[i].text);
		bc_str got = glance(&g, rows[i].exchange, rows[i].text, n, room);
		cr_expect(bc_str_equal(got, want), "%s: %.*s", rows[i].text, (int)got.n, got.p);
		while (n-- > 0) {
			got = glance(&g, rows[i].exchange, rows[i].text, n, room);
			cr_expect(got.n == 0 || bc_str_equal(got, want), "%.*s", (int)n,
				  rows[i].text);
		}
	}
	guard_page_close(&g);
}

/* The glance is made before the message's turn, and once. */
Test(glance, may_come_early)
{
	static const char *const texts[] = { "book AAA 1 2", "book BBB 1 2", "book AAA 3 4" };
	struct rig *r = live_rig("AAA BBB");
	size_t before = r->soon;
	forget(r);
	for (size_t i = 0; i < 3; i++) {
		if (i < 2)
			session_soon(r->session, bc_str_of(texts[i + 1]));
		says(r, texts[i]);
		cr_expect_eq(r->soon, before + i + 1);
		cr_expect_eq(r->soon_of, i == 1 ? 1 : 0, "text %zu: %u", i, r->soon_of);
	}
	cr_expect_str_eq(r->seen, "AAA book; BBB book; AAA book; ");
	done(r);
}

/* What was announced is not what comes: it is fetched in vain. */
Test(glance, may_come_early_and_be_wrong)
{
	char text[] = "book AAA 1 2";
	struct rig *r = live_rig("AAA BBB");
	forget(r);
	session_soon(r->session, bc_str_of(text));
	memset(text + 5, 'B', 3);
	says(r, text);
	cr_expect_eq(r->soon_of, 0, "it was AAA then");
	says(r, text);
	cr_expect_eq(r->soon_of, 1, "and is looked at again");
	session_soon(r->session, BC_STR("!nobody"));
	says(r, "book AAA 3 4");
	cr_expect_str_eq(r->seen, "BBB book; BBB book; AAA book; ");
	done(r);
}

/* GURK and JUJX have the same hash, so at a glance one is the other. */
Test(glance, is_not_believed)
{
	struct rig *r = live_rig("GURK");
	size_t before = r->soon;
	forget(r);
	says(r, "book JUJX 1 2");
	cr_expect_str_eq(r->seen, "", "nobody follows it");
	cr_expect_eq(session_counters(r->session)->ignored, 1);
	cr_expect_eq(r->soon, before + 1, "but its namesake was fetched");
	add(r, "JUJX");
	pass(r, 0);
	forget(r);
	says(r, "book JUJX 3 4");
	cr_expect_str_eq(r->seen, "JUJX live none; JUJX book; ");
	says(r, "book GURK 5 6");
	cr_expect_str_eq(r->seen, "JUJX live none; JUJX book; GURK book; ");
	done(r);
}
