/* What Binance's REST answers mean, and frames for the line itself, on both of its markets. More
 * frames are in tests/golden/exchanges. */
#include "tests/support/feed_heard.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define SPOT         "binance-spot"
#define USDM         "binance-usdm"

static const struct bc_exchange *x;
static void *state;

static void start(const char *exchange)
{
	const char *why = NULL;
	free(state);
	x = bc_exchange_find(exchange);
	cr_assert_not_null(x, "%s", exchange);
	state = calloc(1, x->state_size);
	cr_assert_eq(x->start(state, &(struct bc_feed_options){ .format = NULL }, &why), BC_OK);
}

static void teardown(void)
{
	free(state);
	state = NULL;
}

TestSuite(binance_answers, .fini = teardown);

/* Texts are written with ' for ". */
static const struct {
	const char *exchange;
	enum bc_rest_kind kind;
	const char *body, *want;
} answers[] = {
	{ SPOT, BC_REST_SNAPSHOT,
	  "{'lastUpdateId':1027024,'bids':[['4.00000000','431.00000000'],['3.9','0.00']],"
	  "'asks':[['4.00000200','12.00000000']]}",
	  "book AB flags 5 t -1: b4*431 a4.000002*12 seq 1027024\n" },
	{ SPOT, BC_REST_SNAPSHOT, "{'lastUpdateId':1,'bids':[],'asks':[]}",
	  "book AB flags 5 t -1: seq 1\n" },
	{ SPOT, BC_REST_SNAPSHOT, "{'lastUpdateId':1,'bids':[['1','1'],['2','1']],'asks':[]}",
	  "reject parse AB bids and asks are not in order\n" },
	{ SPOT, BC_REST_SNAPSHOT, "{'lastUpdateId':1,'bids':[]}",
	  "reject parse AB asks is missing\n" },
	{ SPOT, BC_REST_SNAPSHOT, "[]", "reject parse  the answer is missing\n" },
	{ SPOT, BC_REST_SNAPSHOT, "{'code':-1121,'msg':'Invalid symbol.'}",
	  "control 1 code -1121 message Invalid symbol.\n" },
	{ SPOT, BC_REST_SNAPSHOT, "{'code':-1003,'msg':'Way too much'}",
	  "control 1 code -1003 message Way too much back-off\n" },
	{ SPOT, BC_REST_SNAPSHOT, "<html>", "reject parse  not JSON: value expected\n" },
	{ USDM, BC_REST_SNAPSHOT,
	  "{'lastUpdateId':1027024,'E':1589436922972,'T':1589436922959,'bids':[['4.0','431']],"
	  "'asks':[]}",
	  "book AB flags 5 t 1589436922972: b4*431 seq 1027024\n" },
	{ SPOT, BC_REST_INSTRUMENTS,
	  "{'timezone':'UTC','rateLimits':[{}],'symbols':[{'symbol':'ETHBTC','status':'TRADING',"
	  "'baseAsset':'ETH','baseAssetPrecision':8,'quoteAsset':'BTC','filters':[{'filterType':"
	  "'PRICE_FILTER','minPrice':'0.1','tickSize':'0.00001000'},{'filterType':'LOT_SIZE',"
	  "'stepSize':'0.00010000'},{'filterType':'MARKET_LOT_SIZE','stepSize':'0.00000000'},"
	  "{'filterType':'ICEBERG_PARTS','limit':10}]},{'symbol':'A','status':'CANCEL_ONLY',"
	  "'baseAsset':'B','quoteAsset':'C','filters':[{'filterType':'PRICE_FILTER','tickSize':"
	  "'0.00'}]},{'symbol':'D','baseAsset':'B','quoteAsset':'C'},{'symbol':'E','status':'odd',"
	  "'baseAsset':'1','quoteAsset':'2'}]}",
	  "instrument ETHBTC flags 4 t -1: ETH BTC ETH/BTC spot trading tick 0.00001 lot 0.0001\n"
	  "instrument A flags 4 t -1: B C B/C spot suspended tick none lot none\n"
	  "reject parse D status is missing\n"
	  "instrument E flags 4 t -1: 1 2 1/2 spot unknown tick none lot none\n" },
	{ SPOT, BC_REST_INSTRUMENTS, "{'symbols':{}}", "reject parse  the list is missing\n" },
	{ SPOT, BC_REST_INSTRUMENTS, "{'symbols':[1]}", "reject parse AB not a row\n" },
	{ USDM, BC_REST_INSTRUMENTS,
	  "{'assets':[{'asset':'USDT'}],'symbols':[{'symbol':'BTCUSDT','pair':'BTCUSDT',"
	  "'contractType':'PERPETUAL','status':'TRADING','baseAsset':'BTC','quoteAsset':'USDT',"
	  "'marginAsset':'USDT','filters':[{'tickSize':'0.10','filterType':'PRICE_FILTER'},"
	  "{'stepSize':'0.001','filterType':'LOT_SIZE'}]},{'symbol':'BTCUSDT_260925','pair':"
	  "'BTCUSDT','contractType':'CURRENT_QUARTER','status':'SETTLING','baseAsset':'BTC',"
	  "'quoteAsset':'USDT','marginAsset':'USDT'},{'symbol':'NEWUSDT','status':"
	  "'PENDING_TRADING','baseAsset':'NEW','quoteAsset':'USDT','marginAsset':'USDT'},"
	  "{'symbol':'OLDUSDT','status':'CLOSE','baseAsset':'OLD','quoteAsset':'USDT',"
	  "'marginAsset':'USDT'},{'symbol':'XY','status':'TRADING','baseAsset':'X',"
	  "'quoteAsset':'Y'}]}",
	  "instrument BTCUSDT flags 4 t -1: BTC USDT BTC/USDT:USDT linear trading tick 0.1 lot "
	  "0.001 contract 1\n"
	  "instrument BTCUSDT_260925 flags 4 t -1: BTC USDT BTC/USDT:USDT-260925 delivery "
	  "suspended tick none lot none contract 1\n"
	  "instrument NEWUSDT flags 4 t -1: NEW USDT NEW/USDT:USDT linear preview tick none lot "
	  "none contract 1\n"
	  "instrument OLDUSDT flags 4 t -1: OLD USDT OLD/USDT:USDT linear delisted tick none lot "
	  "none contract 1\n"
	  "reject parse XY marginAsset is missing\n" },
	{ SPOT, BC_REST_TRADES,
	  "[{'id':28457,'price':'4.00000100','qty':'12.00000000','quoteQty':'48.0','time':"
	  "1499865549590,'isBuyerMaker':true,'isBestMatch':true},{'id':9223372036854775807,"
	  "'price':'4','qty':'1','time':1499865549591,'isBuyerMaker':false},{'id':1,'price':'4',"
	  "'qty':'0','time':1,'isBuyerMaker':false}]",
	  "trade AB flags 5 t 1499865549590: sell 4.000001*12 id 28457\n"
	  "trade AB flags 5 t 1499865549591: buy 4*1 id 9223372036854775807\n"
	  "reject parse AB price and quantity are not above zero\n" },
	{ USDM, BC_REST_TRADES,
	  "[{'a':26129,'p':'0.01633102','q':'4.70443515','f':27781,'l':27781,'T':1498793709153,"
	  "'m':true}]",
	  "trade AB flags 5 t 1498793709153: sell 0.01633102*4.70443515 id 26129\n" },
	{ SPOT, BC_REST_CANDLES,
	  "[[1499040000000,'0.0163','0.80','0.0157','0.0158','148976.1',1499040059999,'2434.19',"
	  "308,'1756.8','28.4','0'],[1499040060000,'1','3','0.5','2','1',1499040119999,'4']]",
	  "candle AB flags 5 t -1: 1m at 1499040000 0.0163 0.8 0.0157 0.0158 v 148976.1 q 2434.19 "
	  "closed\n"
	  "candle AB flags 5 t -1: 1m at 1499040060 1 3 0.5 2 v 1 q 4\n" },
	{ SPOT, BC_REST_CANDLES,
	  "[[1499040060000,'1','3','0.5','2','1',1499040119999,'4'],[1499040060000,'1','3','0.5',"
	  "'2','1',1499040119999,'4']]",
	  "candle AB flags 5 t -1: 1m at 1499040060 1 3 0.5 2 v 1 q 4\n"
	  "candle AB flags 5 t -1: 1m at 1499040060 1 3 0.5 2 v 1 q 4\n" },
	{ SPOT, BC_REST_CANDLES, "[[1499040060000,'1','3','0.5','2','1'],{},[1,2,'3']]",
	  "reject parse AB closeTime is missing\nreject parse AB not a row\n"
	  "reject parse AB open\n" },
	{ SPOT, BC_REST_CANDLES, "[]", "" },
	{ SPOT, BC_REST_TICKERS,
	  "{'symbol':'AB','priceChange':'0.0015','priceChangePercent':'250.00',"
	  "'weightedAvgPrice':'0.0018','prevClosePrice':'0.0010','lastPrice':'0.0025','lastQty':"
	  "'10','bidPrice':'0.0024','bidQty':'10','askPrice':'0.0026','askQty':'100',"
	  "'openPrice':'0.0010','highPrice':'0.0025','lowPrice':'0.0010','volume':'10000',"
	  "'quoteVolume':'18','openTime':1672429382136,'closeTime':1672515782136,'firstId':0,"
	  "'lastId':18150,'count':18151}",
	  "ticker AB flags 5 t 1672515782136: 0.0025 0.001 0.0025 0.001 v 10000 q 18 change "
	  "0.0015\n" },
	{ USDM, BC_REST_TICKERS,
	  "[{'symbol':'AB','priceChange':'-131.40','lastPrice':'16584.60','closeTime':2},"
	  "{'symbol':'AB'}]",
	  "ticker AB flags 5 t 2: 16584.6 none none none v none q none change -131.4\n"
	  "reject parse AB lastPrice is missing\n" },
	{ SPOT, BC_REST_TICKERS, "{'code':-1121,'msg':'Invalid symbol.'}",
	  "control 1 code -1121 message Invalid symbol.\n" },
	{ SPOT, BC_REST_TICKS, "[]", "reject foreign parse  not asked for\n" },
};

