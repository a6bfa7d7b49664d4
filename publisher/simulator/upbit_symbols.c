/* upbit_symbols.c - plausible Upbit symbols: names, ticks by price band, sizes. */
#include "publisher/simulator/upbit.h"

#include <stdio.h>
#include <string.h>

#define E4        10000
#define BTC_KRW   INT64_C(116500000)
#define USDT_KRW  1450
#define DEEP      120 /* levels a side: four times what REST and WebSocket show */
#define THIN      12
#define LEVEL_KRW INT64_C(4000000) /* worth of a typical level */
#define QTY_EXP   (-8)
#define UNIT      INT64_C(100000000) /* 10^-QTY_EXP */

/* A coin and its price in 1/10,000 KRW. The first rows of `order` come first in any market. */
static const struct coin {
	const char *base;
	int64_t krw_e4;
} coins[] = {
	{ "BTC", BTC_KRW *E4 },    { "ETH", 4310000LL * E4 },
	{ "XRP", 3120LL * E4 },    { "SOL", 214500LL * E4 },
	{ "1INCH", 3120000 },      { "DOGE", 2870000 },
	{ "SHIB", 140 },           { "BTT", 7 },
	{ "1000CHECKCAT", 21400 }, { "ADA", 8450000 },
	{ "TRX", 4510000 },        { "LINK", 23400LL * E4 },
	{ "AVAX", 31200LL * E4 },  { "DOT", 5120LL * E4 },
	{ "BCH", 721000LL * E4 },  { "NEAR", 3480LL * E4 },
	{ "ETC", 27300LL * E4 },   { "HBAR", 2910000 },
	{ "XLM", 4170000 },        { "SUI", 3720LL * E4 },
	{ "APT", 6120LL * E4 },    { "AAVE", 391000LL * E4 },
	{ "ATOM", 5710LL * E4 },   { "ALGO", 2870000 },
	{ "VET", 321000 },         { "FIL", 2980LL * E4 },
	{ "ICP", 7210LL * E4 },    { "SAND", 3980000 },
	{ "MANA", 3510000 },       { "AXS", 3270LL * E4 },
	{ "EGLD", 19800LL * E4 },  { "THETA", 1020LL * E4 },
	{ "FLOW", 4870000 },       { "XTZ", 9510000 },
	{ "EOS", 8120000 },        { "IOTA", 2710000 },
	{ "NEO", 8410LL * E4 },    { "QTUM", 2870LL * E4 },
	{ "WAVES", 1510LL * E4 },  { "ZIL", 151000 },
	{ "BAT", 2310000 },        { "ENJ", 980000 },
	{ "CHZ", 571000 },         { "STX", 8970000 },
	{ "ANKR", 211000 },        { "IQ", 58000 },
	{ "DAWN", 2120000 },       { "BASIC", 41000 },
	{ "STORJ", 3510000 },      { "KAVA", 5170000 },
	{ "JST", 451000 },         { "SC", 48000 },
	{ "ONT", 2010000 },        { "ICX", 1710000 },
	{ "STEEM", 1980000 },      { "ARDR", 1120000 },
	{ "ARK", 5710000 },        { "POLYX", 1930000 },
	{ "PUNDIX", 4210000 },     { "VIRTUAL", 1870LL * E4 },
	{ "MOODENG", 2120000 },    { "PEPE", 154 },
	{ "BONK", 381 },           { "SEI", 4120000 },
	{ "TIA", 2610LL * E4 },    { "ARB", 6710000 },
	{ "IMX", 8710000 },        { "GRT", 1270000 },
	{ "MASK", 1980LL * E4 },   { "BLUR", 1210000 },
	{ "STG", 2410000 },        { "CELO", 4170000 },
	{ "GMT", 610000 },         { "ONDO", 1240LL * E4 },
	{ "PENDLE", 6510LL * E4 }, { "ENS", 31800LL * E4 },
	{ "INJ", 18700LL * E4 },   { "JUP", 6710000 },
	{ "PYTH", 1870000 },       { "RENDER", 5210LL * E4 },
	{ "STRAX", 610000 },       { "TFUEL", 510000 },
	{ "WAXP", 321000 },        { "XEC", 291 },
	{ "ZRO", 3110LL * E4 },    { "ZETA", 3510000 },
	{ "ATH", 710000 },         { "AERGO", 1510000 },
	{ "AQT", 1210LL * E4 },    { "BERA", 3410LL * E4 },
	{ "BIGTIME", 810000 },     { "CARV", 3920000 },
	{ "CRO", 1910000 },        { "CVC", 1310000 },
	{ "DKA", 210000 },         { "DRIFT", 8710000 },
	{ "ELF", 3110000 },        { "FCT2", 610000 },
	{ "G", 171000 },           { "GAS", 4210LL * E4 },
	{ "GLM", 3410000 },        { "HIVE", 2910000 },
	{ "HUNT", 4510000 },       { "KNC", 5210000 },
	{ "LPT", 9120LL * E4 },    { "LSK", 5910000 },
	{ "MBL", 31000 },          { "ME", 1120LL * E4 },
	{ "META", 310000 },        { "MLK", 2710000 },
	{ "MOC", 910000 },         { "MTL", 9810000 },
	{ "MVL", 47000 },          { "NMR", 21800LL * E4 },
};

#define N_COINS (sizeof coins / sizeof *coins)

/* A market and the price of its quote currency in KRW. */
static const struct quote {
	const char *name;
	int64_t krw;
} quotes[] = { { "KRW", 1 }, { "BTC", BTC_KRW }, { "USDT", USDT_KRW } };

