/* A setting that is misread, or an error nobody understands, costs a night. The files under
 * tests/golden/config are run as `bookcast-gateway --config <file> --check`; what must be printed
 * stands beside each, .ok on stdout or .err on stderr. */
#include "common/config.h"
#include "common/config_keys.h"
#include "tests/support/child.h"
#include "tests/support/golden.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct call {
	enum bc_program program;
	const char *args[8];
	const char *env[4]; /* NAME=value */
	const struct bc_config_more *more;
	void (*look)(const struct bc_config *c, int n_args, char **argv);
	bool takes_args;
};

static int load_in_child(void *self)
{
	const struct call *call = self;
	struct bc_config *c = NULL;
	char *argv[10] = { (char *)"program" };
	int argc = 1, n_args = 0;
	char path[512];
	snprintf(path, sizeof path, "%s/tests/golden/config", golden_source());
	if (chdir(path) != 0)
		return 99;
	clearenv();
	for (int i = 0; i < 4 && call->env[i] != NULL; i++)
		putenv((char *)call->env[i]);
	while (argc < 9 && call->args[argc - 1] != NULL) {
		argv[argc] = (char *)call->args[argc - 1];
		argc++;
	}
	enum bc_config_outcome outcome =
		bc_config_load(&c, call->program, argc, argv, call->takes_args ? &n_args : NULL,
			       call->more);
	if (outcome == BC_CONFIG_RUN && call->look != NULL)
		call->look(c, n_args, argv);
	bc_config_free(&c);
	return (int)outcome;
}

static struct child load(struct call call)
{
	return child_run(load_in_child, &call);
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);
	return n > m && strcmp(name + n - m, suffix) == 0;
}

/* Without the lines of defaults, so that a new row of the table changes no file here. */
static void drop_defaults(char *text)
{
	char *to = text;
	for (char *line = text, *end; *line != '\0'; line = end) {
		end = line + strcspn(line, "\n");
		end += *end == '\n';
		size_t n = (size_t)(end - line);
		if (n >= 12 && memcmp(end - 12, "  # default\n", 12) == 0)
			continue;
		memmove(to, line, n);
		to += n;
	}
	*to = '\0';
}

Test(config, golden_files)
{
	char path[512], golden[300];
	unsigned n_good = 0, n_bad = 0;
	snprintf(path, sizeof path, "%s/tests/golden/config", golden_source());
	DIR *dir = opendir(path);
	cr_assert_not_null(dir, "%s", path);
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		if (!has_suffix(e->d_name, ".yaml"))
			continue;
		struct child got = load((struct call){
			.program = BC_GATEWAY, .args = { "--config", e->d_name, "--check" } });
		bool good = got.exit_code == BC_CONFIG_DONE;
		cr_expect(good || got.exit_code == BC_CONFIG_BAD, "%s: %d", e->d_name,
			  got.exit_code);
		cr_expect_str_eq(good ? got.err : got.out, "", "%s", e->d_name);
		snprintf(golden, sizeof golden, "config/%.*s%s", (int)strlen(e->d_name) - 5,
			 e->d_name, good ? ".ok" : ".err");
		drop_defaults(got.out);
		golden_expect(golden, good ? got.out : got.err);
		n_good += good;
		n_bad += !good;
		child_free(&got);
	}
	closedir(dir);
	cr_expect_geq(n_good, 2);
	cr_expect_geq(n_bad, 18);
}

#define GIVEN "--exchange", "upbit", "--symbols=KRW-BTC"

