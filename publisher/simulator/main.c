/* main.c - bookcast-sim: a simulated exchange for tests, demonstrations and your own strategies. */
#include "common/version.h"
#include "publisher/simulator/faults.h"
#include "publisher/simulator/sim.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SYMBOLS 20
#define DEFAULT_SEED    1
#define RATE_PER_SYMBOL 10.0

static const char help[] =
	"usage: bookcast-sim --exchange NAME [options]\n"
	"\n"
	"Speaks an exchange's protocol, WebSocket and REST on one port, with invented\n"
	"data. Prints one JSON line when it is ready; SIGINT or SIGTERM ends it.\n"
	"\n"
	"  --exchange NAME    upbit, binance-spot or binance-usdm\n"
	"  --symbols N        symbols of the model market (20)\n"
	"  --seed S           the same seed gives the same market (1)\n"
	"  --rate R           book changes a second, all symbols together (10 a symbol)\n"
	"  --levels N         levels a side of every book (the exchange's own choice)\n"
	"  --walk W           the price goes W times as far with each move (1)\n"
	"  --capture FILE     replay recorded frames (.jsonl or .jsonl.zst, .times beside\n"
	"                     it)\n"
	"  --speed N|max      of a capture: as recorded (1), N times, or as fast as it is\n"
	"                     read\n"
	"  --faults SCRIPT    lines \"at 5s drop n=3\"; the names are below\n"
	"  --truth-log FILE   every change of the true books, a line each\n"
	"                     (docs/SIMULATOR.md)\n"
	"  --listen ADDR:PORT where to listen; port 0 finds a free one (127.0.0.1:0)\n"
	"  --tls              TLS with a certificate made at start (the default)\n"
	"  --plain            no TLS\n"
	"  --cert-name NAME   a certificate for NAME only\n"
	"  --cert-expired     a certificate that ended yesterday\n"
	"  --compression HOW  messages to who offers permessage-deflate: off, on, or\n"
	"                     no-context for one that keeps nothing from message to\n"
	"                     message (off)\n"
	"  --enforce-limits[=count]  tell at the end, in one JSON line, what was over a\n"
	"                     limit of the exchange; with count nothing is done about it\n"
	"                     (see GET /limits)\n"
	"  --idle-close S     close silent connections after S seconds (the exchange's: 60)\n"
	"  --help, --version\n"
	"\n"
	"GET /truth and /truth/SYMBOL show the true books. POST /control takes\n"
	"{\"do\":\"pause\"}, resume, status, {\"do\":\"seek\",\"frame\":N},\n"
	"{\"do\":\"fault\",\"name\":NAME,...}.\n"
	"\n"
	"Faults, and the arguments they take:\n";

enum {
	EXCHANGE = 256,
	SYMBOLS,
	SEED,
	RATE,
	LEVELS,
	WALK,
	CAPTURE,
	SPEED,
	FAULTS,
	TRUTH_LOG,
	LISTEN,
	TLS,
	PLAIN,
	CERT_NAME,
	CERT_EXPIRED,
	COMPRESSION,
	IDLE_CLOSE,
	LIMITS,
	HELP,
	VERSION
};

static const struct option flags[] = {
	{ "exchange", required_argument, NULL, EXCHANGE },
	{ "symbols", required_argument, NULL, SYMBOLS },
	{ "seed", required_argument, NULL, SEED },
	{ "rate", required_argument, NULL, RATE },
	{ "levels", required_argument, NULL, LEVELS },
	{ "walk", required_argument, NULL, WALK },
	{ "capture", required_argument, NULL, CAPTURE },
	{ "speed", required_argument, NULL, SPEED },
	{ "faults", required_argument, NULL, FAULTS },
	{ "truth-log", required_argument, NULL, TRUTH_LOG },
	{ "listen", required_argument, NULL, LISTEN },
	{ "tls", no_argument, NULL, TLS },
	{ "plain", no_argument, NULL, PLAIN },
	{ "cert-name", required_argument, NULL, CERT_NAME },
	{ "cert-expired", no_argument, NULL, CERT_EXPIRED },
	{ "compression", required_argument, NULL, COMPRESSION },
	{ "idle-close", required_argument, NULL, IDLE_CLOSE },
	{ "enforce-limits", optional_argument, NULL, LIMITS },
	{ "help", no_argument, NULL, HELP },
	{ "version", no_argument, NULL, VERSION },
	{ NULL, 0, NULL, 0 },
};

/* A number in [low, high]; complains otherwise. */
static bool number(const char *flag, const char *text, double low, double high, double *out)
{
	char *end;

	*out = strtod(text, &end);
	if (end != text && *end == '\0' && *out >= low && *out <= high)
		return true;
	fprintf(stderr, "bookcast-sim: --%s %s: expected a number from %g to %g\n", flag, text, low,
		high);
	return false;
}

static bool find_exchange(const char *name, struct sim_options *o)
{
	o->face = sim_face_find(name);
	if (o->face != NULL)
		return true;
	fprintf(stderr, "bookcast-sim: --exchange %s: not one of:", name);
	for (size_t i = 0; sim_faces[i] != NULL; i++)
		fprintf(stderr, " %s", sim_faces[i]->name);
	fputc('\n', stderr);
	return false;
}

static bool take_compression(const char *value, struct sim_options *o)
{
	static const char *const words[] = { [WS_DEFLATE_OFF] = "off",
					     [WS_DEFLATE_ON] = "on",
					     [WS_DEFLATE_NO_CONTEXT] = "no-context" };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(value, words[i]) == 0) {
			o->compression = (enum ws_deflate_mode)i;
			return true;
		}
	fprintf(stderr, "bookcast-sim: --compression %s: expected off, on or no-context\n", value);
	return false;
}