/* What a small market must hold already: thin sides, other quotes, odd names. */
static const char *const order[] = { "KRW-BTC",  "KRW-ETH",   "KRW-XRP",   "BTC-ETH",
				     "USDT-BTC", "KRW-1INCH", "BTC-1INCH", "KRW-1000CHECKCAT" };

#define N_ORDER      (sizeof order / sizeof *order)
#define INVENTED_MAX 20000

/* KRW ticks since 2025-07-31; the lowest bands go on by powers of ten. Price in 1/10,000. */
static const struct band {
	int64_t from_e4;
	int64_t tick;
	int32_t exponent;
} krw_bands[] = {
	{ 1000000LL * E4, 1, 3 },
	{ 500000LL * E4, 5, 2 },
	{ 100000LL * E4, 1, 2 },
	{ 50000LL * E4, 5, 1 },
	{ 10000LL * E4, 1, 1 },
	{ 5000LL * E4, 5, 0 },
	{ 100LL * E4, 1, 0 },
	{ 10LL * E4, 1, -1 },
	{ 1LL * E4, 1, -2 },
	{ E4 / 10, 1, -3 },
	{ E4 / 100, 1, -4 },
	{ E4 / 1000, 1, -5 },
	{ 0, 1, -8 },
};

/* USDT ticks by price in 1/10,000. */
static const struct band usdt_bands[] = {
	{ 10LL * E4, 1, -2 }, { 1LL * E4, 1, -3 },  { E4 / 10, 1, -4 },
	{ E4 / 100, 1, -5 },  { E4 / 1000, 1, -6 }, { 0, 1, -8 },
};

static const struct band btc_band = { 0, 1, -8 };

static const struct band *band_of(const struct quote *quote, int64_t price_e4)
{
	const struct band *band = krw_bands;

	if (bc_str_is(bc_str_of(quote->name), "BTC"))
		return &btc_band;
	if (bc_str_is(bc_str_of(quote->name), "USDT"))
		band = usdt_bands;
	while (price_e4 < band->from_e4)
		band++;
	return band;
}

static int64_t power(int32_t n)
{
	int64_t value = 1;

	while (n-- > 0)
		value *= 10;
	return value;
}

/* krw_e4 / (10,000 * quote) in ticks of mantissa * 10^exponent, at least a few. */
static int64_t ticks_of(int64_t krw_e4, const struct quote *quote, const struct band *band)
{
	__int128 price = krw_e4;

	if (band->exponent < 0)
		price *= power(-band->exponent);
	else
		price /= power(band->exponent);
	price /= band->tick * quote->krw;
	price /= E4;
	return price < 3 ? 3 : (int64_t)price;
}

static void fill(struct market_spec *out, const struct quote *quote, const struct coin *coin)
{
	const struct band *band = band_of(quote, coin->krw_e4 / quote->krw);
	bool thin = quote->krw != 1;
	__int128 typical = (__int128)LEVEL_KRW * UNIT * E4 / coin->krw_e4;

	memset(out, 0, sizeof *out);
	snprintf(out->name, sizeof out->name, "%s-%s", quote->name, coin->base);
	out->price_exp = band->exponent;
	out->tick = band->tick;
	out->start = ticks_of(coin->krw_e4, quote, band);
	out->qty_exp = QTY_EXP;
	out->typical = typical > UNIT * UNIT / 100 ? UNIT * UNIT / 100 : (int64_t)typical;
	out->levels = thin ? THIN : DEEP;
	out->weight = thin ? 2 : 10;
}

static bool taken(const struct market_spec *specs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(specs[i].name, name) == 0)
			return true;
	return false;
}

void upbit_spec_of(bc_str symbol, struct market_spec *out)
{
	struct coin coin = { "?", 100 * E4 };
	const struct quote *quote = &quotes[0];

	for (size_t q = 0; q < sizeof quotes / sizeof *quotes; q++)
		for (size_t c = 0; c < N_COINS; c++) {
			char name[MARKET_NAME_MAX];

			snprintf(name, sizeof name, "%s-%s", quotes[q].name, coins[c].base);
			if (bc_str_is(symbol, name)) {
				quote = &quotes[q];
				coin = coins[c];
			}
		}
	fill(out, quote, &coin);
	snprintf(out->name, sizeof out->name, "%.*s", (int)symbol.n, symbol.p);
}

bool upbit_specs(struct market_spec *specs, size_t n)
{
	size_t have = 0;

	for (size_t i = 0; i < N_ORDER && have < n; i++)
		upbit_spec_of(bc_str_of(order[i]), &specs[have++]);
	for (size_t q = 0; q < sizeof quotes / sizeof *quotes; q++)
		for (size_t c = 0; c < N_COINS && have < n; c++) {
			if (strcmp(quotes[q].name, coins[c].base) == 0)
				continue;
			fill(&specs[have], &quotes[q], &coins[c]);
			if (!taken(specs, have, specs[have].name))
				have++;
		}
	/* A market of thousands is there to be counted: invented coins, "KRW-Z00001". */
	for (size_t i = 1; have < n && i <= INVENTED_MAX; i++) {
		char base[16];
		snprintf(base, sizeof base, "Z%05zu", i);
		const struct coin coin = { base, coins[i % N_COINS].krw_e4 };
		fill(&specs[have++], &quotes[0], &coin);
	}
	if (have > 0)
		specs[0].weight = 40; /* a canary is never quiet for long */
	return have == n;
}

bool upbit_has_levels(const struct market_spec *spec)
{
	return strncmp(spec->name, "KRW-", 4) == 0;
}

bc_decimal upbit_level(const struct market_spec *spec, size_t k)
{
	if (k == 0)
		return (bc_decimal){ 0, 0 };
	return bc_decimal_normal((bc_decimal){ spec->tick, spec->price_exp + (int32_t)k });
}
