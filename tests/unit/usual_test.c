/* The fast way of the adapters, which takes frames in their usual spelling in one go, tells exactly
 * what the slow way tells: of frames of every kind, of the golden ones, and of all of these cut,
 * changed, spaced and reordered, and with numbers in every spelling. Nothing is read past the end
 * (a guard page). BOOKCAST_LONG: more changes; BOOKCAST_CAPTURES: all recorded frames too. */
#include "tests/support/guard_page.h"
#include "tests/support/usual_check.h"

#include <criterion/criterion.h>
#include <glob.h>
#include <zstd.h>

#define MAX_FRAMES 256
#define MAX_TEXT   (128u << 10)

static struct guard_page guard;
static struct usual_check check;

struct frames {
	const char *exchange;
	char *text[MAX_FRAMES];
	size_t n[MAX_FRAMES], count;
};

/* As the exchanges write them now, one a kind; each has to be read in the fast way. */
static const struct {
	const char *exchange, *frame;
} usual[] = {
	{ "binance-spot", "{\"stream\":\"btcusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\","
			  "\"E\":1723161255208,\"s\":\"BTCUSDT\",\"U\":50093239189,"
			  "\"u\":50093239202,\"b\":[[\"61737.63000000\",\"0.00000000\"],"
			  "[\"61730.00000000\",\"12.50000000\"]],\"a\":[[\"61837.64000000\","
			  "\"1.54698000\"]]}}" },
	{ "binance-spot",
	  "{\"stream\":\"xmrbtc@depth\",\"data\":{\"e\":\"depthUpdate\",\"E\":"
	  "1628952395768,\"s\":\"XMRBTC\",\"U\":717720856,\"u\":717720857,\"b\":[],"
	  "\"a\":[[\"0.00578700\",\"31.23100000\"],[\"0.00578800\",\"26.04900000\"]]}}" },
	{ "binance-spot",
	  "{\"stream\":\"btcusdt@depth20@100ms\",\"data\":{\"lastUpdateId\":"
	  "68123456789,\"bids\":[[\"104123.45000000\",\"0.10000000\"],"
	  "[\"104123.44000000\",\"0.00000000\"],[\"104000.00000000\",\"3.00000000\"]],"
	  "\"asks\":[[\"104124.00000000\",\"0.00021000\"]]}}" },
	{ "binance-spot", "{\"stream\":\"zilusdt@bookTicker\",\"data\":{\"u\":499822861,\"s\":"
			  "\"ZILUSDT\",\"b\":\"0.21437000\",\"B\":\"2800.00000000\",\"a\":"
			  "\"0.21449000\",\"A\":\"11400.00000000\"}}" },
	{ "binance-spot",
	  "{\"stream\":\"zilusdt@aggTrade\",\"data\":{\"e\":\"aggTrade\",\"E\":"
	  "1617647603484,\"s\":\"ZILUSDT\",\"a\":18938405,\"p\":\"0.21448000\",\"q\":"
	  "\"2062.90000000\",\"f\":23806928,\"l\":23806928,\"T\":1617647603483,\"m\":"
	  "false,\"M\":true}}" },
	{ "binance-spot",
	  "{\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"trade\",\"E\":"
	  "1723161255343,\"s\":\"BTCUSDT\",\"t\":3735683259,\"p\":\"61837.63000000\","
	  "\"q\":\"0.02000000\",\"T\":1723161255342,\"m\":true,\"M\":true}}" },
	{ "binance-spot",
	  "{\"stream\":\"ftmusdt@kline_1m\",\"data\":{\"e\":\"kline\",\"E\":"
	  "1628952396573,\"s\":\"FTMUSDT\",\"k\":{\"t\":1628952360000,\"T\":"
	  "1628952419999,\"s\":\"FTMUSDT\",\"i\":\"1m\",\"f\":38248833,\"L\":38248910,"
	  "\"o\":\"0.34064000\",\"c\":\"0.33993000\",\"h\":\"0.34070000\",\"l\":"
	  "\"0.33934000\",\"v\":\"208601.00000000\",\"n\":78,\"x\":false,\"q\":"
	  "\"70846.76968900\",\"V\":\"156046.30000000\",\"Q\":\"52984.16932200\",\"B\":"
	  "\"0\"}}}" },
	{ "binance-spot",
	  "{\"stream\":\"btcusdt@ticker\",\"data\":{\"e\":\"24hrTicker\",\"E\":"
	  "1672515782136,\"s\":\"BTCUSDT\",\"p\":\"-131.40\",\"P\":\"-0.786\",\"w\":"
	  "\"16628.97\",\"c\":\"16584.60\",\"Q\":\"0.002\",\"o\":\"16716.00\",\"h\":"
	  "\"16764.89\",\"l\":\"16456.51\",\"v\":\"122474.816\",\"q\":"
	  "\"2036102085.69\",\"O\":1672429382136,\"C\":1672515782136,\"F\":2289691,"
	  "\"L\":2432543,\"n\":142853}}" },
	{ "upbit", "{\"type\": \"ticker\", \"code\": \"KRW-W\", \"opening_price\": 108.9, "
		   "\"high_price\": 114.8, \"low_price\": 107.8, \"trade_price\": 113.2, "
		   "\"prev_closing_price\": 108.8, \"acc_trade_price\": 4596871205.797009,"
		   " \"change\": \"RISE\", \"change_price\": 4.4, \"signed_change_price\":"
		   " 4.4, \"change_rate\": 0.0404411765, \"signed_change_rate\": 0.0404411"
		   "765, \"ask_bid\": \"BID\", \"trade_volume\": 176.67844522, \"acc_trade"
		   "_volume\": 41033103.09010058, \"trade_date\": \"20250714\", \"trade_ti"
		   "me\": \"054615\", \"trade_timestamp\": 1752471975870, \"acc_ask_volume"
		   "\": 23738333.07956085, \"acc_bid_volume\": 17294770.01053973, \"highes"
		   "t_52_week_price\": 585.0, \"highest_52_week_date\": \"2024-12-06\", \""
		   "lowest_52_week_price\": 71.57, \"lowest_52_week_date\": \"2025-06-22\""
		   ", \"market_state\": \"ACTIVE\", \"is_trading_suspended\": false, \"del"
		   "isting_date\": null, \"market_warning\": \"NONE\", \"timestamp\": 1752"
		   "472006666, \"acc_trade_price_24h\": 19431492753.813377, \"acc_trade_vo"
		   "lume_24h\": 175084721.83636555, \"stream_type\": \"REALTIME\"}" },
	{ "upbit", "{\"ty\":\"ticker\",\"cd\":\"KRW-BTC\",\"op\":1.0E8,\"hp\":2,\"lp\":1,"
		   "\"tp\":1.5,\"pcp\":1,\"atp\":2,\"c\":\"RISE\",\"cp\":1,\"scp\":-1.5,\""
		   "cr\":0.1,\"scr\":-0.1,\"ab\":\"BID\",\"tv\":1,\"atv\":2,\"tdt\":\"2025"
		   "0714\",\"ttm\":\"054615\",\"ttms\":1,\"aav\":1,\"abv\":2,\"h52wp\":5,"
		   "\"h52wdt\":\"2024-12-06\",\"l52wp\":1,\"l52wdt\":\"2025-06-22\",\"ms\""
		   ":\"ACTIVE\",\"its\":false,\"dd\":null,\"mw\":\"NONE\",\"tms\":17524720"
		   "06666,\"atp24h\":1,\"atv24h\":2,\"st\":\"SNAPSHOT\"}" },
	{ "binance-usdm", "{\"stream\":\"btcusdt@depth@0ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":"
			  "1789430400123,\"T\":1789430400119,\"s\":\"BTCUSDT\",\"ps\":\"BTCUSDT\","
			  "\"U\":157,\"u\":160,\"pu\":149,\"b\":[[\"58710.20\",\"0.014\"],"
			  "[\"61510.00\",\"0.000\"]],\"a\":[[\"61600\",\"100\"]],\"st\":1}}" },
	{ "binance-usdm",
	  "{\"stream\":\"btcusdt@depth5\",\"data\":{\"e\":\"depthUpdate\",\"E\":"
	  "1789430400123,\"T\":1789430400119,\"s\":\"BTCUSDT\",\"U\":157,\"u\":160,"
	  "\"pu\":149,\"b\":[[\"58710.20\",\"0.014\"]],\"a\":[[\"61600.0\",\"100\"]]}}" },
	{ "binance-usdm",
	  "{\"stream\":\"ethusdt@bookTicker\",\"data\":{\"e\":\"bookTicker\",\"u\":"
	  "11139947831981,\"s\":\"ETHUSDT\",\"ps\":\"ETHUSDT\",\"b\":\"1943.64\",\"B\":"
	  "\"113.445\",\"a\":\"1943.65\",\"A\":\"182.433\",\"T\":1785121247583,\"E\":"
	  "1785121247584,\"st\":1}}" },
	{ "binance-usdm",
	  "{\"stream\":\"btcusdt@aggTrade\",\"data\":{\"e\":\"aggTrade\",\"E\":"
	  "1789430400150,\"s\":\"BTCUSDT\",\"a\":5933014,\"p\":\"64250.10\",\"q\":"
	  "\"0.100\",\"nq\":\"0.100\",\"f\":100,\"l\":105,\"T\":1789430400140,\"m\":true,"
	  "\"st\":1}}" },
	{ "binance-usdm",
	  "{\"stream\":\"sandusdt@aggTrade\",\"data\":{\"e\":\"aggTrade\",\"E\":"
	  "1617647797640,\"a\":9445517,\"s\":\"SANDUSDT\",\"p\":\"0.69067\",\"q\":"
	  "\"369\",\"f\":12821738,\"l\":12821738,\"T\":1617647797485,\"m\":true}}" },
	{ "binance-usdm",
	  "{\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"trade\",\"E\":"
	  "1723161256322,\"T\":1723161256322,\"s\":\"BTCUSDT\",\"t\":5266583935,\"p\":"
	  "\"61800.30\",\"q\":\"0.006\",\"X\":\"MARKET\",\"m\":false}}" },
	{ "upbit",
	  "{\"ty\":\"orderbook\",\"cd\":\"KRW-BTC\",\"tms\":1790134773006,\"tas\":0.48514983,"
	  "\"tbs\":12103375.77710546,\"obu\":[{\"ap\":116606000,\"bp\":116534000,\"as\":"
	  "0.06288509,\"bs\":7.9276E-4},{\"ap\":116609000.0,\"bp\":1.16521E8,\"as\":5.0E-4,"
	  "\"bs\":0},{\"ap\":0,\"bp\":0,\"as\":0,\"bs\":0}],\"st\":\"REALTIME\",\"lv\":0}" },
	{ "upbit",
	  "{\"type\":\"orderbook\",\"code\":\"USDT-BTC\",\"timestamp\":1781415569789,"
	  "\"total_ask_size\":1.31617837,\"total_bid_size\":1.89009159,\"orderbook_units\":["
	  "{\"ask_price\":64464.09,\"bid_price\":64330.6,\"ask_size\":0.17332825,"
	  "\"bid_size\":0.03833129},{\"ask_price\":64464.1,\"bid_price\":64278.97,"
	  "\"ask_size\":0.001,\"bid_size\":0.0010}],\"stream_type\":\"SNAPSHOT\"}" },
	{ "upbit",
	  "{\"ty\":\"trade\",\"cd\":\"KRW-IQ\",\"tms\":1617646621082,\"td\":\"2021-04-05\","
	  "\"ttm\":\"18:17\",\"ttms\":1617646620000,\"tp\":41.2,\"tv\":12111.68782622,"
	  "\"ab\":\"ASK\",\"pcp\":43.20000000,\"c\":\"FALL\",\"cp\":2.00000000,\"sid\":"
	  "17732400590950000,\"bap\":41.3,\"bas\":1,\"bbp\":41.2,\"bbs\":0.1,\"st\":"
	  "\"REALTIME\"}" },
	{ "upbit",
	  "{\"type\":\"trade\",\"code\":\"KRW-BTC\",\"timestamp\":1650787278433,"
	  "\"trade_date\":\"2022-04-24\",\"trade_time\":\"08:01:18\",\"trade_timestamp\":"
	  "1650787278000,\"trade_price\":50000000.0000,\"trade_volume\":0.03090000,"
	  "\"ask_bid\":\"BID\",\"prev_closing_price\":49742000.00000000,\"change\":\"RISE\","
	  "\"change_price\":258000.00000000,\"sequential_id\":1650787278000000,"
	  "\"stream_type\":\"SNAPSHOT\"}" },
};

