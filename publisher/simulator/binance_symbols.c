/* binance_symbols.c - plausible Binance symbols: names, ticks by price, sizes. */
#include "publisher/simulator/binance.h"

#include <stdio.h>
#include <string.h>

#define NANO      INT64_C(1000000000)
#define DEEP      2000 /* levels a side: more than REST shows at its usual limit */
#define MIDDLE    1500
#define THIN      12
#define LEVEL_USD 2000 /* worth of a typical level */
#define REACH     8    /* ticks: two to four levels */
#define LEG       300  /* moves */
#define NON_ASCII "这是测试币"

/* A coin and its price in 1e-9 USD. */
static const struct coin {
	const char *base;
	int64_t nano;
} coins[] = {
	{ "BTC", 97250 * NANO },   { "ETH", 3480 * NANO },    { "SOL", 212 * NANO },
	{ "XRP", 2240000000 },     { "1INCH", 312000000 },    { "DOGE", 187000000 },
	{ "BNB", 912 * NANO },     { "ADA", 845000000 },      { "TRX", 281000000 },
	{ "LINK", 16700000000 },   { "AVAX", 22300000000 },   { "DOT", 3660000000 },
	{ "BCH", 515 * NANO },     { "NEAR", 2490000000 },    { "ETC", 19500000000 },
	{ "HBAR", 208000000 },     { "XLM", 298000000 },      { "SUI", 2660000000 },
	{ "APT", 4370000000 },     { "AAVE", 279 * NANO },    { "ATOM", 4080000000 },
	{ "ALGO", 205000000 },     { "VET", 22900000 },       { "FIL", 2130000000 },
	{ "ICP", 5150000000 },     { "SAND", 284000000 },     { "MANA", 251000000 },
	{ "AXS", 2340000000 },     { "EGLD", 14100000000 },   { "THETA", 729000000 },
	{ "FLOW", 348000000 },     { "XTZ", 679000000 },      { "IOTA", 194000000 },
	{ "NEO", 6010000000 },     { "QTUM", 2050000000 },    { "ZIL", 10800000 },
	{ "BAT", 165000000 },      { "ENJ", 70000000 },       { "CHZ", 40800000 },
	{ "STX", 641000000 },      { "ANKR", 15100000 },      { "IQ", 4140000 },
	{ "STORJ", 251000000 },    { "KAVA", 369000000 },     { "JST", 32200000 },
	{ "SC", 3430000 },         { "ONT", 144000000 },      { "ICX", 122000000 },
	{ "STEEM", 141000000 },    { "ARDR", 80000000 },      { "ARK", 408000000 },
	{ "POLYX", 138000000 },    { "PUNDIX", 301000000 },   { "VIRTUAL", 1340000000 },
	{ "PEPE", 11000 },         { "BONK", 27200 },         { "SEI", 294000000 },
	{ "TIA", 1860000000 },     { "ARB", 479000000 },      { "IMX", 622000000 },
	{ "GRT", 90700000 },       { "MASK", 1410000000 },    { "BLUR", 86400000 },
	{ "STG", 172000000 },      { "CELO", 298000000 },     { "GMT", 43600000 },
	{ "ONDO", 886000000 },     { "PENDLE", 4650000000 },  { "ENS", 22700000000 },
	{ "INJ", 13400000000 },    { "JUP", 479000000 },      { "PYTH", 134000000 },
	{ "RENDER", 3720000000 },  { "STRAX", 43600000 },     { "TFUEL", 36400000 },
	{ "WAXP", 22900000 },      { "ZRO", 2220000000 },     { "ZETA", 251000000 },
	{ "BERA", 2440000000 },    { "BIGTIME", 57900000 },   { "CVC", 93600000 },
	{ "GAS", 3010000000 },     { "GLM", 244000000 },      { "HIVE", 208000000 },
	{ "KNC", 372000000 },      { "LPT", 6510000000 },     { "LSK", 422000000 },
	{ "MTL", 701000000 },      { "NMR", 15600000000 },    { "SHIB", 10000 },
	{ "1000SATS", 43000 },     { "1000CHEEMS", 1210000 }, { "1000SHIB", 10000000 },
	{ "1MBABYDOGE", 1310000 }, { "USDC", 1000100000 },    { "EUR", 1163000000 },
	{ NON_ASCII, 7310000 },
};

#define N_COINS (sizeof coins / sizeof *coins)

/* Longest first where one ends in another. */
static const struct quote {
	const char *name;
	int64_t nano; /* its price */
} quotes[] = {
	{ "FDUSD", NANO },   { "USDT", NANO },        { "USDC", NANO },
	{ "TRY", 24000000 }, { "BTC", 97250 * NANO }, { "ETH", 3480 * NANO },
};

#define N_QUOTES (sizeof quotes / sizeof *quotes)

/* What a small market must hold already: thin sides, odd names, other quotes. */
static const char *const spot_order[] = {
	"BTCUSDT",        "ETHUSDT", "SOLUSDT",      "XRPUSDT",  "1INCHUSDT",
	"1000CHEEMSUSDT", "ETHBTC",  "SHIBUSDT",     "DOGEUSDT", "BNBBTC",
	"ADAUSDT",        "BTCUSDC", "1000SATSUSDT", "LINKUSDT", (NON_ASCII "USDT"),
};

static const char *const usdm_order[] = {
	"BTCUSDT",  "ETHUSDT",        "SOLUSDT", "XRPUSDT", "1000SHIBUSDT", "1MBABYDOGEUSDT",
	"DOGEUSDT", "BTCUSDT_261225", "ADAUSDT", "BTCUSDC", "LINKUSDT",     "1000CHEEMSUSDT",
};