static const struct {
	struct call call;
	int outcome;
	const char *err; /* a part of it */
} rows[] = {
	{ { BC_GATEWAY, { GIVEN }, { 0 }, NULL, NULL, 0 }, BC_CONFIG_RUN, "" },
	{ { BC_CACHE, { 0 }, { 0 }, NULL, NULL, 0 }, BC_CONFIG_RUN, "" },
	{ { BC_GATEWAY, { "--exchange", "upbit" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "bookcast-gateway: symbols: not given, and it has no default" },
	{ { BC_GATEWAY, { "--exchange", "upbit", "--symbols", "" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "bookcast-gateway: --symbols: symbols: empty" },
	{ { BC_GATEWAY, { GIVEN, "--symbls", "x" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "'--symbls': no such option; did you mean --symbols?" },
	{ { BC_GATEWAY, { GIVEN, "--symb", "x" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "'--symb': no such option" },
	{ { BC_GATEWAY, { GIVEN, "--symb=x" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "'--symb': no such option" },
	{ { BC_GATEWAY, { GIVEN, "-x" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "'-x': no such option; --help lists them" },
	{ { BC_GATEWAY, { GIVEN, "--levels" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "--levels needs a value" },
	{ { BC_GATEWAY, { GIVEN, "--check=yes" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "'--check=yes': takes no value" },
	{ { BC_GATEWAY, { GIVEN, "stray" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "'stray': not an option" },
	{ { BC_GATEWAY, { GIVEN, "--levels", "1" }, { 0 }, NULL, NULL, 0 }, BC_CONFIG_RUN, "" },
	{ { BC_GATEWAY, { GIVEN, "--levels", "1000" }, { 0 }, NULL, NULL, 0 }, BC_CONFIG_RUN, "" },
	{ { BC_GATEWAY, { GIVEN, "--levels", "1001" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "must be from 1 to 1000 levels" },
	{ { BC_GATEWAY, { GIVEN, "--levels", "0" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "bookcast-gateway: --levels: book.levels: '0': must be from 1 to 1000 levels" },
	{ { BC_GATEWAY, { GIVEN }, { "BOOKCAST_BOOK__LEVELS=x" }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "bookcast-gateway: BOOKCAST_BOOK__LEVELS: book.levels: 'x': must be a whole number" },
	{ { BC_GATEWAY, { GIVEN }, { "BOOKCAST_SYMBOL=x" }, NULL, NULL, 0 },
	  BC_CONFIG_RUN,
	  "BOOKCAST_SYMBOL is not a setting and is ignored; did you mean BOOKCAST_SYMBOLS?" },
	{ { BC_GATEWAY, { GIVEN }, { "BOOKCAST_BIN=/x", "BOOKCAST_SOURCE=/y" }, NULL, NULL, 0 },
	  BC_CONFIG_RUN,
	  "" },
	{ { BC_GATEWAY, { GIVEN, "--config", "nowhere.yaml" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "bookcast-gateway: nowhere.yaml: No such file or directory; check the name" },
	{ { BC_GATEWAY, { GIVEN, "--config", "." }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "bookcast-gateway: .: is a directory; --config takes a file" },
	{ { BC_GATEWAY, { GIVEN, "--config", "" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "--config: needs the name of a file" },
	{ { BC_GATEWAY, { GIVEN, "--config", "/dev/zero" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "bookcast-gateway: /dev/zero: larger than 1048576 bytes" },
	{ { BC_GATEWAY, { GIVEN }, { "BOOKCAST_CONFIG=nowhere.yaml" }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "nowhere.yaml: No such file" },
	{ { BC_CACHE, { "--config", "full.yaml" }, { 0 }, NULL, NULL, 0 }, BC_CONFIG_RUN, "" },
	{ { BC_CACHE, { "--symbols", "x" }, { 0 }, NULL, NULL, 0 },
	  BC_CONFIG_BAD,
	  "'--symbols': no such option" },
	{ { BC_CLI, { "--config", "x" }, { 0 }, NULL, NULL, 1 },
	  BC_CONFIG_BAD,
	  "bookcast: '--config': no such option" },
};

Test(config, flags_and_environment_are_checked_and_errors_say_what_would_be_right)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct child got = load(rows[i].call);
		cr_expect_eq(got.exit_code, rows[i].outcome, "row %zu: %d %s", i, got.exit_code,
			     got.err);
		if (rows[i].err[0] == '\0')
			cr_expect_str_eq(got.err, "", "row %zu", i);
		cr_expect_not_null(strstr(got.err, rows[i].err), "row %zu: %s", i, got.err);
		child_free(&got);
	}
}

static void print_some(const struct bc_config *c, int n_args, char **argv)
{
	printf("%lld %lld %d %d", (long long)bc_config_int(c, BC_KEY_BOOK_LEVELS),
	       (long long)bc_config_ns(c, BC_KEY_FEED_SILENT_AFTER),
	       bc_config_bool(c, BC_KEY_BUS_ALLOW_INSECURE), bc_config_word(c, BC_KEY_LOG_LEVEL));
	for (size_t i = 0; i < bc_config_count(c, BC_KEY_SYMBOLS); i++)
		printf(" %s", bc_config_item(c, BC_KEY_SYMBOLS, i));
	for (int i = 1; i <= n_args; i++)
		printf(" [%s]", argv[i]);
}

Test(config, a_flag_wins_over_the_environment_and_that_over_the_file)
{
	static const struct {
		struct call call;
		const char *out;
	} cases[] = {
		{ { BC_GATEWAY, { "--config=full.yaml" }, { 0 }, NULL, print_some, 0 },
		  "15 2500000000 1 2 KRW-BTC KRW-* a, b" },
		{ { BC_GATEWAY,
		    { "--config=full.yaml" },
		    { "BOOKCAST_BOOK__LEVELS=7", "BOOKCAST_SYMBOLS=A, B" },
		    NULL,
		    print_some,
		    0 },
		  "7 2500000000 1 2 A B" },
		{ { BC_GATEWAY,
		    { "--config=full.yaml", "--levels=8", "--allow-insecure=no", "--symbols", "X,Y",
		      "--symbols=Z", "--log-level=error" },
		    { "BOOKCAST_BOOK__LEVELS=7", "BOOKCAST_SYMBOLS=A, B" },
		    NULL,
		    print_some,
		    0 },
		  "8 2500000000 0 0 X Y Z" },
		{ { BC_GATEWAY,
		    { "one", "--exchange", "e", "two", "--symbols=S", "--allow-insecure", "--",
		      "--three" },
		    { 0 },
		    NULL,
		    print_some,
		    1 },
		  "30 5000000000 1 2 S [one] [two] [--three]" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct child got = load(cases[i].call);
		cr_expect_eq(got.exit_code, BC_CONFIG_RUN, "row %zu: %s", i, got.err);
		cr_expect_str_eq(got.out, cases[i].out, "row %zu", i);
		child_free(&got);
	}
}

Test(config, what_check_prints_is_a_file_that_gives_the_same_again)
{
	char path[] = "/tmp/bc-config-XXXXXX";
	struct child first = load((struct call){
		BC_GATEWAY, { "--config=full.yaml", "--check" }, { 0 }, NULL, NULL, false });
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, first.out, strlen(first.out)), (ssize_t)strlen(first.out));
	close(fd);
	struct child second = load((struct call){
		BC_GATEWAY, { "--config", path, "--check" }, { 0 }, NULL, NULL, false });
	cr_expect_eq(second.exit_code, BC_CONFIG_DONE, "%s", second.err);
	char *a = first.out, *b = second.out, *x, *y;
	while ((x = strsep(&a, "\n")) != NULL && (y = strsep(&b, "\n")) != NULL) {
		x[strcspn(x, "#")] = '\0'; /* all but the origin */
		y[strcspn(y, "#")] = '\0';
		cr_expect_str_eq(x, y);
	}
	unlink(path);
	child_free(&first);
	child_free(&second);
}

static bool refuse_upbit(const struct bc_config *c)
{
	if (strcmp(bc_config_text(c, BC_KEY_EXCHANGE), "upbit") != 0)
		return true;
	bc_config_complain(c, BC_KEY_EXCHANGE, -1, "not today");
	bc_config_complain(c, BC_KEY_SYMBOLS, 1, "not this one");
	return false;
}

Test(config, a_program_adds_its_own_rules_and_they_name_the_place)
{
	static const struct bc_config_more more = { .rules = refuse_upbit };
	struct child got = load((struct call){
		BC_GATEWAY, { "--config=full.yaml", "--check" }, { 0 }, &more, NULL, false });
	cr_expect_eq(got.exit_code, BC_CONFIG_BAD);
	cr_expect_str_eq(got.out, "");
	cr_expect_str_eq(got.err,
			 "bookcast-gateway: full.yaml:2: exchange: 'upbit': not today\n"
			 "bookcast-gateway: full.yaml:5: symbols: 'KRW-*': not this one\n");
	child_free(&got);
}

static struct bc_verb_flag verb_flags[] = { { "depth", "N", "levels a side", NULL },
					    { "wide", NULL, "all columns", NULL } };

static void print_flags(const struct bc_config *c, int n_args, char **argv)
{
	(void)c;
	printf("%s %s %d %s", verb_flags[0].value ? verb_flags[0].value : "-",
	       verb_flags[1].value ? "wide" : "-", n_args, n_args ? argv[1] : "");
}

Test(config, a_verb_has_flags_of_its_own)
{
	static const struct bc_config_more more = { .flags = verb_flags,
						    .n_flags = 2,
						    .name = "bookcast get" };
	struct child got = load((struct call){
		BC_CLI, { "upbit", "--depth", "5", "--wide" }, { 0 }, &more, print_flags, true });
	cr_expect_eq(got.exit_code, BC_CONFIG_RUN, "%s", got.err);
	cr_expect_str_eq(got.out, "5 wide 1 upbit");
	child_free(&got);
	got = load((struct call){ BC_CLI, { "--dept", "5" }, { 0 }, &more, print_flags, true });
	cr_expect_eq(got.exit_code, BC_CONFIG_BAD);
	cr_expect_str_eq(got.err,
			 "bookcast get: '--dept': no such option; did you mean --depth?\n");
	child_free(&got);
}

Test(config, a_flag_of_one_letter_is_a_short_option)
{
	static const struct {
		const char *words[5], *out, *err;
	} letters[] = {
		{ { "upbit", "-n", "5", "KRW-BTC" }, "5 - 2 upbit", "" },
		{ { "-n20", "upbit", "--wide" }, "20 wide 1 upbit", "" },
		{ { "upbit", "-n" }, "", "bookcast trades: -n needs a value\n" },
		{ { "upbit", "-x" },
		  "",
		  "bookcast trades: '-x': no such option; --help lists them\n" },
		{ { "upbit", "--n", "5" }, "", "bookcast trades: '--n': no such option" },
	};
	static const struct bc_config_more more = { .flags = verb_flags,
						    .n_flags = 2,
						    .name = "bookcast trades" };
	const struct bc_verb_flag depth = verb_flags[0];
	verb_flags[0] = (struct bc_verb_flag){ "n", "N", "how many", NULL };
	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
		struct call call = { BC_CLI, { 0 }, { 0 }, &more, print_flags, true };
		for (size_t k = 0; letters[i].words[k] != NULL; k++)
			call.args[k] = letters[i].words[k];
		struct child got = load(call);
		cr_expect_eq(got.exit_code, letters[i].err[0] ? BC_CONFIG_BAD : BC_CONFIG_RUN);
		cr_expect_str_eq(got.out, letters[i].out, "row %zu: %s", i, got.out);
		cr_expect_eq(strncmp(got.err, letters[i].err, strlen(letters[i].err)), 0, "%s",
			     got.err);
		child_free(&got);
	}
	struct child got = load((struct call){ BC_CLI, { "--help" }, { 0 }, &more, NULL, true });
	cr_expect_not_null(strstr(got.out, "\n  -n N\n      how many\n"), "%s", got.out);
	child_free(&got);
	verb_flags[0] = depth;
}

Test(config, help_and_version_answer_even_beside_errors)
{
	struct child got =
		load((struct call){ BC_GATEWAY, { "--help" }, { 0 }, NULL, NULL, false });
	cr_expect_eq(got.exit_code, BC_CONFIG_DONE);
	cr_expect_not_null(strstr(got.out, "Examples\n  bookcast-gateway --exchange upbit"));
	for (int i = 0; i < BC_N_KEYS; i++) {
		char flag[64];
		snprintf(flag, sizeof flag, "  --%s", bc_keys[i].flag);
		if (bc_keys[i].programs & BC_GATEWAY)
			cr_expect_not_null(strstr(got.out, flag), "%s", flag);
	}
	cr_expect_null(strstr(got.out, "--retain"), "a flag of another program");
	for (char *at = got.out, *line; (line = strsep(&at, "\n")) != NULL;)
		cr_expect_leq(strlen(line), 100, "%s", line);
	child_free(&got);
	got = load((struct call){ BC_CACHE, { "--version" }, { 0 }, NULL, NULL, false });
	cr_expect_eq(got.exit_code, BC_CONFIG_DONE);
	cr_expect_eq(strncmp(got.out, "bookcast-cache 0.", 17), 0, "%s", got.out);
	child_free(&got);
}

Test(config, every_row_of_the_table_is_sound)
{
	for (int i = 0; i < BC_N_KEYS; i++) {
		const struct bc_key_row *row = &bc_keys[i];
		char env[BC_ENV_NAME_MAX];
		bc_key_env_name(row, env);
		cr_expect_lt(strlen(env), BC_ENV_NAME_MAX - 1, "%s", row->key);
		cr_expect_gt(strlen(row->help), 10, "%s", row->key);
		cr_expect_eq(bc_key_find(row->key), i, "%s is in the table twice", row->key);
		cr_expect_str_neq(bc_key_example((enum bc_key)i), "...", "%s", row->key);
		for (int j = 0; j < i; j++) /* two programs may use one flag for two keys */
			cr_expect(strcmp(row->flag, bc_keys[j].flag) != 0 ||
					  (row->programs & bc_keys[j].programs) == 0,
				  "--%s is both %s and %s", row->flag, row->key, bc_keys[j].key);
	}
}