static void give(const char *bytes, size_t n)
{
	const char *at = guard_page_put(&guard, bytes, n);
	cr_assert(usual_check_give(&check, at, n), "the ways differ: %.*s",
		  (int)(n < 2000 ? n : 2000), bytes);
}

/* ------------------------------------------------------------------ frames */

static void add_frame(struct frames *f, const char *text, size_t n)
{
	cr_assert(f->count < MAX_FRAMES && n < MAX_TEXT);
	f->text[f->count] = malloc(n + 1);
	memcpy(f->text[f->count], text, n);
	f->n[f->count++] = n;
}

static void load_golden(struct frames *f)
{
	const char *source = getenv("BOOKCAST_SOURCE");
	char pattern[4096], *line = NULL;
	size_t cap = 0;
	glob_t found;
	snprintf(pattern, sizeof pattern, "%s/tests/golden/exchanges/%s/*.in",
		 source != NULL ? source : ".", f->exchange);
	cr_assert(glob(pattern, 0, NULL, &found) == 0, "%s: there is none", pattern);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		FILE *file = fopen(found.gl_pathv[i], "re");
		cr_assert_not_null(file);
		for (ssize_t n; (n = getline(&line, &cap, file)) > 0;)
			add_frame(f, line, (size_t)n - (line[n - 1] == '\n'));
		fclose(file);
	}
	free(line);
	globfree(&found);
}