static void give(enum bc_input_kind kind, enum bc_rest_kind rest, const char *text)
{
	static char body[8192];
	size_t n = strlen(text);
	cr_assert(n < sizeof body);
	for (size_t i = 0; i < n; i++)
		body[i] = (char)(text[i] == '\'' ? '"' : text[i]);
	const struct bc_input in = { .kind = kind,
				     .bytes = body,
				     .n_bytes = n,
				     .rest = rest,
				     .symbol = BC_STR("AB"),
				     .interval = BC_INTERVAL_1M };
	heard[0] = '\0';
	x->on_input(state, &in, &heard_sink);
}

Test(binance_answers, rest_answers)
{
	for (size_t i = 0; i < COUNT(answers); i++) {
		start(answers[i].exchange);
		give(BC_INPUT_REST, answers[i].kind, answers[i].body);
		cr_expect_str_eq(heard, answers[i].want, "%s", heard);
	}
}

/* ------------------------------------------------------------------ frames and the line */

static const struct {
	const char *exchange, *frame, *want;
} frames[] = {
	{ SPOT, "{'stream':'!serverShutdown','data':{'e':'serverShutdown','E':1}}",
	  "control 1 code serverShutdown message closes before long leaving\n" },
	{ USDM, "{'e':'serverShutdown','E':1}",
	  "control 1 code serverShutdown message closes before long leaving\n" },
	{ SPOT, "{'error':{'code':'x','msg':5},'id':1}", "reject foreign parse  msg\n" },
	{ SPOT,
	  "{'stream':'ab@depth','data':{'e':'depthUpdate','U':1,'u':2,'b':[['x','1']],"
	  "'a':[],'s':'AB'}}",
	  "reject parse AB bids.price\n" },
	{ SPOT, "{'stream':'ab@depth','data':{'e':'depthUpdate','U':1,'u':2,'b':{},'a':[]}}",
	  "reject parse AB b\n" },
	{ USDM, "{'stream':'ab@markPrice','data':{'e':'markPriceUpdate','p':{}}}", "" },
	{ USDM, "{'stream':'ab@surprise','data':{'e':'depthUpdate'}}",
	  "reject foreign parse  stream\n" },
	{ USDM, "{'e':'surprise'}", "reject foreign parse  e\n" },
	{ USDM,
	  "{'stream':'ab@depth5','data':{'e':'depthUpdate','E':3,'s':'AB','u':2,'pu':1,"
	  "'b':[['1','2']],'a':[]}}",
	  "book AB flags 0 t 3: b1*2 seq 2\n" },
	{ USDM, "{'stream':'ab@aggTrade','data':{'e':'aggTrade','st':2,'p':'what'}}", "" },
	{ SPOT, "{'stream':'ab@aggTrade','data':{'e':'aggTrade','st':2,'p':'what'}}",
	  "reject parse AB p\n" },
};