static bool take_limits(const char *value, struct sim_options *o)
{
	o->tells_limits = true;
	if (value == NULL || strcmp(value, "punish") == 0)
		return true;
	o->limits = SIM_LIMITS_COUNTED;
	if (strcmp(value, "count") == 0)
		return true;
	fprintf(stderr, "bookcast-sim: --enforce-limits=%s: expected count or punish\n", value);
	return false;
}

/* False: something is wrong and was said. */
static bool take_flag(int flag, const char *value, struct sim_options *o)
{
	double n = 0;
	bool good = true;

	switch (flag) {
	case EXCHANGE:
		return find_exchange(value, o);
	case SYMBOLS:
		good = number("symbols", value, 1, 10000, &n);
		o->n_symbols = (size_t)n;
		return good;
	case SEED:
		good = number("seed", value, 0, 9e15, &n);
		o->seed = (uint64_t)n;
		return good;
	case RATE:
		return number("rate", value, 0.001, 1e6, &o->rate);
	case LEVELS:
		good = number("levels", value, 1, 20000, &n);
		o->levels = (uint32_t)n;
		return good;
	case WALK:
		return number("walk", value, 0.001, 10000, &o->walk);
	case CAPTURE:
		o->capture = value;
		return true;
	case SPEED:
		if (strcmp(value, "max") == 0) {
			o->speed = 0;
			return true;
		}
		return number("speed", value, 0.001, 1e6, &o->speed);
	case FAULTS:
		o->faults = value;
		return true;
	case TRUTH_LOG:
		o->truth_log = value;
		return true;
	case LISTEN:
		o->listen = value;
		return true;
	case TLS:
	case PLAIN:
		o->plain = flag == PLAIN;
		return true;
	case CERT_NAME:
		o->certificate.name = value;
		return true;
	case CERT_EXPIRED:
		o->certificate.expired = true;
		return true;
	case LIMITS:
		return take_limits(value, o);
	case COMPRESSION:
		return take_compression(value, o);
	case IDLE_CLOSE:
		good = number("idle-close", value, 0.05, 86400, &n);
		o->idle_close_ns = (int64_t)(n * (double)BC_NS_PER_S);
		return good;
	default:
		fputs("bookcast-sim: see bookcast-sim --help\n", stderr);
		return false;
	}
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct sim_options *o)
{
	int flag;

	while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
		if (flag == VERSION) {
			printf("bookcast-sim %s (%s)\n", bc_version, bc_version_git);
			return EXIT_SUCCESS;
		}
		if (flag == HELP) {
			fputs(help, stdout);
			sim_faults_help(stdout);
			return EXIT_SUCCESS;
		}
		if (!take_flag(flag, optarg, o))
			return EXIT_FAILURE;
	}
	if (optind < argc || o->face == NULL) {
		if (optind < argc)
			fprintf(stderr, "bookcast-sim: unexpected '%s'\n", argv[optind]);
		else
			fputs("bookcast-sim: --exchange is missing, for example: "
			      "bookcast-sim --exchange upbit\n",
			      stderr);
		return EXIT_FAILURE;
	}
	if (o->rate == 0)
		o->rate = RATE_PER_SYMBOL * (double)o->n_symbols;
	return -1;
}

static bool say(void (*put)(const struct sim *sim, struct sim_buffer *out), const struct sim *sim)
{
	struct sim_buffer line = { NULL, 0, 0, false };
	bool said;

	put(sim, &line);
	said = !line.failed && fwrite(line.data, 1, line.n, stdout) == line.n &&
	       fflush(stdout) == 0;
	sim_buffer_free(&line);
	return said;
}

static void on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	uv_stop(handle->loop);
}

/* Runs until a signal. */
static int serve(uv_loop_t *loop, const struct sim *sim, bool tells_limits)
{
	static const int numbers[] = { SIGINT, SIGTERM };
	uv_signal_t handles[2];
	bool said;

	for (size_t i = 0; i < 2; i++) {
		uv_signal_init(loop, &handles[i]);
		uv_signal_start(&handles[i], on_signal, numbers[i]);
	}
	said = say(sim_ready_line, sim);
	if (said)
		uv_run(loop, UV_RUN_DEFAULT);
	if (said && tells_limits)
		said = say(sim_limits_line, sim);
	for (size_t i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&handles[i], NULL);
	uv_run(loop, UV_RUN_NOWAIT);
	return said ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct sim_options options = { .n_symbols = DEFAULT_SYMBOLS,
				       .seed = DEFAULT_SEED,
				       .speed = 1,
				       .listen = "127.0.0.1:0" };
	struct sim *sim = NULL;
	uv_loop_t loop;
	char why[256] = "";
	int code = parse(argc, argv, &options);

	if (code >= 0)
		return code;
	signal(SIGPIPE, SIG_IGN);
	if (uv_loop_init(&loop) != 0)
		return EXIT_FAILURE;
	if (sim_start(&sim, &loop, &options, why, sizeof why) == BC_OK) {
		code = serve(&loop, sim, options.tells_limits);
	} else {
		fprintf(stderr, "bookcast-sim: %s\n", why);
		code = EXIT_FAILURE;
	}
	sim_stop(sim);
	uv_run(&loop, UV_RUN_DEFAULT);
	sim_free(&sim);
	return uv_loop_close(&loop) == 0 ? code : EXIT_FAILURE;
}
