// watch.js - what users run today: ccxt pro's watchOrderBook on Upbit, one symbol, and what a message costs it.
//
//   node watch.js URL WARM N RESULT      (NODE_PATH: where ccxt is; NODE_EXTRA_CA_CERTS: whom to trust)
//
// Started by `bookcast-bench --only line.ccxt`. The first WARM order books let the compiler settle; of the N after them the
// CPU time of the whole process is taken and written to RESULT as JSON. ccxt rejects nothing, keeps no sequence and publishes
// to nobody: its caller gets the book. While it is busy its caller sees fewer books than came (`callbacks`).
'use strict';
const fs = require('fs');
const ccxt = require('ccxt');

const [url, warm, n, result] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4]), process.argv[5]];
const exchange = new ccxt.pro.upbit({ enableRateLimit: false });
exchange.urls.api.ws = url;
exchange.setMarkets([exchange.safeMarketStructure({
	id: 'KRW-BTC', symbol: 'BTC/KRW', base: 'BTC', quote: 'KRW', baseId: 'BTC', quoteId: 'KRW',
	type: 'spot', spot: true, active: true,
})]);

let books = 0, callbacks = 0, before = null;
const handle = exchange.handleOrderBook;
exchange.handleOrderBook = function (client, message) {
	handle.call(this, client, message);
	books++;
	if (books === warm)
		before = process.cpuUsage();
	if (books === warm + n)
		tell(process.cpuUsage(before));
};

function tell(used) {
	const found = { ccxt: ccxt.version, node: process.version, messages: n, callbacks, cpu_us: used.user + used.system };
	fs.writeFileSync(result + '.new', JSON.stringify(found) + '\n');
	fs.renameSync(result + '.new', result);
	process.exit(0);
}

(async () => {
	console.log('ready');
	for (;;) {
		const book = await exchange.watchOrderBook('BTC/KRW');
		if (!(book.bids[0][0] < book.asks[0][0]))
			throw new Error(`a book that cannot be: ${book.bids[0]} ${book.asks[0]}`);
		callbacks++;
	}
})().catch((error) => {
	console.error(error.message);
	process.exit(1);
});