/* What a larger market is filled up with. */
static const char *const spot_quotes[] = { "USDT", "USDC", "FDUSD", "TRY", "BTC", NULL };
static const char *const usdm_quotes[] = { "USDT", "USDC", NULL };

static bool ends_in(bc_str name, const char *end, size_t *n)
{
	*n = strlen(end);
	return name.n > *n && memcmp(name.p + name.n - *n, end, *n) == 0;
}

void binance_split(const char *name, bc_str *base, bc_str *quote)
{
	bc_str whole = bc_str_of(name);
	const char *date = strchr(name, '_');
	size_t n;

	if (date != NULL)
		whole.n = (size_t)(date - name);
	for (size_t i = 0; i < N_QUOTES; i++)
		if (ends_in(whole, quotes[i].name, &n)) {
			*base = (bc_str){ whole.p, whole.n - n };
			*quote = (bc_str){ whole.p + whole.n - n, n };
			return;
		}
	*base = whole;
	*quote = BC_STR("USDT");
}

/* ------------------------------------------------------------------ the spec */

/* floor(log10) of a price in 1e-9. */
static int32_t magnitude(int64_t nano)
{
	int32_t m = -9;

	for (; nano >= 10; nano /= 10)
		m++;
	return m;
}

static int64_t power(int32_t n)
{
	int64_t value = 1;

	while (n-- > 0)
		value *= 10;
	return value;
}

static int32_t clamp(int32_t value, int32_t low, int32_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* A price in 1e-9 in units of 10^exponent, at least a few. */
static int64_t in_units(int64_t nano, int32_t exponent)
{
	__int128 value = (__int128)nano * power(exponent < 0 ? -exponent : 0) / NANO;

	return value < 3 ? 3 : (int64_t)value;
}

/* `usd` is the price of the coin, whatever it is quoted in: its sizes follow from that. */
static void fill(struct market_spec *out, bool usdm, int64_t nano, int64_t usd, bool thin)
{
	int32_t m = magnitude(nano), size = magnitude(usd);
	__int128 typical;

	out->price_exp = usdm ? clamp(m - 5, -7, -1) : clamp(m - 4, -8, -2);
	out->tick = 1;
	out->start = in_units(nano, out->price_exp);
	out->qty_exp = usdm ? clamp(1 - size, -3, 0) : clamp(-1 - size, -5, 0);
	typical = (__int128)LEVEL_USD * NANO * power(-out->qty_exp) / usd;
	out->typical = typical < 2 ? 2 : (int64_t)typical;
	out->levels = thin ? THIN : MIDDLE;
	out->weight = thin ? 2 : 10;
	out->reach = REACH;
	out->leg = (uint32_t)(out->start / (8 * REACH));
	if (out->leg > LEG)
		out->leg = LEG;
	if (out->leg < 1)
		out->leg = 1;
}

static int64_t price_of(bc_str base)
{
	for (size_t i = 0; i < N_COINS; i++)
		if (bc_str_is(base, coins[i].base))
			return coins[i].nano;
	return NANO;
}

static void spec_of(bc_str symbol, bool usdm, struct market_spec *out)
{
	bc_str base, quote;
	int64_t nano, usd, quote_nano = NANO;
	bool thin = false;

	memset(out, 0, sizeof *out);
	snprintf(out->name, sizeof out->name, "%.*s", (int)symbol.n, symbol.p);
	binance_split(out->name, &base, &quote);
	for (size_t i = 0; i < N_QUOTES; i++)
		if (bc_str_is(quote, quotes[i].name)) {
			quote_nano = quotes[i].nano;
			thin = quote_nano != NANO;
		}
	usd = price_of(base);
	nano = (int64_t)((__int128)usd * NANO / quote_nano);
	fill(out, usdm, nano > 0 ? nano : 1, usd, thin);
}

void binance_spec_of_spot(bc_str symbol, struct market_spec *out)
{
	spec_of(symbol, false, out);
}

void binance_spec_of_usdm(bc_str symbol, struct market_spec *out)
{
	spec_of(symbol, true, out);
}

/* ------------------------------------------------------------------ a whole market */

static bool taken(const struct market_spec *specs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(specs[i].name, name) == 0)
			return true;
	return false;
}

/* Every coin in every quote, after those that must be there. */
static bool fill_up(struct market_spec *specs, size_t n, size_t have, bool usdm,
		    const char *const *in)
{
	char name[MARKET_NAME_MAX];

	for (; *in != NULL; in++)
		for (size_t i = 0; i < N_COINS && have < n; i++) {
			if (strcmp(*in, coins[i].base) == 0)
				continue;
			snprintf(name, sizeof name, "%s%s", coins[i].base, *in);
			if (!taken(specs, have, name))
				spec_of(bc_str_of(name), usdm, &specs[have++]);
		}
	if (have > 0) {
		specs[0].weight = 40; /* a canary is never quiet for long */
		specs[0].levels = DEEP;
	}
	return have == n;
}

bool binance_specs_spot(struct market_spec *specs, size_t n)
{
	size_t have = 0;

	for (; have < sizeof spot_order / sizeof *spot_order && have < n; have++)
		spec_of(bc_str_of(spot_order[have]), false, &specs[have]);
	return fill_up(specs, n, have, false, spot_quotes);
}

bool binance_specs_usdm(struct market_spec *specs, size_t n)
{
	size_t have = 0;

	for (; have < sizeof usdm_order / sizeof *usdm_order && have < n; have++)
		spec_of(bc_str_of(usdm_order[have]), true, &specs[have]);
	return fill_up(specs, n, have, true, usdm_quotes);
}