Test(binance_answers, what_frames_mean_for_the_line_and_for_whom)
{
	for (size_t i = 0; i < COUNT(frames); i++) {
		start(frames[i].exchange);
		give(i % 2 == 0 ? BC_INPUT_TEXT : BC_INPUT_BINARY, 0, frames[i].frame);
		cr_expect_str_eq(heard, frames[i].want, "%s", frames[i].frame);
	}
	heard[0] = '\0';
	cr_expect_eq(x->on_input(state, &(struct bc_input){ .kind = BC_INPUT_OPEN }, &heard_sink),
		     BC_OK);
	cr_expect_eq(x->on_input(state, &(struct bc_input){ .kind = BC_INPUT_CLOSED }, &heard_sink),
		     BC_OK);
	cr_expect_str_empty(heard);
}

/* n bids, one dearer than the next. */
static size_t write_levels(char *out, size_t n, size_t cap)
{
	size_t at = (size_t)snprintf(out, cap, "{\"lastUpdateId\":7,\"asks\":[],\"bids\":[");
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, cap - at, "%s[\"%zu.00000000\",\"1.00000000\"]",
				       i == 0 ? "" : ",", 200000 - i);
	return at + (size_t)snprintf(out + at, cap - at, "]}");
}

static uint32_t n_bids;
static void count_bids(void *self, const struct bc_event *e)
{
	(void)self;
	n_bids = e->body.book.n_bids;
}

Test(binance_answers, the_deepest_snapshot_fits_and_what_is_larger_is_refused_by_name)
{
	static const struct {
		size_t levels;
		bc_status status;
	} rows[] = { { 5000, BC_OK }, { 10000, BC_OK }, { 10001, BC_ERANGE } };
	const size_t cap = 1u << 20;
	const struct bc_feed_sink sink = { NULL, count_bids, on_heard_control, on_heard_reject,
					   NULL };
	char *text = malloc(cap);
	cr_assert_not_null(text);
	for (size_t i = 0; i < COUNT(rows); i++) {
		start(SPOT);
		const struct bc_input in = { .kind = BC_INPUT_REST,
					     .bytes = text,
					     .n_bytes = write_levels(text, rows[i].levels, cap),
					     .rest = BC_REST_SNAPSHOT,
					     .symbol = BC_STR("AB") };
		heard[0] = '\0';
		n_bids = 0;
		cr_expect_eq(x->on_input(state, &in, &sink), rows[i].status);
		if (rows[i].status == BC_OK)
			cr_expect_eq(n_bids, rows[i].levels);
		else
			cr_expect_str_eq(heard, "reject range AB bids\n");
	}
	free(text);
}