typedef void each_fn(const char *frame, size_t n);

static void each_frame(each_fn *call)
{
	static const char *const exchanges[] = { "binance-spot", "binance-usdm", "upbit" };
	guard_page_open(&guard, MAX_TEXT);
	for (size_t i = 0; i < sizeof exchanges / sizeof *exchanges; i++) {
		static struct frames f;
		f.exchange = exchanges[i];
		f.count = 0;
		for (size_t k = 0; k < sizeof usual / sizeof *usual; k++)
			if (strcmp(usual[k].exchange, f.exchange) == 0)
				add_frame(&f, usual[k].frame, strlen(usual[k].frame));
		load_golden(&f);
		usual_check_open(&check, f.exchange);
		for (size_t k = 0; k < f.count; k++) {
			call(f.text[k], f.n[k]);
			free(f.text[k]);
		}
		usual_check_close(&check);
	}
	guard_page_close(&guard);
}

/* ------------------------------------------------------------------ tests */

Test(usual, every_kind_is_read_in_the_fast_way)
{
	guard_page_open(&guard, MAX_TEXT);
	for (size_t k = 0; k < sizeof usual / sizeof *usual; k++) {
		usual_check_open(&check, usual[k].exchange);
		give(usual[k].frame, strlen(usual[k].frame));
		cr_expect(check.by_usual, "%s", usual[k].frame);
		cr_expect(memcmp(check.said[USUAL_HERE].bytes, "event", 5) == 0, "%s",
			  usual[k].frame);
		usual_check_close(&check);
	}
	guard_page_close(&guard);
}

static void cut_everywhere(const char *frame, size_t n)
{
	for (size_t cut = 0; cut <= n; cut++)
		give(frame, cut);
}

Test(usual, cut_at_every_byte)
{
	each_frame(cut_everywhere);
}

/* Levels of the longest numbers there are, which are the most that is read without asking what is
 * left, cut at every byte. */
static size_t longest_levels(char *text, size_t cap, size_t *begin)
{
	static const char head[] = "{\"stream\":\"btcusdt@depth\",\"data\":{\"e\":\"depthUpdate\","
				   "\"E\":1723161255208,\"s\":\"BTCUSDT\",\"U\":1,\"u\":2,\"b\":[";
	static const char level[] = "[\"123456789012345.000000000000000\","
				    "\"123456789012345.000000000000000\"],";
	*begin = sizeof head - 1;
	return (size_t)snprintf(text, cap, "%s%s%s%s", head, level, level, level);
}

Test(usual, the_longest_numbers_cut_at_the_end_of_memory)
{
	char text[512];
	size_t cut, n = longest_levels(text, sizeof text, &cut);
	guard_page_open(&guard, MAX_TEXT);
	usual_check_open(&check, "binance-spot");
	for (; cut <= n; cut++)
		give(text, cut);
	usual_check_close(&check);
	guard_page_close(&guard);
}

/* In a receive buffer the rest of them follows, from a frame before. */
Test(usual, the_longest_numbers_cut_where_they_go_on)
{
	char text[512];
	size_t cut, n = longest_levels(text, sizeof text, &cut);
	usual_check_open(&check, "binance-spot");
	for (; cut <= n; cut++)
		cr_expect(usual_check_give(&check, text, cut), "the ways differ: %zu", cut);
	usual_check_close(&check);
}

static void change_everywhere(const char *frame, size_t n)
{
	static const char changes[] = "0919.e\"],}:{[ -tu\\\x80\x1f";
	static char text[MAX_TEXT];
	const size_t n_changes = sizeof changes - 1, step = getenv("BOOKCAST_LONG") ? 1 : n_changes;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i % step; k < n_changes; k += step) {
			memcpy(text, frame, n); /* changed */
			text[i] = changes[k];
			give(text, n);
			memcpy(text + i + 1, frame + i, n - i); /* put before */
			give(text, n + 1);
		}
		memcpy(text, frame, i); /* left out */
		memcpy(text + i, frame + i + 1, n - i - 1);
		give(text, n - 1);
	}
}

Test(usual, changed_at_every_byte, .timeout = 250)
{
	each_frame(change_everywhere);
}

static void respell_numbers(const char *frame, size_t n)
{
	static const char *const spellings[] = {
		"0",
		"0.0",
		"00",
		"01.5",
		"1.",
		".5",
		"-1",
		"-0",
		"1e3",
		"1E-3",
		"1.50E+2",
		"0e5",
		"1e99",
		"1e-64",
		"9.99E64",
		"0.00000001",
		"0.000000010",
		"12345678.12345678",
		"1234567890.12345",
		"12345678901.1234",
		"123456789012345",
		"1234567890123456",
		"12345678901234567",
		"123456789012345678",
		"99999999999999999999",
		"100000000",
		"1000000000.0",
		"1000000000000000",
		"90000000.00000000",
		"1.0000000000000001",
		"0.100000000000000",
		"2.500000000",
		"116606000.00000000",
		"100000000000000",
		"100000000000001",
		"null",
		"\"1\"",
		"1 ",
		"123456789.5",
		"0.123456789",
	};
	static char text[MAX_TEXT];
	for (size_t i = 1; i < n; i++) {
		size_t digits = strspn(frame + i, "0123456789.");
		if (digits == 0 || i + digits >= n || strchr(":\"[", frame[i - 1]) == NULL)
			continue;
		for (size_t k = 0; k < sizeof spellings / sizeof *spellings; k++) {
			size_t length = strlen(spellings[k]);
			memcpy(text, frame, i);
			memcpy(text + i, spellings[k], length);
			memcpy(text + i + length, frame + i + digits, n - i - digits);
			give(text, n - digits + length);
		}
		i += digits;
	}
}

Test(usual, numbers_in_every_spelling, .timeout = 250)
{
	each_frame(respell_numbers);
}

/* Every two neighbouring members of every object change places. */
static void reorder(const char *frame, size_t n)
{
	static char text[MAX_TEXT];
	for (size_t i = 0; i + 1 < n; i++) {
		size_t starts[3] = { i + 1, 0, 0 }, found = 0;
		int depth = 0;
		bool quoted = false;
		if ((frame[i] != '{' && frame[i] != ',') || frame[i + 1] != '"')
			continue;
		for (size_t k = i + 1; k < n && found < 2 && depth >= 0; k++) {
			quoted ^= frame[k] == '"';
			depth += !quoted && strchr("{[", frame[k]) != NULL && frame[k] != '\0';
			depth -= !quoted && strchr("}]", frame[k]) != NULL && frame[k] != '\0';
			if (!quoted && ((frame[k] == ',' && depth == 0) || depth < 0))
				starts[++found] = k + 1;
		}
		if (found < 2)
			continue;
		size_t first = starts[1] - 1 - starts[0], second = starts[2] - 1 - starts[1];
		memcpy(text, frame, n);
		memcpy(text + starts[0], frame + starts[1], second);
		text[starts[0] + second] = ',';
		memcpy(text + starts[0] + second + 1, frame + starts[0], first);
		give(text, n);
	}
}

Test(usual, members_in_another_order)
{
	each_frame(reorder);
}

/* Many levels, so that the end of the text falls everywhere, and more than an adapter keeps. */
Test(usual, sides_of_any_length)
{
	static char text[2u << 20];
	guard_page_open(&guard, sizeof text);
	usual_check_open(&check, "binance-spot");
	for (unsigned levels = 0; levels <= BINANCE_MAX_LEVELS + 1; levels++) {
		size_t n = (size_t)sprintf(text, "{\"stream\":\"btcusdt@depth\",\"data\":{\"e\":"
						 "\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\"U\":"
						 "1,\"u\":2,\"b\":[");
		for (unsigned i = 0; i < levels; i++)
			n += (size_t)sprintf(text + n, "%s[\"%u.%u\",\"%u.5\"]", i > 0 ? "," : "",
					     100000 - i, i * i % 1000, i % 137);
		n += (size_t)sprintf(text + n, "],\"a\":[]}}");
		give(text, n);
		cr_expect(check.by_usual == (levels <= BINANCE_MAX_LEVELS), "%u levels", levels);
		if (levels == 200)
			levels = BINANCE_MAX_LEVELS - 2;
	}
	usual_check_close(&check);
	guard_page_close(&guard);
}

/* ------------------------------------------------------------------ recorded frames */

static size_t give_capture(const char *dir, const char *exchange, const char *name)
{
	static char packed[8u << 20], text[64u << 20];
	char path[4096];
	size_t n, n_usual = 0;
	snprintf(path, sizeof path, "%s/%s/%s", dir, exchange, name);
	FILE *file = fopen(path, "re");
	cr_assert_not_null(file, "%s", path);
	n = fread(packed, 1, sizeof packed, file);
	fclose(file);
	n = ZSTD_decompress(text, sizeof text, packed, n);
	cr_assert(!ZSTD_isError(n), "%s", path);
	usual_check_open(&check, exchange);
	for (const char *p = text, *end = text + n; p < end;) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		stop = stop != NULL ? stop : end;
		give(p, (size_t)(stop - p));
		n_usual += check.by_usual;
		p = stop + 1;
	}
	usual_check_close(&check);
	return n_usual;
}

Test(usual, recorded_frames, .timeout = 250)
{
	static const struct {
		const char *exchange, *name;
		size_t at_least; /* of them in the fast way: all but those of other kinds */
	} captures[] = {
		{ "upbit", "cf-20210405-simple.jsonl.zst", 1733 },
		{ "binance-spot", "cf-20210405.jsonl.zst", 11357 },
		{ "binance-spot", "hft-btcusdt-20240808.jsonl.zst", 41248 },
		{ "binance-usdm", "cf-20210405.jsonl.zst", 8421 },
		{ "binance-usdm", "hft-btcusdt-20240718.jsonl.zst", 11413 },
	};
	const char *dir = getenv("BOOKCAST_CAPTURES");
	if (dir == NULL || *dir == '\0')
		cr_skip_test("BOOKCAST_CAPTURES is not set");
	guard_page_open(&guard, MAX_TEXT);
	for (size_t i = 0; i < sizeof captures / sizeof *captures; i++) {
		size_t n = give_capture(dir, captures[i].exchange, captures[i].name);
		cr_expect(n >= captures[i].at_least, "%s: %zu of %zu", captures[i].name, n,
			  captures[i].at_least);
	}
	guard_page_close(&guard);
}

/* ------------------------------------------------------------------ the parts */

static uint64_t draw(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

Test(usual, sixteen_bytes_are_judged_alike_by_every_processor)
{
	static const char alphabet[] = "0123456789/:\"\\ \x1f\x7f\x80";
	uint64_t seed = UINT64_C(88172645463325252);
	char bytes[16];
	for (unsigned i = 0; i < 200000; i++) {
		uint32_t others = 0;
		unsigned plain = 16;
		for (unsigned k = 0; k < 16; k++) {
			uint64_t r = draw(&seed);
			bytes[k] = alphabet[(r >> 8) % (sizeof alphabet - 1)];
			if (i % 2 == 0)
				bytes[k] = (char)(r >> 8);
			if (i < 256 * 16 && k == i % 16)
				bytes[k] = (char)(i / 16);
		}
		for (unsigned k = 16; k-- > 0;) {
			unsigned char c = (unsigned char)bytes[k];
			others |= (uint32_t)(c < '0' || c > '9') << k;
			if (c < 0x20 || c == '"' || c == '\\' || c >= 0x80)
				plain = k;
		}
		cr_assert_eq(bc_json_others(bytes), others);
		cr_assert_eq(bc_json_others_portable(bytes), others);
		cr_assert_eq(bc_json_plain_bytes(bytes), plain);
		cr_assert_eq(bc_json_plain_bytes_portable(bytes), plain);
	}
}

Test(usual, plain_numbers_are_what_the_parser_says)
{
	uint64_t seed = UINT64_C(362436069362436069);
	unsigned taken = 0;
	for (unsigned i = 0; i < 300000; i++) {
		char text[2 * BC_JSON_ROOM] = { 0 };
		unsigned whole = 1 + (unsigned)(draw(&seed) >> 20) % 12, n = 0;
		unsigned part = (unsigned)(draw(&seed) >> 20) % 10 * (1 + i % 2);
		const char *digits = draw(&seed) >> 60 < 4 ? "0001" : "0123456789";
		for (unsigned k = 0; k < whole + part; k++) {
			if (k == whole)
				text[n++] = '.';
			text[n++] = digits[(draw(&seed) >> 20) % strlen(digits)];
		}
		text[n] = ',';
		bc_decimal fast = { 0, 0 }, slow = { 0, 0 }, tail = { 0, 0 };
		const char *after = bc_json_plain_in(text, &fast);
		cr_assert_eq(bc_json_plain_tail(text, text + n + 1, &tail), after, "%s", text);
		if (after == NULL)
			continue;
		taken++;
		cr_assert_eq(after, text + n, "%s", text);
		cr_assert_eq(bc_decimal_parse(text, n, &slow), BC_OK, "%s", text);
		cr_assert(fast.mantissa == slow.mantissa && fast.exponent == slow.exponent &&
				  tail.mantissa == slow.mantissa && tail.exponent == slow.exponent,
			  "%s: %lld e %d", text, (long long)fast.mantissa, fast.exponent);
	}
	cr_expect(taken > 150000, "%u", taken);
}
